import { expect, House, test } from './house'

// A month of the demo street's past is assessed: opened, looked at, published,
// appealed against, decided and locked, each by whom it belongs to.
test.use({ viewport: { width: 1920, height: 1080 } })

async function enter(page: import('@playwright/test').Page, house: House, login: string): Promise<void> {
  const answer = await page.request.post(`${house.url}/api/v1/session`, {
    data: { login, password: house.password(login) },
  })
  expect(answer.status()).toBe(200)
}

/** The month before this one, as it is opened. */
function lastMonth(): string {
  const now = new Date(Date.now() + 8 * 3_600_000)
  const at = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1))
  return `${at.getUTCFullYear()}-${String(at.getUTCMonth() + 1).padStart(2, '0')}`
}

test('a period is published, appealed against, decided and locked', async ({ browser }) => {
  test.setTimeout(240_000)
  const house = await House.open(['-workers', '1', '-incidents', '1', '-office', '0', '-history', '0'])
  try {
    const commander = await browser.newPage()
    await enter(commander, house, 'commander')
    // the street's past is written after its accounts
    await expect
      .poll(
        async () => {
          const month = await commander.request.get(`${house.url}/api/v1/statistics?from=${lastMonth()}-01`)
          return (await month.json()).totals.counters.closed
        },
        { timeout: 90_000 },
      )
      .toBeGreaterThan(500)
    await commander.goto(`${house.url}/console/assess`)
    await commander.getByRole('button', { name: '开启考核期' }).click()
    const dialog = commander.locator('.n-modal')
    await expect(dialog).toContainText(lastMonth())
    await dialog.getByRole('button', { name: '开启考核期' }).click()
    await expect(commander).toHaveURL(/\/console\/assess\/\d+/)

    // preview before anything is published: a draft, each figure opening to its cases
    await commander.locator('[data-test=compute]').click()
    const scores = commander.locator('[data-test=scores] tbody tr')
    await expect(scores).toHaveCount(119)
    await expect(scores.first().locator('td').first()).toHaveText('1')
    const station = await browser.newContext()
    const clerk = await station.newPage()
    await enter(clerk, house, 'station1')
    await clerk.goto(`${house.url}/console/assess`)
    await expect(clerk.getByText('还没有公布过考核结果')).toBeVisible()
    await scores.first().click()
    const line = commander.locator('[data-test=parts] tr', { hasText: '按期办结率' })
    const denominator = (await line.locator('a').nth(1).textContent())!.trim()
    await line.locator('a').nth(1).click()
    await expect(commander.locator('main h1')).toContainText(`/ ${denominator}`)
    await expect(commander.locator('main table tbody tr')).toHaveCount(Number(denominator))
    await commander.goBack()
    await commander.getByRole('link', { name: '返回得分表' }).click()

    await commander.locator('[data-test=publish]').click()
    await commander.locator('.n-modal').getByRole('button', { name: '公布' }).click()
    await expect(commander.locator('[data-test=stage] [aria-current=step]')).toContainText('公布')
    await expect(commander.getByText(/^[0-9a-f]{64}$/)).toBeVisible()

    // the station sees its own and appeals
    await clerk.goto(`${house.url}/console/my-assess`)
    await clerk.locator('[data-test=mine]').first().click()
    await clerk.locator('[data-test=appeal]').click()
    await clerk.locator('.n-modal textarea').first().fill('有两件案件实际由区里处置，不应计入本村')
    await clerk.locator('.n-modal input[type=file]').setInputFiles({
      name: 'form.png',
      mimeType: 'image/png',
      buffer: Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      ),
    })
    await expect(clerk.locator('.n-modal .photo img')).toHaveCount(1)
    await clerk.locator('.n-modal').getByRole('button', { name: '申诉', exact: true }).click()
    await expect(clerk.getByText('申诉已提交')).toBeVisible()
    await expect(clerk.getByText('待决定')).toBeVisible()

    // the commander cannot lock over it, decides, and locks
    await commander.reload()
    await commander.getByRole('tab', { name: /申诉/ }).click()
    await commander.getByRole('button', { name: '决定' }).click()
    const decide = commander.locator('.n-modal')
    await decide.locator('.n-base-selection').click()
    await commander.locator('.n-base-select-option', { hasText: '部分成立' }).click()
    await decide.locator('input[aria-label^=加减分]').fill('1.5')
    await decide.locator('textarea').fill('其中一件属实')
    await decide.getByRole('button', { name: '决定' }).click()
    await expect(commander.locator('[data-test=appeals]')).toContainText('其中一件属实')
    const photo = commander.locator('[data-test=appeals] img').first()
    expect(await photo.evaluate((img: HTMLImageElement) => img.decode().then(() => img.naturalWidth))).toBe(1)
    await commander.locator('[data-test=lock]').click()
    await commander.locator('.n-modal textarea').fill('各单位已确认，提前归档')
    await commander.locator('.n-modal').getByRole('button', { name: '锁定' }).click()
    await expect(commander.locator('[data-test=stage] [aria-current=step]')).toContainText('锁定')

    // what was published stays, the adjustment stands beside it
    await clerk.reload()
    await expect(clerk.getByText('+1.50')).toBeVisible()
    await expect(clerk.locator('[data-test=appeal]')).toHaveCount(0)

    const download = commander.waitForEvent('download')
    await commander.locator('[data-test=xlsx]').click()
    const file = await download
    expect(file.suggestedFilename()).toMatch(/^gridward-assess-\d{4}-\d\d-.*\.xlsx$/)
    const print = await commander.request.get(
      commander.url().replace(/\/console\/assess\/(\d+).*/, '/api/v1/assess/periods/$1/print?level=community'),
    )
    expect(print.status()).toBe(200)
    expect(await print.text()).toContain('村社区考核结果')
    await station.close()
  } finally {
    await house.close()
  }
})
