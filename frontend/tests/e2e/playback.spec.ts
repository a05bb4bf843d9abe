import type { APIRequestContext, Page } from '@playwright/test'
import { expect, type House, test } from './house'

interface Opened {
  id: string
  workers: { worker: number; name: string; first_at: string | null; last_at: string | null }[]
}

interface Inside {
  __playback: {
    stage: {
      clock: { offset: number; playing: boolean; speed: number; from: number; to: number }
      pace: { frames: number; longest: number; late: number; since: number; work: number }
      playbacks: {
        people: readonly unknown[]
        events: { all: { at: number; kind: string }[] }
        slabs: { held: number[]; bytes: number }
      }[]
    }
    maps: ({ getCenter(): { lng: number; lat: number }; getZoom(): number; panBy(by: [number, number]): void } | null)[]
  }
}

const hour = 3_600_000
/** Days of the business zone. */
const dayBefore = (days: number): string =>
  new Date(Date.now() + 8 * hour - days * 24 * hour).toISOString().slice(0, 10)

async function enter(page: Page, house: House, login: string, path: string): Promise<void> {
  await page.goto(`${house.url}/console/${path}`)
  await page.locator('input[name=username]').fill(login)
  await page.locator('input[name=password]').fill(house.password(login))
  await page.keyboard.press('Enter')
  await expect(page.getByRole('navigation', { name: '主菜单' })).toBeVisible()
}

interface Past {
  worker: number
  name: string
  days: [string, string]
  org: number
}

/** Somebody who walked on both of the last two days; the demo's past is written while the house is open already, yesterday last. */
async function findPast(api: APIRequestContext): Promise<Past> {
  const { orgs } = await (await api.get('/api/v1/orgs')).json()
  const org = orgs.toSorted((a: { path: string }, b: { path: string }) => a.path.length - b.path.length)[0].id
  const days: [string, string] = [dayBefore(1), dayBefore(2)]
  const walked = async (day: string): Promise<Opened['workers']> => {
    const answer = await api.post('/api/v1/playbacks', { data: { org, day, purpose: '测试准备' } })
    if (answer.status() !== 201) return []
    return ((await answer.json()) as Opened).workers.filter(
      ({ first_at, last_at }) => first_at && last_at && Date.parse(last_at) - Date.parse(first_at) > hour,
    )
  }
  await expect
    .poll(async () => (await walked(days[0])).length, { timeout: 150_000, intervals: [1_000] })
    .toBeGreaterThan(20)
  const other = new Set((await walked(days[1])).map(one => one.worker))
  const found = (await walked(days[0])).find(one => other.has(one.worker))
  expect(found).toBeDefined()
  return { worker: found!.worker, name: found!.name, days, org }
}

/** When what was there, ms after the button: the playback opened, its overview read, the first picture. */
async function start(page: Page): Promise<string> {
  const marks = await page.evaluate(() =>
    ['opened', 'read'].map(
      name =>
        (performance.getEntriesByName(`playback:${name}`)[0]?.startTime ?? 0) -
        (performance.getEntriesByName('playback:asked')[0]?.startTime ?? 0),
    ),
  )
  return [...marks, await first(page)].map(ms => ms.toFixed(0)).join(' / ')
}

const first = (page: Page): Promise<number> =>
  page
    .waitForFunction(() => performance.getEntriesByName('playback:first')[0]?.duration, null, { timeout: 60_000 })
    .then(found => found.jsonValue() as Promise<number>)

const offset = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as Inside).__playback.stage.clock.offset)

// a street with a fortnight of patrols behind it
test.use({ settings: ['-history', '14'] })

