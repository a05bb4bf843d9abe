// Somebody at a desk of their own, who works on a case through the console.
import type { Browser, BrowserContext, Page } from '@playwright/test'
import { expect, type House } from './house'

/** What an action is asked with. */
interface Asked {
  order?: number
  /** Buttons in the dialog. */
  pick?: readonly string[]
  choose?: Record<string, string>
  write?: Record<string, string>
}

/** Somebody at a desk of their own. */
export class Desk {
  readonly page: Page
  readonly #context: BrowserContext
  readonly #house: House

  private constructor(page: Page, context: BrowserContext, house: House) {
    this.page = page
    this.#context = context
    this.#house = house
  }

  static async of(browser: Browser, house: House, login: string, at?: [number, number]): Promise<Desk> {
    const context = await browser.newContext({
      permissions: at ? ['geolocation'] : [],
      geolocation: at && { longitude: at[0], latitude: at[1], accuracy: 8 },
    })
    const answer = await context.request.post(`${house.url}/api/v1/session`, {
      data: { login, password: house.password(login) },
    })
    expect(answer.status(), await answer.text()).toBe(200)
    context.setDefaultTimeout(20_000)
    return new Desk(await context.newPage(), context, house)
  }

  open = (path: string) => this.page.goto(`${this.#house.url}/console/${path}`)

  async case(id: string, state: string): Promise<void> {
    await this.open(`incidents/${id}`)
    await this.stands(state)
  }

  stands = (state: string) => expect(this.page.locator('[data-state]')).toHaveText(state)

  /** Presses the button of an action, wherever it is. */
  async press(name: string): Promise<void> {
    const group = this.page.getByRole('group', { name: '办理' })
    const button = group.getByRole('button', { name, exact: true })
    if (await button.isVisible()) await button.click()
    else {
      await group.getByRole('button', { name: /更多/ }).click()
      await this.page.locator('.n-dropdown-option').getByText(name, { exact: true }).click()
    }
  }

  order(seq: number) {
    return this.page.locator(`tr[data-order="${seq}"]`)
  }

  get dialog() {
    return this.page.getByRole('dialog')
  }

  write = (label: string, text: string) => this.dialog.getByLabel(label, { exact: true }).fill(text)

  async choose(label: string, option: string): Promise<void> {
    await this.dialog.locator('.n-form-item', { hasText: label }).locator('.n-base-selection').click()
    await this.page.locator('.n-base-select-option').getByText(option, { exact: true }).click()
  }

  async send(name: string): Promise<void> {
    await this.dialog.getByRole('button', { name, exact: true }).click()
    await expect(this.dialog).toHaveCount(0)
  }

  /** An action from its button to its end: of the case, or of one of its orders. */
  async act(name: string, of: Asked = {}): Promise<void> {
    if (of.order) await this.order(of.order).getByRole('button', { name, exact: true }).click()
    else await this.press(name)
    for (const button of of.pick ?? []) await this.dialog.getByRole('button', { name: button }).click()
    for (const [label, option] of Object.entries(of.choose ?? {})) await this.choose(label, option)
    for (const [label, text] of Object.entries(of.write ?? {})) await this.write(label, text)
    await this.send(name)
  }

  close = () => this.#context.close()
}
