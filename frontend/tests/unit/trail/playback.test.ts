import type { Span } from '@core/trail/lane'
import { standing } from '@core/trail/lane'
import { type Feed, fineLanes, type Of, Playback, type Told } from '@core/trail/playback'
import { between, segmentStride } from '@core/trail/segments'
import { describe, expect, it, vi } from 'vitest'
import { encode, framed, hour, midnight, type Walked, walk } from './chunks'

const day = 24 * hour
const ways = (people: number): Walked[][] =>
  Array.from({ length: people }, (_, i) => walk(i + 1, midnight + 9 * hour, midnight + 12 * hour, 5_000))

function street(people: number, events: Told[] = [], days = ways(people)) {
  const asked: [number, number][] = []
  const feed: Feed = {
    piece: async () => new ArrayBuffer(0),
    overview: async (_signal, take) =>
      days.forEach((way, index) => {
        take(framed([{ index, bytes: encode(way.filter((_one, i) => i % 30 === 0 || i === way.length - 1)) }]))
      }),
    events: async () => events,
    chunks: async (from, to) => {
      asked.push([from, to])
      return framed(
        days.map((way, index) => ({ index, bytes: encode(way.filter(one => one.at >= from && one.at < to)) })),
      )
    },
  }
  const playback = new Playback(
    {
      from: midnight,
      to: midnight + day,
      archived: true,
      people: days.map((way, i) => ({
        worker: 100 + i,
        name: `W${i}`,
        org: 'A',
        role: 'grid_worker',
        first: way[0]!.at,
        last: way.at(-1)!.at,
      })),
    },
    feed,
  )
  return { playback, asked }
}

const settle = () => new Promise<void>(resolve => setTimeout(resolve))

