import { decode } from '@core/trail/codec'
import { plausible } from '@core/trail/flags'
import { Lane, standing } from '@core/trail/lane'
import { type Fixes, frameAt, pathOf } from '@core/trail/path'
import { describe, expect, it } from 'vitest'
import { dice, encode, hour, midnight, type Walked, walk } from './chunks'

const frame = frameAt(midnight, 114.2, 22.68)
const minute = 60_000
const chunk = (walked: Walked[]): Fixes => decode(encode(walked))
const path = (walked: Walked[]) => pathOf([chunk(walked)], frame)
const metre = 1 / 40_075_017 / Math.cos((22.68 * Math.PI) / 180)

/** A straight walk to the east, a fix a minute from 9:00. */
const east = (from: number, to: number): Walked[] => {
  const made: Walked[] = []
  for (let t = from; t <= to; t += minute)
    made.push({ at: midnight + t, lon: 114.2 + (t - 9 * hour) * 1e-9, lat: 22.68 })
  return made
}

function lane(walked: Walked[], more: Partial<Pick<Lane, 'silences' | 'stays' | 'sessions'>> = {}): Lane {
  const made = new Lane(17)
  made.overview = path(walked)
  Object.assign(made, { silences: [], ...more })
  return made
}

describe('where somebody was', () => {
  const nine = 9 * hour
  it('is not said before his first fix', () => {
    expect(lane(east(nine, nine + hour)).at(nine - 1, standing()).being).toBe('unseen')
  })

  it('is his first fix at its very instant, not earlier', () => {
    const one = lane(east(nine, nine + hour)).at(nine, standing())
    expect(one.being).toBe('moving')
    expect(one.x).toBeCloseTo(0, 10)
  })

  it('lies on the straight line between two fixes', () => {
    const walker = lane(east(nine, nine + hour))
    const a = { ...walker.at(nine + minute, standing()) }
    const b = { ...walker.at(nine + 2 * minute, standing()) }
    const half = walker.at(nine + 1.5 * minute, standing())
    expect(half.x).toBeCloseTo((a.x + b.x) / 2, 12)
    expect(half.heading).toBeCloseTo(Math.PI / 2, 3)
    expect(half.heard).toBe(nine + minute)
  })

  it('does not move in a gap: hollow at the last place, and since when', () => {
    const walked = [...east(nine, nine + 10 * minute), ...east(nine + 40 * minute, nine + hour)]
    const walker = lane(walked, { silences: [{ from: nine + 10 * minute, to: nine + 40 * minute }] })
    const before = { ...walker.at(nine + 10 * minute, standing()) }
    for (const t of [10.1, 20, 39.99]) {
      const one = walker.at(nine + t * minute, standing())
      expect(one.being).toBe('lost')
      expect(one.since).toBe(nine + 10 * minute)
      expect([one.x, one.y]).toEqual([before.x, before.y])
    }
    expect(walker.at(nine + 40 * minute, standing()).being).toBe('moving')
  })

  it('in a simplified way, a long straight walk is no gap', () => {
    const ends = [east(nine, nine)[0]!, east(nine + 20 * minute, nine + 20 * minute)[0]!]
    expect(lane(ends).at(nine + 10 * minute, standing()).being).toBe('moving')
  })

  it('is not guessed across a long step before the gaps are known', () => {
    const ends = [east(nine, nine)[0]!, east(nine + 20 * minute, nine + 20 * minute)[0]!]
    const walker = lane(ends)
    walker.silences = null
    expect(walker.at(nine + 10 * minute, standing()).being).toBe('lost')
  })

  it('after his last fix stays there, hollow, while he is on duty; off duty he is gone', () => {
    const walked = east(nine, nine + 10 * minute)
    expect(lane(walked).at(nine + hour, standing()).being).toBe('lost')
    const onDuty = lane(walked, { sessions: [{ from: nine, to: nine + 30 * minute }] })
    expect(onDuty.at(nine + 20 * minute, standing()).being).toBe('lost')
    expect(onDuty.at(nine + 31 * minute, standing()).being).toBe('off')
  })

  it('staying says since when he stays', () => {
    const walker = lane(east(nine, nine + hour), {
      stays: [{ from: nine + 10 * minute, to: nine + 20 * minute, x: 0, y: 0 }],
    })
    const one = walker.at(nine + 15 * minute, standing())
    expect(one.being).toBe('staying')
    expect(one.since).toBe(nine + 10 * minute)
    expect(walker.at(nine + 20 * minute, standing()).being).toBe('moving')
  })

  it('leaves out what the server flagged, and strays', () => {
    const walked = east(nine, nine + 4 * minute)
    walked[1]!.flags = 1 << 5
    expect(plausible(1 << 5)).toBe(false)
    const strays = new Set([walked[2]!.at])
    expect([...pathOf([chunk(walked)], frame, strays).t]).toEqual([0, 3, 4].map(m => nine + m * minute))
  })
})

