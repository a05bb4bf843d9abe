import { expect, type House, type Inside, live, test, Walker } from './house'

const a = [114.209, 22.6875] as const
const b = [114.2096, 22.6875] as const

const report = async (house: House, title: string, urgency = 'urgent', point: readonly [number, number] = a) => {
  const api = await house.as('operator')
  const answer = await api.post('/api/v1/incidents', {
    data: { title, category: '', description: '', urgency, source: 'patrol', point },
  })
  expect(answer.status(), await answer.text()).toBe(201)
  const made = (await answer.json()) as { id: string; case_no: string }
  await api.dispose()
  return made
}

test('signing in opens the wall; a wrong password does not', async ({ page, house }) => {
  await page.goto(`${house.url}/screen`)
  await page.locator('input[name=username]').fill('commander')
  await page.locator('input[name=password]').fill('wrong')
  await page.getByRole('button', { name: '进入大屏' }).click()
  await expect(page.getByRole('alert')).toBeVisible()
  await page.locator('input[name=password]').fill(house.password('commander'))
  await page.getByRole('button', { name: '进入大屏' }).click()
  await live(page)
  await expect(page.getByText('明湖街道').first()).toBeVisible()
  await expect(page.getByText('© OpenStreetMap contributors').first()).toBeVisible()
  await expect(page.getByText('演示数据').first()).toBeVisible()
})

test('a fix that is posted moves the marker', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...a, 30)
  await house.wall(page)
  // the marker is drawn where the worker stands: the overlay itself is asked what it draws there
  const drawnAt = (point: readonly [number, number]): Promise<boolean> =>
    page.evaluate(
      ({ id, lon, lat }) => {
        const { scene } = (window as unknown as Inside).__wall
        const person = scene.fleet.worker(id)
        const { x, y } = scene.map.project([lon, lat])
        return person !== undefined && scene.overlay.pick(x, y, 3) === person.handle
      },
      { id: walker.id, lon: point[0], lat: point[1] },
    )
  await expect.poll(() => drawnAt(a), { timeout: 30_000 }).toBe(true)
  const before = await page.evaluate(() => (window as unknown as Inside).__wall.scene.overlay.drawn)
  await walker.stands(...b)
  await expect.poll(() => drawnAt(b), { timeout: 30_000 }).toBe(true)
  expect(await drawnAt(a)).toBe(false)
  expect(await page.evaluate(() => (window as unknown as Inside).__wall.scene.overlay.drawn)).toBeGreaterThan(before)
})

test('a new incident is announced, listed and opens its card', async ({ page, house }) => {
  await house.wall(page)
  const made = await report(house, '消防通道被占用')
  await expect(page.getByRole('log').getByRole('button', { name: /消防通道被占用/ })).toBeVisible()
  const row = page.locator('.ticker').getByRole('button', { name: /消防通道被占用/ })
  await row.click()
  await expect(page.getByRole('heading', { name: '消防通道被占用' })).toBeVisible()
  await expect(page.locator('.cards').getByText(made.case_no)).toBeVisible()
  await expect(page).toHaveURL(new RegExp(`s=incident:${made.id}`))
})

test('an incident is reported from the map', async ({ page, house }) => {
  await house.wall(page)
  await page.keyboard.press('n')
  await expect(page.getByText('在地图上点击事件位置')).toBeVisible()
  await page.mouse.click(900, 520)
  await page.locator('input[name=title]').fill('井盖缺失')
  await page.getByRole('button', { name: '上报', exact: true }).click()
  await expect(page.getByRole('heading', { name: '井盖缺失' })).toBeVisible()
  await expect(page.locator('.ticker').getByRole('button', { name: /井盖缺失/ })).toBeVisible()
})

test('the wall recovers by itself when the server restarts, and misses nothing', async ({ page, house }) => {
  test.setTimeout(240_000)
  const walker = await Walker.on(house)
  await walker.stands(...a, 5)
  await house.wall(page)
  await house.stop()
  await expect(page.locator('.link')).not.toHaveClass(/live/, { timeout: 30_000 })
  await house.start()
  await report(house, '重启期间上报的事件')
  await live(page)
  await expect(page.locator('.ticker').getByRole('button', { name: /重启期间上报的事件/ })).toBeVisible()
  await expect
    .poll(
      () =>
        page.evaluate(id => (window as unknown as Inside).__wall.scene.fleet.worker(id)?.placed ?? false, walker.id),
      { timeout: 30_000 },
    )
    .toBe(true)
})

test('a call for help takes the wall over until somebody answers', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...a, 20)
  await house.wall(page)
  await walker.stands(...b, 0, true)
  const banner = page.locator('.take.sos')
  await expect(banner).toBeVisible()
  await page.keyboard.press('a')
  await expect(banner).toContainText('已接警')
  await expect(page.getByRole('button', { name: '确认接警' })).toHaveCount(0)
})

test('search finds a grid by pinyin initials and flies there', async ({ page, house }) => {
  await house.wall(page)
  await page.keyboard.press('/')
  await page.keyboard.type('mhsq')
  const first = page.getByRole('option').first()
  await expect(first).toContainText('明湖社区')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/s=grid:\d+/)
  await expect(page.getByText('1+1+1+X 力量')).toBeVisible()
})

test('a paired kiosk shows the wall read-only with masked names', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...b)
  const commander = await house.as('commander')
  const { principal } = await (await commander.get('/api/v1/session')).json()
  const paired = await commander.post('/api/v1/kiosks', { data: { org: principal.posts[0].org, name: '值班室' } })
  expect(paired.ok(), await paired.text()).toBe(true)
  const { code } = await paired.json()
  await page.goto(`${house.url}/screen`)
  await page.getByRole('button', { name: '用配对码开启只读大屏' }).click()
  await page.locator('input[name=code]').fill(code)
  await page.getByRole('button', { name: '进入大屏' }).click()
  await live(page)
  await expect(page.getByText('只读大屏')).toBeVisible()
  await expect(page.getByRole('button', { name: '上报事件' })).toHaveCount(0)
  await expect
    .poll(() => page.evaluate(id => (window as unknown as Inside).__wall.scene.fleet.worker(id)?.name ?? '', walker.id))
    .toMatch(/^.师傅$/)
})

test('a station sees nobody of another community', async ({ page, house }) => {
  const walker = await Walker.on(house)
  await walker.stands(...a)
  const commander = await house.as('commander')
  const { org_name: home } = await (await commander.get(`/api/v1/workers/${walker.id}`)).json()
  let seen = 0
  for (const login of ['station1', 'station2']) {
    const context = await page
      .context()
      .browser()!
      .newContext({ viewport: { width: 1920, height: 1080 }, locale: 'zh-CN' })
    const other = await context.newPage()
    await house.wall(other, login)
    const own = await (await other.request.get(`${house.url}/api/v1/session`)).json()
    const people = await other.evaluate(() =>
      [...(window as unknown as Inside).__wall.scene.fleet.people()].map(p => p.orgName),
    )
    for (const org of people) expect(org).toBe(own.principal.posts[0].name.replace(/社会服务管理站|综治工作站/, ''))
    if (people.includes(home)) seen++
    await context.close()
  }
  expect(seen, 'exactly the station of his own community sees him').toBe(1)
})
