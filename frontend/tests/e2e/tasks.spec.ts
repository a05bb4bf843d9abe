import { expect, type House, test, Walker } from './house'

// The worker's tasks on a phone: from the dispatch to the feedback, with a network and without.
test.use({
  viewport: { width: 390, height: 844 },
  permissions: ['geolocation', 'clipboard-write'],
})

const photo = {
  name: 'after.png',
  mimeType: 'image/png',
  buffer: Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
    'base64',
  ),
}

/** A case on the ground of the first grid, given to the demo worker in person. */
async function dispatched(house: House, title: string) {
  const walker = await Walker.on(house)
  const operator = await house.as('operator')
  const { grids } = await (await operator.get('/api/v1/grids')).json()
  const [lon, lat] = grids[0].label as [number, number]
  await walker.stands(lon, lat)
  const act = async (path: string, version: number, data: object) => {
    const answer = await operator.post(`/api/v1/incidents/${path}`, { data, headers: { 'If-Match': `"${version}"` } })
    expect(answer.status(), await answer.text()).toBe(200)
    return answer.json()
  }
  const made = await operator.post('/api/v1/intake', {
    data: { title, source: 'hotline', address: '学府路与青春路路口', description: '占用人行道', point: [lon, lat] },
  })
  expect(made.status(), await made.text()).toBeLessThan(300)
  const reported = await made.json()
  const accepted = await act(`${reported.id}/accept`, reported.version, { tier: 2 })
  const given = await act(`${reported.id}/dispatch`, accepted.version, {
    lead: { worker: walker.id },
    requirement: '今日内到场处置，处置后拍照',
  })
  const state = async () =>
    (await (await operator.get(`/api/v1/incidents/${reported.id}`)).json()) as {
      state: string
      orders: { id: string; state: string; arrived_m?: number }[]
      photos: { kind: string }[]
    }
  return {
    id: reported.id as string,
    no: given.case_no as string,
    point: [lon, lat] as const,
    operator,
    state,
    act,
    given,
  }
}

async function enter(page: import('@playwright/test').Page, house: House): Promise<void> {
  await page.goto(`${house.url}/m/`)
  await page.locator('input[name=username]').fill('worker')
  await page.locator('input[name=password]').fill(house.password('worker'))
  await page.keyboard.press('Enter')
  await page.locator('[data-test=tab-tasks]').click()
}

test('a task is signed for, reached and fed back with a photo', async ({ page, context, house }) => {
  await enter(page, house)
  const one = await dispatched(house, '学府路路口占道经营')
  await context.setGeolocation({ longitude: one.point[0] + 0.0003, latitude: one.point[1], accuracy: 8 })
  const card = page.locator('[data-test=task]', { hasText: one.no })
  await expect(card).toContainText('待签收', { timeout: 25_000 }) // by itself, without a touch
  await expect(page.locator('[data-test=badge]')).toContainText('1')
  await card.click()
  const state = page.locator('[data-test=task-state]')
  const send = page.locator('[data-test=send]')

  await page.locator('[data-test=do-sign]').click()
  await send.click()
  await expect(state).toHaveText('处置中')
  await page.locator('[data-test=do-arrive]').click()
  await send.click()
  await expect(page.locator('[data-test=arrived]')).toContainText('米')
  await page.locator('[data-test=do-feedback]').click()
  await page.locator('textarea[name=text]').fill('摊贩已劝离，通道已恢复')
  await page.locator('input[name=after]').setInputFiles(photo)
  await expect(page.locator('[data-test=sheet] img')).toBeVisible()
  await send.click()
  await expect(state).toHaveText('已反馈')
  const now = await one.state()
  expect(now.state).toBe('feedback')
  expect(now.orders[0]).toMatchObject({ state: 'fed_back' })
  expect(now.orders[0]?.arrived_m).toBeLessThan(60)
  expect(now.photos.map(p => p.kind)).toContain('after')
  await one.operator.dispose()
})

test('without a network everything is kept, shown as waiting, and sent in order when it is back', async ({
  page,
  context,
  house,
}) => {
  const one = await dispatched(house, '楼道堆放杂物')
  await context.setGeolocation({ longitude: one.point[0], latitude: one.point[1], accuracy: 8 })
  await enter(page, house)
  const card = page.locator('[data-test=task]', { hasText: one.no })
  await expect(card).toBeVisible()
  await context.setOffline(true)
  await card.click()
  const send = page.locator('[data-test=send]')
  const waiting = page.locator('[data-test=waiting] li')
  await page.locator('[data-test=do-sign]').click()
  await send.click()
  await expect(waiting).toHaveCount(1)
  await page.locator('[data-test=do-arrive]').click()
  await send.click()
  await expect(waiting).toHaveCount(2)
  await page.locator('[data-test=do-feedback]').click()
  await page.locator('textarea[name=text]').fill('杂物已清理')
  await page.locator('input[name=before]').setInputFiles(photo)
  await page.locator('input[name=after]').setInputFiles(photo)
  await expect(page.locator('[data-test=sheet] img')).toHaveCount(2)
  await send.click()
  await expect(waiting).toHaveCount(3)
  await expect(waiting.last()).toContainText('待上传')
  await expect(page.locator('[data-test=task-state]')).toHaveText('待签收') // not done until the server says so
  expect((await one.state()).orders[0]?.state).toBe('pending')

  await context.setOffline(false)
  await expect(page.locator('[data-test=waiting]')).toHaveCount(0, { timeout: 40_000 })
  await expect(page.locator('[data-test=task-state]')).toHaveText('已反馈')
  const now = await one.state()
  expect(now.orders[0]).toMatchObject({ state: 'fed_back' })
  expect(now.photos.map(p => p.kind).sort()).toEqual(['after', 'before'])

  // what was taken back meanwhile is refused with the server's sentence, and kept until it is read
  const two = await dispatched(house, '路灯不亮')
  await page.locator('[data-test=back]').click()
  await page.getByRole('button', { name: '刷新' }).click()
  await page.locator('[data-test=task]', { hasText: two.no }).click()
  await context.setOffline(true)
  await page.locator('[data-test=do-sign]').click()
  await send.click()
  await expect(waiting).toHaveCount(1)
  const order = (await two.state()).orders[0]!.id
  const recalled = await two.operator.post(`/api/v1/orders/${order}/recall`, { data: { reason: '重复派遣' } })
  expect(recalled.status(), await recalled.text()).toBe(200)
  await context.setOffline(false)
  const refused = page.locator('[data-test=refused]')
  await expect(refused).toContainText('已撤回', { timeout: 40_000 })
  await refused.getByRole('button', { name: /知道了/ }).click()
  await expect(refused).toHaveCount(0)
  await one.operator.dispose()
  await two.operator.dispose()
})

test('an incident is reported from the phone', async ({ page, context, house }) => {
  await context.setGeolocation({ longitude: 114.209, latitude: 22.6875, accuracy: 8 })
  await enter(page, house)
  await page.locator('[data-test=tab-report]').click()
  await page.locator('input[name=title]').fill('人行道地砖破损')
  await page.locator('label', { hasText: '紧急' }).first().click()
  await page.locator('input[name=near]').setInputFiles(photo)
  await page.locator('[data-test=report]').click()
  await expect(page.locator('[data-test=reported]')).toContainText('已上报')
})
