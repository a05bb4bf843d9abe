import { Kind, MAGIC, open } from '@core/live/codec'
import { FleetStore } from '@core/live/fleet-store'
import { ageCode, flag, PointBuffer, stride } from '@core/live/point-buffer'
import type { Name } from '@core/live/socket'
import { describe, expect, it } from 'vitest'

const origin = [114.209, 22.6875] as const
const at = (handle: number, lon: number, lat: number, more: Partial<Parameters<PointBuffer['set']>[0]> = {}) => ({
  handle,
  lon,
  lat,
  presence: 3,
  flags: 0,
  course: Number.NaN,
  age: 0,
  ...more,
})

describe('the point buffer', () => {
  it('draws a newcomer where it is', () => {
    const points = new PointBuffer(origin)
    points.set(at(7, 114.21, 22.69), 0)
    const [lon, lat] = points.position(7, 100)!
    expect(lon).toBeCloseTo(114.21, 6)
    expect(lat).toBeCloseTo(22.69, 6)
  })

  it('glides to a new place within the usual interval, without a jump', () => {
    const points = new PointBuffer(origin)
    points.set(at(1, 114.21, 22.69), 0)
    points.set(at(1, 114.2101, 22.69), 5)
    expect(points.position(1, 5)![0]).toBeCloseTo(114.21, 6)
    expect(points.position(1, 7.5)![0]).toBeCloseTo(114.21005, 6)
    expect(points.position(1, 10)![0]).toBeCloseTo(114.2101, 6)
    expect(points.position(1, 99)![0]).toBeCloseTo(114.2101, 6) // nothing is extrapolated
  })

  it('bends the path from where the point is drawn when a report comes early', () => {
    const points = new PointBuffer(origin)
    points.set(at(1, 114.21, 22.69), 0)
    points.set(at(1, 114.2102, 22.69), 4)
    const before = points.position(1, 6)!
    points.set(at(1, 114.2102, 22.6901), 6)
    const after = points.position(1, 6)!
    expect(after[0]).toBeCloseTo(before[0], 6)
    expect(after[1]).toBeCloseTo(before[1], 6)
  })

  it('shows a jump across town as a jump', () => {
    const points = new PointBuffer(origin)
    points.set(at(1, 114.21, 22.69), 0)
    points.set(at(1, 114.23, 22.7), 5)
    expect(points.position(1, 5)![0]).toBeCloseTo(114.23, 6)
  })

  it('keeps everybody apart when somebody leaves and the buffer grows', () => {
    const points = new PointBuffer(origin, 4)
    for (let h = 1; h <= 9; h++) points.set(at(h, 114.2 + h / 1000, 22.69), 0)
    points.remove(3)
    points.remove(9)
    expect(points.count).toBe(7)
    expect(points.capacity).toBeGreaterThanOrEqual(9)
    for (const h of [1, 2, 4, 5, 6, 7, 8]) expect(points.position(h, 0)![0]).toBeCloseTo(114.2 + h / 1000, 5)
    expect(points.position(3, 0)).toBeNull()
  })

  it('finds the nearest within reach only', () => {
    const points = new PointBuffer(origin)
    points.set(at(1, 114.21, 22.69), 0)
    points.set(at(2, 114.22, 22.69), 0)
    const x = (180 + 114.2199) / 360
    const y = points.originY
    expect(points.nearest(x, y, 1e-4, 0)).toBe(2)
    expect(points.nearest(x, y, 1e-9, 0)).toBeNull()
  })

  it('keeps the screen’s own marks through reports', () => {
    const points = new PointBuffer(origin)
    points.set(at(1, 114.21, 22.69), 0)
    points.mark(1, flag.selected, true)
    points.set(at(1, 114.2101, 22.69, { course: 90 }), 1)
    expect(points.bytes[25]! & flag.selected).toBe(flag.selected)
    expect(points.bytes[25]! & flag.heading).toBe(flag.heading)
    expect(points.bytes[26]).toBe(64)
  })

  it('uploads only what changed', () => {
    const points = new PointBuffer(origin)
    for (let h = 1; h <= 100; h++) points.set(at(h, 114.2, 22.69), 0)
    points.uploaded()
    points.set(at(41, 114.2001, 22.69), 1)
    points.set(at(44, 114.2001, 22.69), 1)
    expect([points.dirtyLow, points.dirtyHigh]).toEqual([40, 44])
    expect(points.bytes.byteLength % stride).toBe(0)
  })

  it('codes ages from seconds to hours in one byte', () => {
    expect(ageCode(0)).toBe(0)
    for (const s of [5, 60, 600, 3600, 36000]) expect(2 ** (ageCode(s) / 16) - 1).toBeCloseTo(s, -Math.log10(s / 20))
    expect(ageCode(1e9)).toBe(255)
  })
})