describe('a playback', () => {
  it('plays from the overview at once', async () => {
    const { playback, asked } = street(3)
    await playback.open().events
    expect(asked).toEqual([])
    expect(playback.span()).toEqual({ from: 9 * hour, to: 12 * hour })
    expect(playback.lanes.map(lane => lane.at(10 * hour + 1234, standing()).being)).toEqual([
      'moving',
      'moving',
      'moving',
    ])
    expect(playback.bounds!.west).toBeGreaterThan(114)
    expect(playback.rough[0]!.count).toBeGreaterThan(100)
  })

  it('reads the hours around the playhead and becomes finer', async () => {
    const { playback, asked } = street(3)
    await playback.open().events
    playback.slabs.aim(9.9 * hour, 64, true)
    await settle()
    while (playback.slabs.busy) playback.slabs.step(50)
    expect(asked[0]).toEqual([midnight + 9 * hour, midnight + 10 * hour])
    expect(playback.lanes[0]!.slab(9)!.count).toBe(720)
    expect(playback.fine.get(9)!.count).toBe(3 * 719)
  })

  it('of many people draws the simplified ways only, and still places everybody to the fix', async () => {
    const { playback } = street(fineLanes + 1)
    await playback.open().events
    playback.slabs.aim(9.5 * hour, 1, true)
    await settle()
    while (playback.slabs.busy) playback.slabs.step(50)
    expect(playback.fine.size).toBe(0)
    expect(playback.lanes[0]!.slab(9)!.count).toBe(720)
  })

  it('draws no step across a gap, and a stay as a ring only', async () => {
    const gap = { from: midnight + 10 * hour, to: midnight + 11 * hour }
    const way = ways(1)[0]!.filter(one => one.at <= gap.from || one.at >= gap.to)
    const events: Told[] = [
      { at: gap.from, until: gap.to, kind: 'gap', worker: 100, title: '' },
      {
        at: midnight + 9.2 * hour,
        until: midnight + 9.6 * hour,
        kind: 'stay',
        worker: 100,
        title: '',
        point: [114.2, 22.68],
      },
    ]
    const { playback } = street(1, events, [way])
    await playback.open().events
    const rough = playback.rough[0]!
    const f32 = new Float32Array(rough.bytes.buffer)
    const kinds: number[] = []
    for (let i = 0; i < rough.count; i++) {
      const [t0, t1] = [f32[i * 7 + 4]! * 1000, f32[i * 7 + 5]! * 1000]
      const kind = rough.bytes[i * segmentStride + 27]!
      kinds.push(kind)
      if (kind === 0) {
        expect(t1 <= 10 * hour || t0 >= 11 * hour).toBe(true)
        expect(t0 >= 9.2 * hour && t1 < 9.6 * hour).toBe(false)
      }
    }
    expect(kinds.filter(kind => kind === 1)).toHaveLength(1)
    expect(playback.lanes[0]!.stays).toHaveLength(1)
    expect(playback.lanes[0]!.heard()).toEqual([
      { from: 9 * hour, to: 10 * hour },
      { from: 11 * hour, to: 12 * hour },
    ])
  })

  it('steps are in the order of their beginning, and a stretch of the day is one range', async () => {
    const { playback } = street(5)
    await playback.open().events
    const rough = playback.rough[0]!
    for (let i = 1; i < rough.count; i++) expect(rough.begins[i]! >= rough.begins[i - 1]!).toBe(true)
    const f32 = new Float32Array(rough.bytes.buffer)
    const { first, count } = between(rough, 10 * hour, 10.2 * hour)
    const inside = new Set(Array.from({ length: count }, (_, i) => first + i))
    for (let i = 0; i < rough.count; i++) {
      const [t0, t1] = [f32[i * 7 + 4]! * 1000, f32[i * 7 + 5]! * 1000]
      if (t0 <= 10.2 * hour && t1 >= 10 * hour) expect(inside.has(i)).toBe(true)
    }
    expect(count).toBeLessThan(rough.count / 4)
  })

  it('leaves strays out of the way', async () => {
    const way = ways(1)[0]!
    const stray = way[30]!
    stray.lon += 0.5
    const { playback } = street(1, [{ at: stray.at, kind: 'outlier', worker: 100, title: 'teleport' }], [way])
    await playback.open().events
    expect(playback.lanes[0]!.overview.t.includes(stray.at - midnight)).toBe(false)
  })

  it('is drawn before all of it is there', async () => {
    const { playback } = street(2)
    let come: () => void = () => undefined
    const rest = new Promise<void>(resolve => {
      come = resolve
    })
    const slow = new Playback(
      { from: midnight, to: midnight + day, archived: true, people: playback.people },
      {
        overview: async (_signal, take) => {
          take(framed([{ index: 1, bytes: encode(walk(2, midnight + 9 * hour, midnight + 10 * hour)) }]))
          await rest
          take(framed([{ index: 0, bytes: encode(walk(1, midnight + 8 * hour, midnight + 10 * hour)) }]))
        },
        piece: async () => new ArrayBuffer(0),
        events: async () => [],
        chunks: async () => new ArrayBuffer(0),
      },
    )
    const { first, overview } = slow.open()
    await first
    expect(slow.lanes.map(lane => lane.overview.count > 0)).toEqual([false, true])
    expect(slow.span().from).toBe(9 * hour)
    const origin = slow.origin
    come()
    await overview
    expect(slow.span().from).toBe(8 * hour)
    expect(slow.origin).toEqual(origin)
  })

  it('refuses a damaged overview as a whole', async () => {
    const { playback } = street(1)
    const broken = new Playback(
      { from: midnight, to: midnight + day, archived: true, people: playback.people },
      {
        overview: async (_signal, take) => take(new ArrayBuffer(11)),
        piece: async () => new ArrayBuffer(0),
        events: async () => [],
        chunks: async () => new ArrayBuffer(0),
      },
    )
    const { first, overview } = broken.open()
    await expect(first).rejects.toThrow()
    await expect(overview).rejects.toThrow()
  })
})

