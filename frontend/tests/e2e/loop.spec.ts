// The whole life of a case, driven through the pages by those whose work it is.
import { Desk } from './desk-of'
import { expect, test, Walker } from './house'

test('a case from the call to its end: verified, dispatched, reworked, rated', async ({ browser, house }) => {
  test.setTimeout(300_000)
  const walker = await Walker.on(house)
  const api = await house.as('operator')
  const { grids } = await (await api.get('/api/v1/grids')).json()
  const [lon, lat] = grids[0].label as [number, number]
  await walker.stands(lon, lat)

  const operator = await Desk.of(browser, house, 'operator')
  const lead = await Desk.of(browser, house, 'dept1', [lon + 0.0003, lat])
  const assist = await Desk.of(browser, house, 'dept2')
  const worker = await Desk.of(browser, house, 'worker', [lon, lat])

  // 上报: the call is taken down
  await operator.open('intake')
  const desk = operator.page
  await desk.getByLabel('来电号码').fill('13800000000')
  await desk.getByLabel('事项', { exact: true }).fill('学府路路口占道经营')
  await desk.getByLabel('详细地址').fill('学府路与青春路路口')
  await desk.locator('canvas.maplibregl-canvas').click()
  await expect(desk.getByText(/已定位/)).toBeVisible()
  await desk.keyboard.press('Control+Enter')
  await expect(desk.getByRole('status')).toContainText('已登记')
  await desk.getByRole('link', { name: '打开案件' }).click()
  await operator.stands('已上报')
  const id = desk.url().split('/').at(-1)!

  // 核实: somebody goes and looks
  await operator.press('下达核实')
  await operator.dialog.locator('.n-base-selection').click()
  await desk.keyboard.type('WY001')
  await desk.locator('.n-base-select-option').filter({ hasText: '杨瑞勇' }).click() // once the search has come back
  await operator.send('下达核实')
  await operator.stands('核实中')
  await worker.case(id, '核实中')
  await worker.act('核实结果', { choose: { 结果: '属实' }, write: { 说明: '摊贩五处，占用人行道' } })
  await worker.stands('已上报')

  // 受理, 派遣
  await operator.case(id, '已上报')
  await operator.act('受理', { choose: { 处置层级: '三级 部门' } })
  await operator.stands('已受理待分流')
  await operator.act('派遣', {
    pick: ['综合行政执法队 主办', '城市建设办公室 协办'],
    write: { 要求: '今日内到场处置' },
  })
  await operator.stands('已派遣待签收')
  await expect(operator.order(1)).toContainText('待签收')

  // 签收, 到场, 反馈
  await lead.case(id, '已派遣待签收')
  await lead.act('签收', { order: 1 })
  await lead.stands('处置中')
  await lead.act('到场', { order: 1 })
  await expect(lead.order(1)).toContainText('距案发地')

  await assist.case(id, '处置中')
  await assist.act('签收', { order: 2 })
  await assist.act('反馈', { order: 2, write: { 说明: '已配合清运' } })
  await expect(assist.order(2)).toContainText('已反馈')

  await lead.case(id, '处置中')
  await lead.act('反馈', { order: 1, write: { 说明: '摊贩已劝离' } })
  await lead.stands('已反馈待核查')

  // 核查 fails, 返工, 核查 passes
  await operator.case(id, '已反馈待核查')
  await operator.act('下达核查')
  await operator.stands('核查中')
  await operator.act('返工', { write: { 理由: '现场仍有遗留杂物' } })
  await operator.stands('处置中')

  await lead.case(id, '处置中')
  await expect(lead.order(1)).toContainText('返工 1 次')
  await lead.act('反馈', { order: 1, write: { 说明: '杂物已清理完毕' } })
  await lead.stands('已反馈待核查')

  await operator.case(id, '已反馈待核查')
  await operator.act('下达核查')
  await operator.act('核查通过')
  await operator.stands('待评价')

  // 评价, 结案
  await operator.press('评价')
  await operator.dialog.locator('.n-form-item', { hasText: '总体评价' }).getByText('非常满意', { exact: true }).click()
  await operator.send('评价')
  await operator.stands('已结案')

  // the record says all of it, newest first
  const record = operator.page.locator('.timeline strong')
  for (const deed of ['上报', '下达核实', '核实反馈', '受理', '派遣', '签收', '到场', '反馈', '返工', '核查通过'])
    await expect(record.filter({ hasText: deed }).first()).toBeVisible()
  await expect(operator.page.getByText('摊贩已劝离')).not.toHaveCount(0)

  for (const one of [operator, lead, assist, worker]) await one.close()
})

test('of two who act at once one is told what happened, and keeps what was typed', async ({ browser, house }) => {
  const api = await house.as('operator')
  const { grids } = await (await api.get('/api/v1/grids')).json()
  const made = await (
    await api.post('/api/v1/intake', {
      data: { title: '楼道堆放杂物', source: 'hotline', address: '明湖社区', point: grids[1].label },
    })
  ).json()
  const [first, second] = [await Desk.of(browser, house, 'operator'), await Desk.of(browser, house, 'commander')]
  await first.case(made.id, '已上报')
  await second.case(made.id, '已上报')
  await second.press('不予受理')
  await second.choose('原因', '重复事件')
  await second.write('理由', '与上午的来电是同一件')

  await first.act('受理', { choose: { 处置层级: '二级 村(社区)' } })
  await first.stands('已受理待分流')

  await second.dialog.getByRole('button', { name: '不予受理', exact: true }).click()
  const told = second.dialog.getByRole('alert')
  await expect(told).toContainText('案件刚刚有变化')
  await told.getByRole('button', { name: /保留已填内容/ }).click()
  await second.stands('已受理待分流')
  await expect(second.dialog.getByLabel('理由', { exact: true })).toHaveValue('与上午的来电是同一件')
  for (const one of [first, second]) await one.close()
})
