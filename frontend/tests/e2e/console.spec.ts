import { expect, type House, test, Walker } from './house'

async function enter(page: import('@playwright/test').Page, house: House, login: string, path = ''): Promise<void> {
  await page.goto(`${house.url}/console/${path}`)
  await page.locator('input[name=username]').fill(login)
  await page.locator('input[name=password]').fill(house.password(login))
  await page.keyboard.press('Enter')
  await expect(page.getByRole('navigation', { name: '主菜单' })).toBeVisible()
}

test('the menu shows what the account may do, and nothing else', async ({ page, house }) => {
  await enter(page, house, 'station1')
  const menu = page.getByRole('navigation', { name: '主菜单' })
  for (const folded of ['规则设置', '设备与系统']) await menu.getByRole('button', { name: folded }).click()
  const links = menu.getByRole('link')
  await expect(links).toHaveText([
    '工作台',
    '事件',
    '电话受理',
    '吹哨报到',
    '指令与通知',
    '巡查周报',
    '存疑轨迹',
    '轨迹',
    '轨迹回放',
    '轨迹导出',
    '请假',
    '查阅记录',
    '走访日志',
    '走访对象',
    '工作台账',
    '统计分析',
    '考核',
    '我的考核',
    '部门',
    '派遣策略',
    '周边资源',
    '摄像头',
    '报警设备',
    '设备',
    '隔离区',
    '组织机构',
    '数据保护',
  ])
  await page.getByRole('link', { name: '设备', exact: true }).click()
  await expect(page.getByRole('heading', { name: '设备', exact: true })).toBeVisible()
  await expect(page.getByRole('button', { name: '登记设备' })).toHaveCount(0) // may look, not manage
  await page.goto(`${house.url}/console/kiosks`)
  await expect(page.getByText('您没有查看这一页的权限')).toBeVisible()
})

test('the menu folds, and finds a page by its name', async ({ page, house }) => {
  await enter(page, house, 'commander', 'patrol')
  const menu = page.getByRole('navigation', { name: '主菜单' })
  const rules = menu.getByRole('button', { name: '规则设置' })
  await expect(rules).toHaveAttribute('aria-expanded', 'false') // so many pages do not fit: the seldom ones are folded
  await expect(menu.getByRole('link', { name: '工作日历' })).toHaveCount(0)
  await rules.click()
  await expect(menu.getByRole('link', { name: '工作日历' })).toBeVisible()
  await menu.getByRole('button', { name: '走访', exact: true }).click()
  await page.reload()
  await expect(menu.getByRole('link', { name: '工作日历' })).toBeVisible()
  await expect(menu.getByRole('link', { name: '走访日志' })).toHaveCount(0)

  await page.keyboard.press('Control+K')
  await page.keyboard.type('台账')
  await expect(menu.getByRole('link')).toHaveText(['工作台账'])
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: '工作台账' })).toBeVisible()
  await expect(menu.getByRole('link', { name: '走访日志' })).toBeVisible() // one is in its group
})

test('a wrong password says so and keeps the door shut', async ({ page, house }) => {
  await page.goto(`${house.url}/console/`)
  await page.locator('input[name=username]').fill('guide')
  await page.locator('input[name=password]').fill('wrong')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert')).toBeVisible()
  await expect(page.getByRole('navigation', { name: '主菜单' })).toHaveCount(0)
})

test('a device is registered, its token shown once, and what it sends wrongly can be found and given up', async ({
  page,
  house,
}) => {
  await enter(page, house, 'commander', 'devices')
  await page.getByRole('button', { name: '登记设备' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.locator('.n-base-selection').first().click()
  await page.keyboard.type('WY001')
  await page.locator('.n-base-select-option').first().click()
  await dialog.getByRole('button', { name: '登记并生成令牌' }).click()
  await expect(page.getByText('令牌只显示这一次')).toBeVisible()
  const token = (await page.locator('code.strong').textContent())?.trim() ?? ''
  expect(token).toMatch(/^gw_/)
  await page.getByRole('button', { name: '我已保存，关闭' }).click()
  await expect(page.getByText(token)).toHaveCount(0)

  const bad = await page.request.get(`${house.url}/d/${token}?lat=abc&lon=114.2`)
  expect(bad.status()).toBe(200) // taken, never sent again
  await page.getByRole('link', { name: '隔离区' }).click()
  const row = page.getByRole('row', { name: /数值无法识别/ }).first()
  await row.focus()
  await page.keyboard.press('Enter') // by keyboard as well as by mouse
  await expect(page.locator('pre')).toContainText('lat=abc')
  const discard = page.getByRole('button', { name: '放弃', exact: true })
  await expect(discard).toBeDisabled() // not without a reason
  await page.getByPlaceholder('放弃的理由').fill('测试数据')
  await discard.click()
  await expect(page.getByText('隔离区是空的')).toBeVisible()
})

test('a track is shown only for a purpose, and the look is on record', async ({ page, house }) => {
  const walker = await Walker.on(house)
  for (let n = 0; n < 5; n++) await walker.stands(114.209 + n * 0.0002, 22.6875, 50 - n * 10)
  await enter(page, house, 'commander', `tracks?worker=${walker.id}`)
  const look = page.getByRole('button', { name: '查看轨迹' })
  await expect(look).toBeEnabled()
  await look.click()
  await expect(page.getByRole('alert')).toContainText('事由')
  await expect(page.getByText('定位明细')).toHaveCount(0)
  await page.getByRole('button', { name: '事件复盘' }).click()
  await look.click()
  await expect(page.getByText('定位明细')).toBeVisible()
  await expect(page.locator('.fixes tbody tr').first()).toBeVisible()
  await expect(page.locator('.mapbox canvas').first()).toBeVisible()
  await page.getByRole('link', { name: '查阅记录' }).click()
  await expect(page.getByRole('cell', { name: '事件复盘' }).first()).toBeVisible()
})

test('a wall screen is paired with a code', async ({ page, browser, house }) => {
  await enter(page, house, 'commander', 'kiosks')
  await page.getByRole('button', { name: '新建大屏' }).click()
  await page.getByRole('textbox', { name: '名称' }).fill('指挥室主屏')
  await page.getByRole('button', { name: '新建并取配对码' }).click()
  const code = (await page.locator('output').textContent())?.trim()
  const wall = await browser.newContext()
  const paired = await wall.request.post(`${house.url}/api/v1/kiosk-session`, { data: { code } })
  expect(paired.status(), await paired.text()).toBe(200)
  await expect(page.getByText('“指挥室主屏”已配对')).toBeVisible() // the dialog notices by itself
  await expect(page.getByRole('row', { name: /指挥室主屏/ })).toContainText('已配对')
  await wall.close()
})