describe('a day that is not archived', () => {
  const way = walk(1, midnight + 9 * hour, midnight + 12 * hour, 5_000)
  const rest = way.filter((_one, i) => i % 15 === 0 || i === way.length - 1)

  /** Two hundred people, so that it takes some pieces; `give` lets the next one come. */
  function pieces(events: (of: Of) => Told[] = () => []) {
    const asked: Span[] = []
    const waiting: (() => void)[] = []
    const playback = new Playback(
      {
        from: midnight,
        to: midnight + day,
        archived: false,
        people: Array.from({ length: 200 }, (_, i) => ({
          worker: 100 + i,
          name: '',
          org: '',
          role: '',
          first: way[0]!.at,
          last: way.at(-1)!.at,
        })),
      },
      {
        overview: () => Promise.reject(new Error('asked for whole')),
        piece: async (from, to, signal) => {
          asked.push({ from: from - midnight, to: to - midnight })
          await new Promise<void>((resolve, reject) => {
            waiting.push(resolve)
            signal.addEventListener('abort', () => reject(signal.reason))
          })
          return framed([{ index: 3, bytes: encode(rest.filter(one => one.at >= from && one.at < to)) }])
        },
        events: async of => events(of),
        chunks: async () => new ArrayBuffer(0),
      },
    )
    const give = async (): Promise<void> => {
      waiting.pop()?.()
      await settle()
      while (playback.busy) playback.step(50)
      await settle()
    }
    return { playback, asked, give }
  }

  it('shows people where they are as soon as the minutes around the playhead have been read', async () => {
    const { playback, asked, give } = pieces()
    const { first } = playback.open(10 * hour)
    let seen = false
    void first.then(() => {
      seen = true
    })
    await settle()
    expect(seen).toBe(false)
    await give()
    expect(seen).toBe(true)
    // from a moment before, so that who was heard then is seen
    expect(asked[0]).toEqual({ from: 10 * hour - 120_000, to: 10 * hour - 120_000 + 13 * 60_000 })
    expect(playback.lanes[3]!.at(10 * hour, standing()).being).toBe('moving')
    expect(playback.ready(10 * hour, 10.1 * hour)).toBe(true)
    expect(playback.ready(10 * hour, 11 * hour)).toBe(false)
    // of the rest of the day nothing is said yet, nor is it called quiet
    expect(playback.lanes[3]!.at(11 * hour, standing()).being).toBe('unseen')
    expect(playback.lanes[3]!.heard().at(-1)!.to).toBeLessThan(10.2 * hour)
    expect(playback.quiet(300_000)).toEqual([])
    expect(playback.span()).toEqual({ from: 9 * hour, to: 12 * hour })
    expect(playback.part).toBeCloseTo(13 / 181, 5)
  })

  it('is then the same as if it had been read at once', async () => {
    const { playback, asked, give } = pieces(of =>
      of === 'tracks' ? [{ at: midnight + 9.5 * hour, kind: 'outlier', worker: 103, title: '' }] : [],
    )
    const { overview, events } = playback.open(10 * hour)
    let done = false
    void overview.then(() => {
      done = true
    })
    for (let i = 0; i < 20 && !done; i++) await give()
    await events
    const lengths = asked.map(one => one.to - one.from)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(hour + 13 * 60_000)
    expect(asked.at(-1)!.from).toBeLessThan(10 * hour) // what lies before comes last
    expect(lengths.reduce((a, b) => a + b)).toBe(3 * hour + 60_000)
    const lane = playback.lanes[3]!
    expect([...lane.overview.t]).toEqual(rest.map(one => one.at - midnight).filter(at => at !== 9.5 * hour))
    expect(playback.read).toBe(null)
    expect(playback.part).toBe(1)
    expect(playback.rough).toHaveLength(1)
    expect(playback.rough[0]!.count).toBe(lane.overview.count - 1)
  })

  it('draws each step once while it is being read, those from piece to piece too', async () => {
    const { playback, give } = pieces()
    let done = false
    void playback.open(10 * hour).overview.then(() => {
      done = true
    })
    // the piece that is asked for last comes first
    await give()
    await give()
    await give()
    expect(done).toBe(false)
    const covered = playback.read!
    const inside = rest.filter(one =>
      covered.some(span => one.at - midnight >= span.from && one.at - midnight < span.to),
    )
    expect(playback.rough.reduce((sum, one) => sum + one.count, 0)).toBe(inside.length - covered.length)
  })

  it('reads next what somebody jumps to', async () => {
    const { playback, asked, give } = pieces()
    playback.open(null).overview.catch(() => undefined)
    await settle()
    await give()
    expect(asked).toHaveLength(2)
    playback.aim(11 * hour, 1, false)
    await settle()
    expect(asked.at(-1)!.from).toBe(11 * hour - 120_000)
    await give()
    expect(playback.ready(11 * hour, 11 * hour)).toBe(true)
    playback.close()
  })

  it('a piece that does not come is asked for again, and at last the failure is told', async () => {
    vi.useFakeTimers()
    let asked = 0
    const { playback } = pieces()
    const broken = new Playback(
      { from: midnight, to: midnight + day, archived: false, people: playback.people },
      {
        overview: () => Promise.reject(new Error('asked for whole')),
        piece: async () => {
          asked++
          throw new Error('no network')
        },
        events: async () => [],
        chunks: async () => new ArrayBuffer(0),
      },
    )
    const { first, overview } = broken.open()
    const failed = Promise.all([expect(first).rejects.toThrow('no network'), expect(overview).rejects.toThrow()])
    await vi.advanceTimersByTimeAsync(10_000)
    await failed
    expect(asked).toBe(3)
    vi.useRealTimers()
  })
})

describe('five hundred people for a day', () => {
  it('an hour of every fix fits the memory kept for it many times', async () => {
    const { playback } = street(2)
    await playback.open().events
    playback.slabs.aim(9.5 * hour, 1, true)
    await settle()
    while (playback.slabs.busy) playback.slabs.step(50)
    const perPersonHour = playback.slabs.bytes / 2
    expect(perPersonHour * 500).toBeLessThan(8 * 2 ** 20)
  })
})
