import { ApiError } from '@core/api/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryShelf, Outbox } from '../../apps/worker/outbox'
import { patience, type Receipt, Sender } from '../../apps/worker/sender'

const receipt: Receipt = { stored: 1, duplicate: 0, off_duty: 0, quarantined: [], server_time: '2026-11-22T01:00:00Z' }
const fix = { at: '2026-11-22T01:00:00Z', lon: 114.2, lat: 22.68 }
const busy = (retryAfter: number | null) => new ApiError(503, 'busy', '系统繁忙', retryAfter)
const cut = () => new ApiError(0, 'network', '网络不通')

function made(answers: (Receipt | Error)[]) {
  const outbox = new Outbox(new MemoryShelf(), 7)
  const sent: unknown[] = []
  const sender = new Sender({
    outbox,
    random: () => 0,
    post: async body => {
      sent.push(body)
      const answer = answers.shift() ?? receipt
      if (answer instanceof Error) throw answer
      return answer
    },
  })
  return { outbox, sender, sent }
}

describe('the sender', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse('2026-11-22T01:00:00Z') })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('empties the outbox and says when', async () => {
    const { outbox, sender, sent } = made([])
    await outbox.keep(fix)
    await sender.kick()
    expect(sent.length).toBe(1)
    expect(sender.state.get()).toMatchObject({ unsent: 0, sentAt: Date.now(), trouble: '', sending: false, skew: 0 })
  })

  it('keeps everything on a 503 and waits as long as the server asks', async () => {
    const { outbox, sender, sent } = made([busy(7)])
    await outbox.keep(fix)
    await sender.kick()
    expect(sender.state.get()).toMatchObject({ unsent: 1, sentAt: null, trouble: '系统繁忙' })
    await sender.kick() // more came: no reason to hurry
    await vi.advanceTimersByTimeAsync(6_900)
    expect(sent.length).toBe(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(sent.length).toBe(2)
    expect(sender.state.get()).toMatchObject({ unsent: 0, trouble: '' })
  })

  it('tries at once when the network is back', async () => {
    const { outbox, sender, sent } = made([cut(), cut()])
    await outbox.keep(fix)
    await sender.kick()
    await sender.kick(true)
    await sender.kick(true)
    expect(sent.length).toBe(3)
    expect(sender.state.get().unsent).toBe(0)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(sent.length).toBe(3) // no timer was left behind
  })

  it('stops at a 401, keeps the records, and goes on after signing in', async () => {
    const { outbox, sender, sent } = made([new ApiError(401, 'unknown', '请先登录')])
    await outbox.keep(fix)
    await sender.kick()
    expect(sender.state.get()).toMatchObject({ signedOut: true, unsent: 1 })
    await vi.advanceTimersByTimeAsync(600_000)
    expect(sent.length).toBe(1)
    sender.resume()
    await vi.advanceTimersByTimeAsync(0)
    expect(sender.state.get()).toMatchObject({ signedOut: false, unsent: 0 })
  })

  it('sends what came during a request right after it, one request at a time', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    let running = 0
    let most = 0
    let calls = 0
    const sender = new Sender({
      outbox,
      post: async () => {
        calls++
        most = Math.max(most, ++running)
        if (calls === 1) await outbox.keep({ ...fix, at: '2026-11-22T01:00:05Z' })
        await Promise.resolve()
        running--
        return receipt
      },
    })
    await outbox.keep(fix)
    await Promise.all([sender.kick(), sender.kick(), sender.kick(true)])
    await vi.advanceTimersByTimeAsync(0)
    expect(most).toBe(1)
    expect((await outbox.unsent()).fixes).toBe(0)
  })

  it('counts what the server did not keep because nobody was on duty', async () => {
    const { outbox, sender } = made([{ ...receipt, stored: 0, off_duty: 1 }])
    await outbox.keep(fix)
    await sender.kick()
    expect(sender.state.get()).toMatchObject({ offDuty: 1, unsent: 0 })
  })

  it.each([
    [1, null, 0, 1_500],
    [1, null, 1, 2_500],
    [4, null, 0.5, 16_000],
    [50, null, 0.5, 60_000],
    [50, 3, 0, 3_000],
    [1, 30, 1, 37_500],
  ])('after failure %d with Retry-After %s waits (random %d) %d ms', (failures, retryAfter, random, ms) => {
    expect(patience(failures, retryAfter, random)).toBe(ms)
  })
})