test('a day is played for a purpose, compared with another, asked for as a file, let go by somebody else, and fetched', async ({
  page,
  browser,
  house,
}) => {
  test.setTimeout(300_000) // two pages, three maps, all drawn in software
  const api = await house.as('commander')
  const { worker, name, days } = await findPast(api)
  const asked: string[] = []
  page.on('request', request => {
    if (request.method() === 'POST' && request.url().endsWith('/api/v1/playbacks')) asked.push(request.url())
  })
  await enter(page, house, 'commander', `playback?workers=${worker}&day=${days[0]}&day2=${days[1]}`)

  // nothing before a purpose
  const play = page.getByRole('button', { name: '开始回放' })
  await play.click()
  await expect(page.getByRole('alert')).toContainText('事由')
  expect(asked).toHaveLength(0)
  await page.getByRole('textbox', { name: '回放事由' }).fill('巡查复核')
  await play.click()
  // measured, not asserted: software drawing on a busy machine says little about the page
  const took = await first(page)
  expect(took).toBeGreaterThan(0)
  test.info().annotations.push({ type: 'opened / read / first picture, ms', description: await start(page) })
  expect(asked).toHaveLength(2)
  await expect(page.getByText('事由“巡查复核”，已写入查阅记录')).toBeVisible()

  // ×64, by keys
  await page.getByRole('radio', { name: '×64' }).click()
  const from = await offset(page)
  await page.keyboard.press('Space')
  await expect.poll(() => offset(page)).toBeGreaterThan(from + 120_000)
  await page.keyboard.press('Space')
  await expect(page.getByRole('button', { name: '播放', exact: true })).toBeVisible()
  const stood = await offset(page)
  await page.keyboard.press('[')
  await expect(page.getByRole('radio', { name: '×32' })).toBeChecked()

  // from event to event
  await page.keyboard.press('End')
  await page.keyboard.press('Shift+ArrowLeft')
  const at = await offset(page)
  expect(at).toBeGreaterThan(stood)
  const ats = await page.evaluate(() =>
    (window as unknown as Inside).__playback.stage.playbacks.flatMap(one => one.events.all.map(event => event.at)),
  )
  expect(ats).toContain(at)

  // two days on one clock, and one view
  const maps = page.locator('.maps .canvas')
  await expect(maps).toHaveCount(2)
  await expect(page.locator('.which').first()).toContainText(days[0])
  await expect(page.locator('.which').last()).toContainText(days[1])
  await page.evaluate(() => (window as unknown as Inside).__playback.maps[0]!.panBy([300, 120]))
  await expect
    .poll(() =>
      page.evaluate(() => {
        const [a, b] = (window as unknown as Inside).__playback.maps.map(map => map!.getCenter())
        return Math.abs(a!.lng - b!.lng) + Math.abs(a!.lat - b!.lat)
      }),
    )
    .toBeLessThan(1e-9)

  // an export waits for somebody else
  await page.getByRole('button', { name: '导出轨迹' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('CSV', { exact: true }).click()
  await dialog.getByRole('button', { name: '申请导出' }).click()
  await expect(dialog.getByText('已提交，等待另一人批准')).toBeVisible()
  await dialog.getByRole('link', { name: '我的导出' }).click()
  const mine = page.locator('tr[data-export]').first()
  await expect(mine).toContainText('待审批')
  await expect(mine).toContainText(name)
  await expect(mine.getByRole('button', { name: '批准', exact: true })).toHaveCount(0)

  const other = await browser.newContext({ locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
  const judge = await other.newPage()
  await enter(judge, house, 'auditor', 'track-exports')
  const waiting = judge.locator('tr[data-export]').first()
  await expect(waiting).toContainText('巡查复核')
  await waiting.getByRole('button', { name: '批准', exact: true }).click()
  await judge.getByRole('dialog').getByRole('button', { name: '确定' }).click()
  await expect(judge.getByText('没有待审批的导出')).toBeVisible()
  await other.close()

  await page.getByRole('button', { name: '刷新' }).click()
  await expect(mine).toContainText('可下载')
  const [download] = await Promise.all([page.waitForEvent('download'), mine.getByText('下载', { exact: true }).click()])
  const stream = await download.createReadStream()
  let text = ''
  for await (const part of stream) text += part.toString()
  expect(text).toContain('EPSG:4326')
  expect(text).toContain('巡查复核')
  expect(text).toContain('commander')

  // all of it is on record
  const { records } = await (await api.get('/api/v1/access-records', { params: { worker } })).json()
  const what = (records as { what: string; purpose: string; day: string }[]).filter(one => one.purpose === '巡查复核')
  expect(what.filter(one => one.what === 'playback').map(one => one.day)).toEqual(expect.arrayContaining(days))
  expect(what.some(one => one.what === 'export')).toBe(true)
})

test('a whole street is played at ×64, finer around the playhead, in bounded memory', async ({ page, house }) => {
  test.setTimeout(300_000)
  const api = await house.as('commander')
  const {
    org,
    days: [busy],
  } = await findPast(api)
  await enter(page, house, 'commander', `playback?org=${org}&day=${busy}`)
  await page.getByRole('textbox', { name: '回放事由' }).fill('巡查复核')
  await page.getByRole('button', { name: '开始回放' }).click()
  await first(page)
  const took = await start(page)
  await page.getByRole('radio', { name: '×64' }).click()
  await page.keyboard.press('Space')
  const inside = () =>
    page.evaluate(() => {
      const { stage } = (window as unknown as Inside).__playback
      const [one] = stage.playbacks
      return {
        people: one!.people.length,
        passed: stage.clock.offset - stage.clock.from,
        held: one!.slabs.held.length,
        bytes: one!.slabs.bytes,
        ...stage.pace,
        seconds: (performance.now() - stage.pace.since) / 1000,
      }
    })
  await expect.poll(async () => (await inside()).passed).toBeGreaterThan(300_000)
  await expect.poll(async () => (await inside()).held, { timeout: 30_000 }).toBeGreaterThan(0)
  const now = await inside()
  test.info().annotations.push({
    type: 'street',
    description: `${now.people} people, opened / read / first picture ${took} ms, ${(now.frames / now.seconds).toFixed(0)} frames/s, longest ${now.longest.toFixed(0)} ms, ${(now.work / now.frames).toFixed(1)} ms of this thread a frame`,
  })
  expect(now.bytes).toBeLessThan(96 * 2 ** 20)
  await page.keyboard.press('Space')
  await page.getByPlaceholder('姓名、组织').fill('社区')
  await page.locator('.people .name').first().click()
  await expect(page.locator('.card')).toContainText('状态')
})
