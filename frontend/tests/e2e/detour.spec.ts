// What may happen to a case on its way, driven through the pages: returned,
// reported up, put off, suspended, with a whistle blown for it, and archived.
import { Desk } from './desk-of'
import { expect, test } from './house'

// sealed a few seconds after its end, instead of a fortnight
test.use({ settings: ['-archive-after', '3s'] })

test('a case that takes every detour and is archived', async ({ browser, house }) => {
  test.setTimeout(300_000)
  const api = await house.as('operator')
  const ours = (await (await (await house.as('station1')).get('/api/v1/session')).json()).principal.posts[0].org
  const { grids } = await (await api.get('/api/v1/grids')).json()
  const [lon, lat] = grids.find((grid: { org: number }) => grid.org === ours).label as [number, number]
  const made = await api.post('/api/v1/intake', {
    data: { title: '沿街店铺占道堆放', source: 'hotline', address: '明湖社区', point: [lon, lat] },
  })
  expect(made.status(), await made.text()).toBe(201)
  const { id } = await made.json()

  const station = await Desk.of(browser, house, 'station1')
  const commander = await Desk.of(browser, house, 'commander')
  const enforcement = await Desk.of(browser, house, 'dept1', [lon + 0.0004, lat])
  const works = await Desk.of(browser, house, 'dept2')
  const head = await Desk.of(browser, house, 'head2')

  // 受理 by the community, 上报 to the street
  await station.case(id, '已上报')
  await station.act('受理', { choose: { 处置层级: '二级 村(社区)' } })
  await station.stands('已受理待分流')
  await station.act('上报', { write: { 理由: '需要执法部门处置' } })
  await station.stands('已受理待分流')
  await expect(station.page.locator('header').getByText('三级', { exact: false }).first()).toBeVisible()

  // 派遣, 退回, 重新派遣
  await commander.case(id, '已受理待分流')
  await commander.act('派遣', { pick: ['综合行政执法队 主办'] })
  await commander.stands('已派遣待签收')
  await enforcement.case(id, '已派遣待签收')
  await enforcement.act('退回', { order: 1, choose: { 原因: '非本部门职责' }, write: { 理由: '属城建管理范围' } })
  await expect(enforcement.page.getByRole('alert')).toContainText('已不在您的范围内') // it is not theirs any more
  await commander.case(id, '已退回')
  await expect(commander.order(1)).toContainText('属城建管理范围')
  await commander.act('派遣', { pick: ['城市建设办公室 主办'] })
  await commander.stands('已派遣待签收')
  await works.case(id, '已派遣待签收')
  await works.act('签收', { order: 2 })
  await works.stands('处置中')

  // 延期
  const due = () => works.page.locator('[data-clock="case"]').getAttribute('data-due')
  const before = await due()
  await works.act('申请延期', { write: { '延长天数（工作日）': '2', 理由: '等待材料进场' } })
  await commander.case(id, '处置中')
  await commander.press('审批延期')
  await expect(commander.dialog).toContainText('延长 2 个工作日')
  await commander.choose('审批', '同意')
  await commander.send('审批延期')
  await works.case(id, '处置中')
  await expect(works.page.getByText('已批准')).toBeVisible()
  const after = await due()
  expect(Date.parse(after ?? ''), `${before} → ${after}`).toBeGreaterThan(Date.parse(before ?? ''))

  // 挂账, 恢复
  await head.case(id, '处置中')
  await head.act('申请挂账', { write: { 理由: '产权不清，等待确权' } })
  await commander.case(id, '处置中')
  await commander.act('审批挂账', { choose: { 审批: '同意' } })
  await commander.stands('挂账')
  await commander.act('恢复处置')
  await commander.stands('处置中')

  // 吹哨报到
  await station.case(id, '处置中')
  await station.press('吹哨')
  await station.choose('哨种', '综合执法哨')
  await station.choose('应到部门', '综合行政执法队')
  await station.page.keyboard.press('Escape')
  await station.write('事由', '需要执法队到场联合执法')
  await station.send('吹哨')
  await station.page.locator('.entries a[href*="/whistles/"]').first().click()
  await expect(station.page).toHaveURL(/whistles\/./)
  const whistle = station.page.url().split('/console/')[1]!
  const blow = async (who: Desk, name: string, fill?: () => Promise<void>) => {
    await who.open(whistle)
    await who.page.getByRole('button', { name, exact: true }).click()
    await fill?.()
    await who.send(name)
  }
  await blow(commander, '确认吹哨')
  await blow(enforcement, '响应')
  await blow(enforcement, '现场报到')
  await expect(enforcement.page.getByText(/距现场 \d+ 米/).first()).toBeVisible()
  await blow(enforcement, '开始处置')
  await blow(enforcement, '反馈结果', () => enforcement.dialog.getByLabel('答复', { exact: true }).fill('已责令清理'))
  await blow(station, '评价部门', () =>
    station.dialog.locator('.n-form-item', { hasText: '社区评价' }).getByText('非常满意', { exact: true }).click(),
  )
  await expect(station.page.getByText('已评价').first()).toBeVisible()

  // 反馈, 核查, 评价, 结案, 归档
  await works.case(id, '处置中')
  await works.act('反馈', { order: 2, write: { 说明: '护栏已安装，堆放物已清理' } })
  await works.stands('已反馈待核查')
  await commander.case(id, '已反馈待核查')
  await commander.act('下达核查')
  await commander.act('核查通过')
  await commander.press('评价')
  await commander.dialog.locator('.n-form-item', { hasText: '总体评价' }).getByText('满意', { exact: true }).click()
  await commander.send('评价')
  await commander.stands('已归档')
  await expect(commander.page.getByText(/^DA-/).first()).toBeVisible()
  const pack = commander.page.waitForEvent('download')
  await commander.page.getByText('下载归档包').click()
  expect((await pack).suggestedFilename()).toMatch(/^DA-.+\.json$/)

  const record = commander.page.locator('.timeline strong')
  for (const deed of ['上报升级', '退回', '申请延期', '延期审批', '申请挂账', '挂账审批', '恢复', '吹哨报到', '归档'])
    await expect(record.filter({ hasText: deed }).first(), deed).toBeVisible()
  for (const one of [station, commander, enforcement, works, head]) await one.close()
})
