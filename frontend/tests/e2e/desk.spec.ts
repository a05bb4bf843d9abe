import type { APIRequestContext, Page } from '@playwright/test'
import { expect, type House, type Inside, live, test, Walker } from './house'

const a = [114.209, 22.6875] as const
const near = [114.2096, 22.6875] as const

interface Row {
  id: string
  case_no: string
  version: number
  state: string
  title: string
  orders?: { state: string; ranking?: string; worker?: number }[]
}

async function report(api: APIRequestContext, title: string, point: readonly [number, number] = a): Promise<Row> {
  const answer = await api.post('/api/v1/incidents', {
    data: { title, category: '', description: '', urgency: 'urgent', source: 'patrol', point },
  })
  expect(answer.status(), await answer.text()).toBe(201)
  return (await answer.json()) as Row
}

async function act(api: APIRequestContext, row: Row, action: string, data: object): Promise<Row> {
  const answer = await api.post(`/api/v1/incidents/${row.id}/${action}`, {
    data,
    headers: { 'If-Match': `"${row.version}"` },
  })
  expect(answer.status(), await answer.text()).toBe(200)
  return (await answer.json()) as Row
}

const read = async (api: APIRequestContext, id: string): Promise<Row> =>
  (await (await api.get(`/api/v1/incidents/${id}`)).json()) as Row

const open = (page: Page, title: string) =>
  page
    .locator('.ticker')
    .getByRole('button', { name: new RegExp(title) })
    .click()

/** Where a place is on the screen. */
const onScreen = (page: Page, point: readonly [number, number]) =>
  page.evaluate(
    ([lon, lat]) => {
      const { x, y } = (window as unknown as Inside).__wall.scene.map.project([lon!, lat!])
      return { x, y }
    },
    [...point],
  )

const desk = (house: House) => house.as('commander')

test('a case is accepted and dispatched from the map, and the ranking is kept with the order', async ({
  page,
  house,
}) => {
  const walker = await Walker.on(house)
  await walker.stands(...near)
  await house.wall(page)
  const api = await desk(house)
  const made = await report(api, '占道经营待派遣')
  await open(page, '占道经营待派遣')
  const card = page.locator('.cards')
  await expect(card.getByText('①发现上报').or(card.getByText('发现上报')).first()).toBeVisible()
  await card.getByRole('button', { name: '受理', exact: true }).click()
  await card.getByRole('button', { name: '确定受理' }).click()
  await expect(card.getByText('已受理待分流')).toBeVisible()
  await card.getByRole('button', { name: '派遣', exact: true }).click()
  const panel = page.getByRole('dialog', { name: '派遣' })
  await expect(panel.getByText('推荐人员')).toBeVisible()
  await panel.locator('textarea[name=requirement]').fill('一小时内到场')
  await panel.locator(`[data-dispatch="${walker.id}"]`).click()
  await expect(card.getByText('已派遣待签收')).toBeVisible()
  await expect(panel).toHaveCount(0)
  const now = await read(api, made.id)
  expect(now.state).toBe('dispatched')
  expect(now.orders?.[0]).toMatchObject({ state: 'pending', worker: walker.id })
  expect(now.orders?.[0]?.ranking, 'what was shown is kept').toBeTruthy()
  // the reminder strip counts it and shows it alone
  const unsigned = page.getByRole('navigation', { name: '提醒' }).getByRole('button', { name: /未签收/ })
  await expect(unsigned).toContainText(/[1-9]/)
  await unsigned.click()
  await expect(page.locator('.ticker').getByRole('button', { name: /占道经营待派遣/ })).toBeVisible()
  await unsigned.click()
  await api.dispose()
})

test('whoever was second is told what happened and sees the case as it stands', async ({ page, house }) => {
  await house.wall(page)
  const api = await desk(house)
  const made = await report(api, '两人同时受理')
  await open(page, '两人同时受理')
  const card = page.locator('.cards')
  await card.getByRole('button', { name: '受理', exact: true }).click()
  // the page acts on what it knew before somebody else was faster
  await page.route(`**/incidents/${made.id}/accept`, async route => {
    await act(api, made, 'accept', { tier: 2 })
    await route.continue()
  })
  await card.getByRole('button', { name: '确定受理' }).click()
  await expect(card.getByRole('alert').filter({ hasText: '他人已先行处理' })).toBeVisible()
  await expect(card.getByText('已受理待分流')).toBeVisible()
  await api.dispose()
})

