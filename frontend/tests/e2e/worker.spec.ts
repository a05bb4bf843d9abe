import { expect, type House, test } from './house'

// The worker's page on a phone: what it says about being recorded is what the server stores.
test.use({
  viewport: { width: 390, height: 844 },
  permissions: ['geolocation'],
  geolocation: { longitude: 114.209, latitude: 22.6875, accuracy: 8 },
})

interface Duty {
  tracked: boolean
  session: { id: string; purpose: string } | null
  stored_today: number
}

async function enter(page: import('@playwright/test').Page, house: House): Promise<void> {
  await page.goto(`${house.url}/m/`)
  await page.locator('input[name=username]').fill('worker')
  await page.locator('input[name=password]').fill(house.password('worker'))
  await page.keyboard.press('Enter')
  await expect(page.locator('[data-test=truth]')).toBeVisible()
}

/** Ends what an earlier test left open: the house is shared. */
async function offDuty(house: House): Promise<void> {
  const api = await house.as('worker')
  const { session } = await (await api.get('/api/v1/me/duty')).json()
  if (session)
    await api.post('/api/v1/fixes', {
      data: {
        client: 'e2e',
        sessions: [{ ...session, ended_at: new Date().toISOString(), consent: '2026-01' }],
        fixes: [],
      },
    })
  await api.dispose()
}

test.beforeEach(({ house }) => offDuty(house))

const duty = async (house: House): Promise<Duty> => {
  const api = await house.as('worker')
  const answer = (await (await api.get('/api/v1/me/duty')).json()) as Duty
  await api.dispose()
  return answer
}

test('duty begins, positions are stored, survive a cut and a reload, and end with duty', async ({
  page,
  context,
  house,
}) => {
  const truth = page.locator('[data-test=truth]')
  await enter(page, house)
  await expect(truth).toContainText('未记录位置')
  expect((await duty(house)).tracked).toBe(false)
  const before = (await duty(house)).stored_today

  await expect(page.locator('[data-test=start]')).toBeDisabled() // nothing begins without consent
  await page.getByLabel('我已阅读并同意').check()
  await page.locator('label', { hasText: '走访' }).click()
  await page.locator('[data-test=start]').click()
  await expect(truth).toContainText('正在记录位置')
  await expect.poll(async () => (await duty(house)).session?.purpose).toBe('visit')

  // a new place every few seconds: the page must have asked for it, kept it and sent it
  let east = 0
  const walk = () => context.setGeolocation({ longitude: 114.209 + ++east * 0.0002, latitude: 22.6875, accuracy: 6 })
  await expect
    .poll(
      async () => {
        await walk()
        return (await duty(house)).stored_today - before
      },
      { intervals: [6_000], timeout: 60_000 },
    )
    .toBeGreaterThan(0)

  // without network nothing is lost: it waits on the phone, over a reload too
  await context.route('**/api/v1/fixes', route => route.abort())
  const kept = async () => Number.parseInt((await page.locator('[data-test=unsent]').textContent()) ?? '', 10)
  await expect
    .poll(
      async () => {
        await walk()
        return kept()
      },
      { intervals: [6_000], timeout: 60_000 },
    )
    .toBeGreaterThan(0)
  await expect(truth).toContainText('正在记录位置')
  await page.reload()
  await expect(truth).toContainText('正在记录位置') // the duty goes on by itself
  await expect.poll(kept).toBeGreaterThan(0)
  await context.unroute('**/api/v1/fixes')
  await expect.poll(kept, { timeout: 90_000 }).toBe(0)

  await page.locator('[data-test=end]').click()
  await page.locator('[data-test=end-sure]').click()
  await expect(truth).toContainText('未记录位置')
  await expect.poll(async () => (await duty(house)).session).toBeNull()
  const stored = (await duty(house)).stored_today
  await walk()
  await expect(page.locator('[data-test=start]')).toBeVisible()
  expect((await duty(house)).stored_today).toBe(stored)
})

test('a call for help goes out off duty after a long hold, never after a short one, and shows who answers', async ({
  page,
  house,
}) => {
  await enter(page, house)
  const button = page.getByRole('button', { name: '按住 1.5 秒求助' })
  const commander = await house.as('commander')
  const open = async () => ((await (await commander.get('/api/v1/sos')).json()) as { sos: { id: string }[] }).sos

  await button.hover()
  await page.mouse.down()
  await expect(page.getByText('继续按住…')).toBeVisible()
  await page.mouse.up() // let go at once
  await expect(page.getByText('继续按住…')).toBeHidden()
  expect(await open()).toEqual([])

  await button.hover()
  await page.mouse.down()
  await expect(page.locator('[data-test=sos]')).toContainText('求助已送达')
  await page.mouse.up()
  await expect(page.locator('[data-test=truth]')).toContainText('正在记录位置')
  const [call] = await open()
  expect(call).toBeDefined()
  expect((await commander.post(`/api/v1/sos/${call!.id}/ack`)).ok()).toBe(true)
  await expect(page.locator('[data-test=sos]')).toContainText('指挥室已响应')
  expect((await commander.post(`/api/v1/sos/${call!.id}/close`, { data: { note: '演练结束' } })).ok()).toBe(true)
  await expect(page.locator('[data-test=sos]')).toContainText('求助已由指挥室解除')
  await page.getByRole('button', { name: '知道了' }).click()
  await expect(page.locator('[data-test=truth]')).toContainText('未记录位置')
  await commander.dispose()
})

test('the worker reads who looked at the track, and why', async ({ page, house }) => {
  const api = await house.as('worker')
  const { principal } = await (await api.get('/api/v1/session')).json()
  await api.dispose()
  const commander = await house.as('commander')
  const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date())
  const looked = await commander.post(`/api/v1/workers/${principal.worker}/track-views`, {
    data: { day, purpose: '督查走访：抽查' },
  })
  expect(looked.status(), await looked.text()).toBe(200)
  await commander.dispose()
  await enter(page, house)
  await page.locator('[data-test=records]').click()
  await expect(page.getByText('督查走访：抽查').first()).toBeVisible()
})
