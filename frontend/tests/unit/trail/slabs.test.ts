import { Slabs } from '@core/trail/slabs'
import { describe, expect, it } from 'vitest'

const hour = 3_600_000

interface Desk {
  slabs: Slabs
  asked: number[]
  dropped: number[]
  aborted: number[]
  answer: (slab: number) => Promise<void>
  fail: (slab: number) => Promise<void>
  clock: { at: number }
}

function desk(size = 10, budget = 1000, has: (slab: number) => boolean = slab => slab >= 0 && slab < 24): Desk {
  const asked: number[] = []
  const dropped: number[] = []
  const aborted: number[] = []
  const open = new Map<number, { resolve: (b: ArrayBuffer) => void; reject: (e: Error) => void }>()
  const clock = { at: 0 }
  const slabs = new Slabs(
    {
      load: (slab, signal) =>
        new Promise((resolve, reject) => {
          asked.push(slab)
          open.set(slab, { resolve, reject })
          signal.addEventListener('abort', () => {
            aborted.push(slab)
            reject(new DOMException('aborted', 'AbortError'))
          })
        }),
      *take(_slab, bytes) {
        for (let i = 0; i < bytes.byteLength; i++) {
          clock.at += 1
          yield
        }
        return bytes.byteLength
      },
      drop: slab => dropped.push(slab),
    },
    { slabMs: hour, has, budget, now: () => clock.at },
  )
  const settle = () => new Promise<void>(resolve => setTimeout(resolve))
  return {
    slabs,
    asked,
    dropped,
    aborted,
    clock,
    answer: async slab => {
      open.get(slab)!.resolve(new ArrayBuffer(size))
      await settle()
    },
    fail: async slab => {
      open.get(slab)!.reject(new Error('network'))
      await settle()
    },
  }
}

const whole = (d: Desk) => {
  while (d.slabs.busy) d.slabs.step(1000)
}

describe('hours around the playhead', () => {
  it('the hour of the playhead first, one at a time', async () => {
    const d = desk()
    d.slabs.aim(9.99 * hour, 64, true)
    expect(d.asked).toEqual([9])
    await d.answer(9)
    expect(d.asked).toEqual([9])
    whole(d)
    expect(d.asked).toEqual([9, 10])
    expect(d.slabs.held).toEqual([9])
  })

  it('reads ahead by the pace: at ×64 what comes in forty seconds, at ×1 five minutes', async () => {
    const slow = desk()
    slow.slabs.aim(9.5 * hour, 1, true)
    await slow.answer(9)
    whole(slow)
    expect(slow.asked).toEqual([9])
    const fast = desk()
    fast.slabs.aim(9.5 * hour, 64, true)
    await fast.answer(9)
    whole(fast)
    expect(fast.asked).toEqual([9, 10])
  })

  it('decodes in bites that end in time', async () => {
    const d = desk(100)
    d.slabs.aim(9.5 * hour, 1, false)
    await d.answer(9)
    expect(d.slabs.step(3)).toBe(false)
    expect(d.clock.at).toBeLessThanOrEqual(4)
    expect(d.slabs.busy).toBe(true)
    whole(d)
    expect(d.slabs.bytes).toBe(100)
  })

  it('a leap elsewhere gives up what was being read', async () => {
    const d = desk()
    d.slabs.aim(9.5 * hour, 1, true)
    d.slabs.aim(20.5 * hour, 1, true)
    expect(d.aborted).toEqual([9])
    expect(d.asked).toEqual([9, 20])
    await d.answer(20)
    whole(d)
    expect(d.slabs.held).toEqual([20])
  })

  it('memory is bounded: the farthest goes, never what is needed', async () => {
    const d = desk(400, 1000)
    for (const h of [8, 9, 10, 11, 12]) {
      d.slabs.aim((h + 0.3) * hour, 1, true)
      await d.answer(h)
      whole(d)
    }
    d.slabs.aim(12.3 * hour, 1, true)
    expect(d.slabs.bytes).toBeLessThanOrEqual(1000)
    expect(d.slabs.held).toEqual([11, 12])
    expect(d.dropped).toEqual([8, 9, 10])
  })

  it('an hour that fails is asked for again, not at once', async () => {
    const d = desk()
    d.slabs.aim(9.5 * hour, 1, false)
    await d.fail(9)
    d.slabs.aim(9.5 * hour, 1, false)
    expect(d.asked).toEqual([9])
    d.clock.at += 5000
    d.slabs.aim(9.5 * hour, 1, false)
    expect(d.asked).toEqual([9, 9])
  })

  it('hours that hold nothing are not asked for', () => {
    const d = desk(10, 1000, () => false)
    d.slabs.aim(3 * hour, 64, true)
    expect(d.asked).toEqual([])
  })

  it('closed, it asks for nothing more', async () => {
    const d = desk()
    d.slabs.aim(9.5 * hour, 1, true)
    d.slabs.close()
    expect(d.aborted).toEqual([9])
    d.slabs.aim(10.5 * hour, 1, true)
    expect(d.asked).toEqual([9])
  })
})