describe('stretches of one worker', () => {
  const nine = midnight + 9 * hour
  it('of two devices at once are one way, in time order', () => {
    const phone = chunk(walk(1, nine, nine + 60_000, 4_000))
    const tracker = chunk(walk(1, nine + 2_000, nine + 50_000, 4_000))
    const made = pathOf([tracker, phone], frame)
    expect(made.count).toBe(phone.count + tracker.count)
    for (let i = 1; i < made.count; i++) expect(made.t[i]!).toBeGreaterThan(made.t[i - 1]!)
  })
  it('may come in any order', () => {
    const a = chunk(walk(1, nine, nine + 60_000))
    const b = chunk(walk(2, nine + hour, nine + hour + 60_000))
    expect([...pathOf([b, a], frame).t]).toEqual([...pathOf([a, b], frame).t])
  })
})

describe('hours of every fix', () => {
  const nine = 9 * hour
  const whole = walk(5, midnight + nine, midnight + nine + 3 * hour, 5_000)
  const rough = whole.filter((_one, i) => i % 40 === 0 || i === whole.length - 1)
  const of = (h: number) => whole.filter(one => Math.floor((one.at - midnight) / hour) === h)

  it('refine the simplified day, and the borders between them do not show', () => {
    const plain = lane(whole)
    const fine = lane(rough)
    for (const h of [9, 10]) fine.put(h, path(of(h)))
    for (let t = nine; t < nine + 2 * hour - 5_000; t += 7_300) {
      const a = plain.at(t, standing())
      const b = fine.at(t, standing())
      expect(b.being).toBe('moving')
      expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeLessThan(0.2 * metre)
    }
  })

  it('that are dropped leave the simplified day', () => {
    const fine = lane(rough)
    fine.put(9, path(of(9)))
    const before = fine.fixes
    fine.drop(9)
    expect(fine.fixes).toBeLessThan(before)
    expect(fine.at(nine + 100_000, standing()).being).toBe('moving')
  })
})

describe('whatever the day looks like', () => {
  it('nobody is shown before his time, off the line of his neighbouring fixes, or moving in a gap', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const throwing = dice(seed)
      const walked: Walked[] = []
      const silences: { from: number; to: number }[] = []
      let at = 8 * hour
      let lon = 114.2
      while (walked.length < 80) {
        const silent = throwing() < 0.1
        const step = silent ? 200_000 + throwing() * 3_000_000 : 1000 + throwing() * 100_000
        if (silent && walked.length > 0) silences.push({ from: Math.round(at), to: Math.round(at + step) })
        if (walked.length > 0) at += step
        lon += throwing() * 1e-4
        walked.push({ at: midnight + Math.round(at), lon, lat: 22.68 + throwing() * 1e-3 })
      }
      const walker = lane(walked, { silences })
      const p = walker.overview
      const rest = path(walked)
      for (let h = 8; h < 24; h++)
        if (throwing() < 0.5) {
          const part = walked.filter(one => Math.floor((one.at - midnight) / hour) === h)
          walker.put(h, path(part))
        }
      for (let n = 0; n < 120; n++) {
        const t = Math.round(7.5 * hour + throwing() * (at - 7.5 * hour))
        const one = walker.at(t, standing())
        const next = rest.t.findIndex(when => when > t)
        const i = (next === -1 ? rest.count : next) - 1
        if (i < 0) {
          expect(one.being).toBe('unseen')
          continue
        }
        expect(one.heard).toBeLessThanOrEqual(t)
        expect(one.heard).toBe(rest.t[i])
        const silent = silences.some(s => t > s.from && t < s.to)
        if (silent || next === -1) {
          if (t > rest.t[i]!) expect(one.being).toBe('lost')
          expect([one.x, one.y]).toEqual([p.x[i], p.y[i]])
          continue
        }
        expect(one.being).toBe('moving')
        const k = (t - rest.t[i]!) / (rest.t[next]! - rest.t[i]!)
        expect(one.x).toBeCloseTo(p.x[i]! + (p.x[next]! - p.x[i]!) * k, 10)
        expect(one.y).toBeCloseTo(p.y[i]! + (p.y[next]! - p.y[i]!) * k, 10)
      }
    }
  })
})
