import type { APIRequestContext, Page } from '@playwright/test'
import { expect, type House, test } from './house'

// A doubtful day from the phone that made it to the second decision: the worker
// sees and explains, a supervisor decides, the worker appeals, another supervisor decides.

async function enter(page: Page, house: House, login: string, path: string): Promise<void> {
  const answer = await page.request.post(`${house.url}/api/v1/session`, {
    data: { login, password: house.password(login) },
  })
  expect(answer.status()).toBe(200)
  await page.goto(house.url + path)
}

/** Yesterday's hour of duty, as a phone that makes places up would send it today. */
async function yesterday(api: APIRequestContext): Promise<void> {
  const from = Date.now() - 86_400_000
  const fixes = Array.from({ length: 120 }, (_one, i) => ({
    at: new Date(from + i * 10_000).toISOString(),
    lon: 114.209 + 0.001 * Math.sin(i / 9),
    lat: 22.6875 + 0.001 * Math.cos(i / 7),
    accuracy: 4 + (i % 5),
    mock: true,
  }))
  const answer = await api.post('/api/v1/fixes', {
    data: {
      client: 'e2e',
      sessions: [
        {
          id: crypto.randomUUID(),
          purpose: 'patrol',
          started_at: new Date(from - 60_000).toISOString(),
          ended_at: new Date(from + 1_300_000).toISOString(),
          consent: '2026-01',
        },
      ],
      fixes,
    },
  })
  expect(answer.status(), await answer.text()).toBe(200)
}

test('a doubtful day is seen, explained, decided, appealed and decided again by somebody else', async ({
  browser,
  house,
}) => {
  test.setTimeout(420_000)
  const worker = await house.as('worker')
  await yesterday(worker)
  await expect
    .poll(async () => (await (await worker.get('/api/v1/me/doubts')).json()).total, { timeout: 240_000 })
    .toBeGreaterThan(0)

  const mine = (await (await worker.get('/api/v1/me/doubts')).json()).doubts[0].id

  const phone = await browser.newPage({ viewport: { width: 390, height: 844 } })
  await enter(phone, house, 'worker', '/m/')
  await phone.locator('[data-test=mine]').click()
  await phone.locator('[data-test=doubt]').first().click()
  await expect(phone.locator('[data-test=state]')).toContainText('等您说明')
  await expect(phone.getByText('模拟定位').first()).toBeVisible()
  await expect(phone.locator('[data-test=next]')).toContainText('由一位管理人员认定')
  // said without a network, it waits on the phone and goes when there is one
  await phone.context().setOffline(true)
  await phone.locator('[data-test=explain]').click()
  await phone.locator('[data-test=words]').fill('手机送修，维修人员打开了模拟定位')
  await phone.locator('[data-test=send]').click()
  await expect(phone.locator('[data-test=waiting]')).toContainText('我来说明')
  await phone.context().setOffline(false)
  await expect(phone.locator('[data-test=state]')).toContainText('已说明', { timeout: 90_000 })

  const decide = async (login: string, verdict: string, reason: string): Promise<void> => {
    const desk = await browser.newPage({ viewport: { width: 1920, height: 1080 } })
    await enter(desk, house, login, '/console/doubts')
    await expect(desk.getByText('模拟定位').first()).toBeVisible()
    await desk.goto(`${house.url}/console/doubts/${mine}`) // others of the street may be doubted too
    await desk.locator('[data-test=look]').click()
    await expect(desk.locator('canvas').first()).toBeVisible()
    await desk.locator('[data-test=decide]').click()
    await desk.locator('.n-base-selection').last().click()
    await desk.locator('.n-base-select-option', { hasText: verdict }).click()
    await desk.locator('textarea').last().fill(reason)
    await desk.getByRole('dialog').getByRole('button', { name: '确定' }).click()
    await expect(desk.locator('.steps').getByText(reason)).toBeVisible()
    await desk.close()
  }
  await decide('operator', '存疑属实', '没有送修记录')

  await phone.reload()
  await phone.locator('[data-test=mine]').click()
  await phone.locator('[data-test=doubt]').first().click()
  await expect(phone.locator('[data-test=state]')).toContainText('存疑属实')
  await expect(phone.locator('[data-test=deadline]')).toContainText('前申诉一次')
  await phone.locator('[data-test=appeal]').click()
  await phone.locator('[data-test=words]').fill('有送修单')
  await phone.locator('[data-test=send]').click()
  await expect(phone.locator('[data-test=state]')).toContainText('申诉中')
  await decide('commander', '排除存疑', '核对了送修单')
  const { doubts } = await (await worker.get('/api/v1/me/doubts')).json()
  expect(doubts[0].state).toBe('closed')
  expect(doubts[0].verdict).toBe('cleared')
  const { looks } = await (await worker.get('/api/v1/me/data')).json()
  expect(looks.filter((look: { what: string }) => look.what === 'doubt').length).toBeGreaterThanOrEqual(2)
  await worker.dispose()
})