test('an area is drawn, says who is inside, and a command goes to them', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...near)
  await house.wall(page)
  await expect
    .poll(() =>
      page.evaluate(id => (window as unknown as Inside).__wall.scene.fleet.worker(id)?.placed ?? false, walker.id),
    )
    .toBe(true)
  const { x, y } = await onScreen(page, near)
  await page.keyboard.press('b')
  await expect(page.getByText('在地图上点两角框选')).toBeVisible()
  // drawing begins when its code has come
  await expect(async () => {
    await page.mouse.click(x - 90, y - 70)
    await page.mouse.move(x, y, { steps: 3 })
    await page.mouse.move(x + 90, y + 70, { steps: 3 })
    await page.mouse.click(x + 90, y + 70)
    await expect(page.getByRole('region', { name: '框选范围' })).toBeVisible({ timeout: 2_000 })
  }).toPass({ timeout: 30_000 })
  const area = page.getByRole('region', { name: '框选范围' })
  const name = await page.evaluate(
    id => (window as unknown as Inside).__wall.scene.fleet.worker(id)?.name ?? '',
    walker.id,
  )
  await expect(area.getByText(name)).toBeVisible()
  await area.getByRole('button', { name: '下达指令' }).click()
  await area.locator('textarea[name=command]').fill('请就近支援')
  const sent = page.waitForResponse(r => r.url().endsWith('/commands') && r.request().method() === 'POST')
  await area.getByRole('button', { name: '下达', exact: true }).click()
  expect((await sent).ok()).toBe(true)
  await expect(page.getByText('指令已下达')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(area).toHaveCount(0)
})

test('a console drives the wall, and the wall says who', async ({ page, house }) => {
  await house.wall(page)
  const api = await desk(house)
  const made = await report(api, '投到大屏的事件')
  const answer = await api.post('/api/v1/screen-control', { data: { do: 'select', kind: 'incident', id: made.id } })
  expect(answer.status(), await answer.text()).toBe(200)
  await expect(page.getByText('正在操作本屏')).toBeVisible()
  await expect(page.locator('.cards').getByText(made.case_no)).toBeVisible()
  await api.dispose()
})

test('a call for help takes the whole screen, is answered and closed', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...a, 20)
  await house.wall(page)
  await walker.stands(...near, 0, true)
  // by its place, not by its words: a device of the demo street may raise an alarm of its own
  const take = page.locator('.take.sos')
  await expect(take).toBeVisible()
  await expect(page.locator('.frame.sos')).toHaveCount(1)
  await take.getByRole('button', { name: '确认接警' }).click()
  await expect(take).toContainText('已接警')
  await expect(page.locator('.frame.sos')).toHaveCount(0)
  await take.getByRole('button', { name: '处置完毕' }).click()
  await take.locator('input[name=note]').fill('已到场')
  await take.getByRole('button', { name: '处置完毕' }).click()
  await expect(take).toHaveCount(0)
})

test('a shared wall shows the list and the case, and lets nobody act', async ({ page, house }) => {
  const api = await desk(house)
  await report(api, '公共大屏上的事件')
  const { principal } = await (await api.get('/api/v1/session')).json()
  const paired = await api.post('/api/v1/kiosks', { data: { org: principal.posts[0].org, name: '大厅' } })
  const { code } = await paired.json()
  await page.goto(`${house.url}/screen`)
  await page.getByRole('button', { name: '用配对码开启只读大屏' }).click()
  await page.locator('input[name=code]').fill(code)
  await page.getByRole('button', { name: '进入大屏' }).click()
  await live(page)
  await open(page, '公共大屏上的事件')
  const card = page.locator('.cards')
  await expect(card.getByRole('heading', { name: '公共大屏上的事件' })).toBeVisible()
  for (const name of ['受理', '派遣', '催办', '投到大屏'])
    await expect(card.getByRole('button', { name })).toHaveCount(0)
  await expect(card.locator('a[href^="tel:"]')).toHaveCount(0)
  await expect(page.getByRole('navigation', { name: '地图工具' })).toHaveCount(0)
  await api.dispose()
})
