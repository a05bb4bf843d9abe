import { expect, type House, test } from './house'

// A visit from the worker's list to the supervisor's log and the ledger.
test.use({ permissions: ['geolocation'] })

async function enter(page: import('@playwright/test').Page, house: House): Promise<void> {
  await page.goto(`${house.url}/m/`)
  await page.locator('input[name=username]').fill('worker')
  await page.locator('input[name=password]').fill(house.password('worker'))
  await page.keyboard.press('Enter')
  await page.locator('[data-test=tab-visits]').click()
}

test('a visit finds a problem without a network; the console sees it and the ledger has its line', async ({
  page,
  context,
  house,
  browser,
}) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await enter(page, house)
  const card = page.locator('[data-test=due]').first()
  await expect(card).toBeVisible()
  const name = await card.locator('strong').textContent()
  await card.click()
  await page.locator('[data-test=begin]').click()
  await context.setOffline(true)
  await page.locator('[data-test=outcome-problem]').click()
  await page.locator('input[name=problem]').fill('楼道堆放杂物')
  await page.locator('textarea[name=content]').fill('已提醒，三天内清理')
  await page.locator('[data-test=save]').click()
  await expect(page.locator('[data-test=waiting]')).toContainText('走访')
  await context.setOffline(false)
  await expect(page.locator('[data-test=waiting]')).toHaveCount(0)

  const operator = await house.as('operator')
  const { visits } = (await (await operator.get('/api/v1/visits?outcome=problem')).json()) as {
    visits: { target_name: string; content: string; incidents: { case_no: string }[] }[]
  }
  const mine = visits.filter(one => one.content === '已提醒，三天内清理')
  expect(mine).toHaveLength(1)
  expect(mine[0]!.target_name).toBe(name)
  const no = mine[0]!.incidents[0]!.case_no
  await operator.dispose()

  const desk = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'zh-CN' })).newPage()
  await desk.request.post(`${house.url}/api/v1/session`, {
    data: { login: 'operator', password: house.password('operator') },
  })
  await desk.goto(`${house.url}/console/visits?outcome=problem`)
  const row = desk.locator('tbody tr', { hasText: no })
  await expect(row).toContainText(name!)
  await row.click()
  await expect(desk.getByRole('dialog')).toContainText('楼道堆放杂物')
  await desk.goto(`${house.url}/console/ledger?kind=visit`)
  await expect(desk.locator('tbody tr', { hasText: no })).toContainText(name!)
  await desk.context().close()
})
