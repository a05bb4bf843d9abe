import type { Link, Listener, LiveEvent } from '@core/live/socket'
import { Store } from '@core/live/store'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope } from 'vue'

const wire: { listener?: Listener; link: Store<Link> } = {
  link: new Store<Link>({ state: 'connecting', dataAt: null, age: 0, attempts: 0 }),
}
vi.mock('@core/live/socket', () => ({
  LiveSocket: class {
    link = wire.link
    constructor({ listener }: { listener: Listener }) {
      wire.listener = listener
    }
    start() {}
    stop() {}
  },
}))
vi.mock('../../apps/console/session', async () => {
  const { shallowRef } = await import('vue')
  return { session: shallowRef({}), may: () => true }
})

const page = { hidden: false, addEventListener: () => {}, removeEventListener: () => {} }
const event = (kind: string, subject = ''): LiveEvent => ({
  type: 'event',
  region: 1,
  seq: 1,
  at: '',
  kind,
  subject,
  body: {},
})

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('document', page)
  vi.stubGlobal('location', { protocol: 'http:', host: 'here' })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a page reads again when it hears of its kind, and seldom besides', async () => {
  const { freshen, listening } = await import('../../apps/console/live')
  const scope = effectScope()
  const read = vi.fn()
  scope.run(() => freshen(['incident.'], 10_000, read))
  expect(listening.value).toBe(1)

  // while the line is down it looks as often as it says
  await vi.advanceTimersByTimeAsync(20_500)
  expect(read).toHaveBeenCalledTimes(2)

  // the line is there: whatever happened meanwhile is read, then nothing for a while
  wire.link.set({ state: 'live', dataAt: 1, age: 0, attempts: 0 })
  wire.listener!.live!()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(read).toHaveBeenCalledTimes(3)
  await vi.advanceTimersByTimeAsync(30_000)
  expect(read).toHaveBeenCalledTimes(3)

  // another kind is not its business; words that come together are read once
  wire.listener!.event!(event('alarm.raised'))
  for (let i = 0; i < 5; i++) wire.listener!.event!(event('incident.accepted'))
  await vi.advanceTimersByTimeAsync(300)
  expect(read).toHaveBeenCalledTimes(4)

  // a storm is read every second and a half, not oftener
  for (let i = 0; i < 60; i++) {
    wire.listener!.event!(event('incident.signed'))
    await vi.advanceTimersByTimeAsync(50)
  }
  await vi.advanceTimersByTimeAsync(1_500)
  expect(read.mock.calls.length).toBeLessThanOrEqual(7)
  expect(read.mock.calls.length).toBeGreaterThanOrEqual(6)

  // lost for good: read again
  const before = read.mock.calls.length
  await vi.advanceTimersByTimeAsync(2_000)
  wire.listener!.reset!(1, 'gap')
  await vi.advanceTimersByTimeAsync(300)
  expect(read).toHaveBeenCalledTimes(before + 1)

  scope.stop()
  expect(listening.value).toBe(0)
  wire.listener!.event!(event('incident.accepted'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(read).toHaveBeenCalledTimes(before + 1)
})

test('a resource keeps its plus sign and its quotes on the way to the table', async () => {
  const { resourceTable } = await import('../../apps/console/rules/resource')
  const lines = resourceTable([
    { code: 'X1', kind: 'aed', name: '门岗 "A", 东', lon: 114.2, lat: 22.7, phone: '+86 755' },
  ])
  expect(lines.split('\r\n')[1]).toBe('X1,aed,"门岗 ""A"", 东",114.2,22.7,,,,+86 755,,,')
})
