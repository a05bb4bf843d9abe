import { monday } from '../../core/patrol/week'
import { expect, type House, test } from './house'

// A morning that was walked yesterday, from the phone to the printed week.
const dayOf = (at: number): string => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(at)
const yesterday = dayOf(Date.now() - 86_400_000)
const week = monday(yesterday)

interface Walked {
  worker: number
  grid: { id: number; name: string }
}

/** 150 minutes around the middle of the worker's grid, a fix every 30 seconds, sent late. */
async function walk(house: House): Promise<Walked> {
  const api = await house.as('worker')
  const { principal } = await (await api.get('/api/v1/session')).json()
  const mine = await (await api.get(`/api/v1/me/patrol?week=${week}`)).json()
  const id = mine.grids[0].grid
  const { grids } = await (await (await house.as('commander')).get('/api/v1/grids')).json()
  const grid = grids.find((one: { id: number }) => one.id === id)
  const start = Date.parse(`${yesterday}T08:30:00+08:00`)
  const session = {
    id: crypto.randomUUID(),
    purpose: 'patrol',
    started_at: new Date(start).toISOString(),
    ended_at: new Date(start + 150 * 60_000).toISOString(),
    consent: '2026-01',
  }
  const fixes = Array.from({ length: 301 }, (_fix, i) => ({
    at: new Date(start + i * 30_000).toISOString(),
    lon: grid.label[0] + 0.0003 * Math.cos(i / 14) + 0.000013 * Math.sin(i * 2.3),
    lat: grid.label[1] + 0.0003 * Math.sin(i / 14) + 0.000011 * Math.cos(i * 3.1),
    accuracy: 5 + (i % 7),
    speed: 0.9 + (i % 5) / 10,
    course: null,
  }))
  const answer = await api.post('/api/v1/fixes', { data: { client: 'e2e', sessions: [session], fixes } })
  expect(answer.status(), await answer.text()).toBe(200)
  await expect(async () => {
    const again = await (await api.get(`/api/v1/me/patrol?week=${week}`)).json()
    expect(again.half_days.find((one: { day: string }) => one.day === yesterday).minutes).toBeGreaterThanOrEqual(120)
  }).toPass({ timeout: 90_000, intervals: [2_000] })
  return { worker: principal.worker, grid }
}

test('a walked morning is on the board, and every step down to the ground and the paper', async ({ page, house }) => {
  test.slow() // from the phone to the paper, over a map that is drawn in software
  const { worker, grid } = await walk(house)
  const answer = await page.request.post(`${house.url}/api/v1/session`, {
    data: { login: 'commander', password: house.password('commander') },
  })
  expect(answer.status()).toBe(200)

  await test.step('the board has every grid, its fourteen half-days and its four coverages', async () => {
    await page.goto(`${house.url}/console/patrol?week=${week}`)
    await expect(page.getByRole('heading', { name: '巡查周报' })).toBeVisible()
    await expect(page.locator('.board tbody tr').first()).toBeVisible()
    expect(await page.locator('.board tbody tr').count()).toBeGreaterThan(100)
    await expect(page.getByText(/应巡 \d 个半天/).first()).toBeVisible()
    await page.getByRole('searchbox', { name: '搜索网格、编码、负责人' }).fill(grid.name)
    await expect(page.locator('.board tbody tr').first()).toContainText(grid.name)
    await expect(page.locator('.board tbody tr').first().locator('.strip g')).toHaveCount(14)
  })

  await test.step("a person's week says what counted", async () => {
    await page.goto(`${house.url}/console/patrol/workers/${worker}?week=${week}`)
    const half = page.locator(`.half.full[href*="/days/${yesterday}"]`).first() // the street has a past of its own
    await expect(half).toContainText('够时，算一个半天')
    await half.click()
  })

  await test.step('the day is shown for a purpose alone', async () => {
    await expect(page).toHaveURL(new RegExp(`/days/${yesterday}`))
    const look = page.getByRole('button', { name: '查看依据' })
    await look.click()
    await expect(page.getByRole('alert')).toContainText('事由')
    await expect(page.locator('.intervals')).toHaveCount(0)
    await page.getByRole('button', { name: '事件复盘' }).click()
    await look.click()
    await expect(page.locator('.intervals li').first()).toContainText('计入')
    await expect(page.getByText('算一个半天')).toBeVisible()
    await expect(page.locator('.verdict').first()).toBeVisible()
    await expect(page.locator('.mapbox canvas').first()).toBeVisible()
    await page.locator('.intervals button').first().click()
    await expect(page.locator('.intervals [aria-pressed=true]')).toHaveCount(1)
  })

  await test.step('the worker sees who looked, and why', async () => {
    const api = await house.as('worker')
    const { records } = await (await api.get('/api/v1/me/access-records')).json()
    expect(records[0]).toMatchObject({ what: 'patrol_day', purpose: '事件复盘', day: yesterday })
  })

  await test.step('the ground that was walked is told from the ground that was not', async () => {
    await page.goto(`${house.url}/console/patrol/grids/${grid.id}?week=${week}`)
    await expect(page.getByText('可走地面，最近一次走到')).toBeVisible()
    await expect(page.locator('.bands')).toContainText('没有走到')
    await page.getByRole('tab', { name: /住户/ }).click()
    await expect(page.locator('.bands')).toContainText('最近一次走访')
  })

  await test.step('the week is printed', async () => {
    await page.goto(`${house.url}/api/v1/patrol/report?week=${week}`)
    await expect(page.getByRole('heading', { name: '网格巡查周报' })).toBeVisible()
    await expect(page.getByRole('cell', { name: grid.name }).first()).toBeVisible()
    await expect(page.getByRole('cell', { name: '合计' })).toBeVisible()
  })
})

test('a policy is tried before it is saved', async ({ page, house }) => {
  await page.request.post(`${house.url}/api/v1/session`, {
    data: { login: 'commander', password: house.password('commander') },
  })
  await page.goto(`${house.url}/console/patrol-rules`)
  await page.getByRole('button', { name: '新建制度' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: '名称' }).fill('每周一个半天')
  const count = dialog.getByRole('spinbutton', { name: '每周半天数' }).or(dialog.getByLabel('每周半天数'))
  await count.first().fill('1')
  await dialog.getByRole('button', { name: '试算' }).click()
  await expect(dialog.getByRole('status')).toContainText('个网格')
  await page.keyboard.press('Escape')
})

test('the worker reads the own week without a purpose', async ({ page, house }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.request.post(`${house.url}/api/v1/session`, {
    data: { login: 'worker', password: house.password('worker') },
  })
  await page.goto(`${house.url}/m/`)
  await page.locator('[data-test=patrol]').click()
  await expect(page.locator('[data-test=patrol-sum]')).toBeVisible()
  await expect(page.locator('[data-test=patrol-sum]')).toContainText(/达标|进行中|未达标|免考/)
})