function frame(
  records: { handle: number; lon: number; lat: number; presence?: number; left?: boolean }[],
  options: { snapshot?: boolean; seq?: number } = {},
) {
  const view = new DataView(new ArrayBuffer(24 + 24 * records.length))
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, 24, true)
  view.setUint8(6, Kind.Points)
  view.setUint8(7, options.snapshot ? 1 : 0)
  view.setUint32(8, records.length, true)
  view.setUint32(12, options.seq ?? 1, true)
  view.setBigInt64(16, 1_795_000_000_000n, true)
  records.forEach((r, i) => {
    const o = 24 + 24 * i
    view.setUint32(o, r.handle, true)
    view.setInt32(o + 4, Math.round(r.lon * 1e7), true)
    view.setInt32(o + 8, Math.round(r.lat * 1e7), true)
    view.setUint32(o + 12, 2_000, true)
    view.setUint16(o + 16, 65535, true)
    view.setUint16(o + 18, 65535, true)
    view.setUint8(o + 20, r.presence ?? 3)
    view.setUint8(o + 21, r.left ? 1 : 0)
    view.setUint16(o + 22, 65535, true)
  })
  return open(view.buffer)
}

const name = (h: number, id: number): Name => ({
  h,
  id,
  name: `网格员${id}`,
  role: 'grid_worker',
  kind: 'person',
  org: 3,
  org_name: '明湖社区',
})

describe('the fleet', () => {
  const filled = (): FleetStore => {
    const fleet = new FleetStore(origin, () => 0)
    fleet.names([name(1, 101), name(2, 102), name(3, 103)])
    fleet.apply(
      frame(
        [
          { handle: 1, lon: 114.21, lat: 22.69 },
          { handle: 2, lon: 114.22, lat: 22.69, presence: 1 },
        ],
        { snapshot: true },
      ),
    )
    return fleet
  }

  it('knows people by worker and says when their fix was made', () => {
    const person = filled().worker(101)!
    expect(person).toMatchObject({ handle: 1, presence: 'online', placed: true, at: 1_794_999_998_000 })
    expect(person.speed).toBeNaN()
  })

  it('counts only whom it can place', () => {
    expect(filled().tally()).toEqual({ online: 1, idle: 0, stale: 1, offline: 0, sos: 0 })
  })

  it('forgets who has left', () => {
    const fleet = filled()
    fleet.apply(frame([{ handle: 1, lon: 0, lat: 0, left: true }], { seq: 2 }))
    expect(fleet.worker(101)).toBeUndefined()
    expect(fleet.points.count).toBe(1)
  })

  it('a snapshot takes away whoever is not in it', () => {
    const fleet = filled()
    fleet.apply(frame([{ handle: 2, lon: 114.22, lat: 22.69 }], { snapshot: true, seq: 2 }))
    expect(fleet.points.count).toBe(1)
    expect(fleet.worker(101)!.placed).toBe(false)
  })

  it('draws nobody whose name it was not told', () => {
    const fleet = filled()
    fleet.apply(frame([{ handle: 99, lon: 114.21, lat: 22.69 }], { seq: 2 }))
    expect(fleet.points.has(99)).toBe(false)
  })

  it('counts conflated frames', () => {
    const fleet = filled()
    fleet.apply(frame([], { seq: 5 }))
    expect(fleet.conflated).toBe(3)
  })

  it('starts from nothing on a new connection', () => {
    const fleet = filled()
    fleet.reconnected()
    expect(fleet.size).toBe(0)
    fleet.names([name(1, 555)])
    fleet.apply(frame([{ handle: 1, lon: 114.2, lat: 22.6 }], { snapshot: true }))
    expect(fleet.person(1)!.id).toBe(555)
  })
})
