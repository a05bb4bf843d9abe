import { standing } from '@core/trail/lane'
import { type Feed, fineLanes, Playback, type Told } from '@core/trail/playback'
import { between, segmentStride } from '@core/trail/segments'
import { describe, expect, it } from 'vitest'
import { encode, framed, hour, midnight, type Walked, walk } from './chunks'

const day = 24 * hour
const ways = (people: number): Walked[][] =>
  Array.from({ length: people }, (_, i) => walk(i + 1, midnight + 9 * hour, midnight + 12 * hour, 5_000))

function street(people: number, events: Told[] = [], days = ways(people)) {
  const asked: [number, number][] = []
  const feed: Feed = {
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
      people: days.map((way, i) => ({
        worker: 100 + i,
        name: `W${i}`,
        org: 'A',
        role: 'grid_worker',
        fixes: way.length,
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
    expect(playback.rough!.count).toBeGreaterThan(100)
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
    const rough = playback.rough!
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
    const rough = playback.rough!
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
      { from: midnight, to: midnight + day, people: playback.people },
      {
        overview: async (_signal, take) => {
          take(framed([{ index: 1, bytes: encode(walk(2, midnight + 9 * hour, midnight + 10 * hour)) }]))
          await rest
          take(framed([{ index: 0, bytes: encode(walk(1, midnight + 8 * hour, midnight + 10 * hour)) }]))
        },
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
      { from: midnight, to: midnight + day, people: playback.people },
      {
        overview: async (_signal, take) => take(new ArrayBuffer(11)),
        events: async () => [],
        chunks: async () => new ArrayBuffer(0),
      },
    )
    const { first, overview } = broken.open()
    await expect(first).rejects.toThrow()
    await expect(overview).rejects.toThrow()
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
