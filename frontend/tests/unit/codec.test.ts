// The golden frames are written by the Go encoder; both decoders must read the same.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bins, eachPoint, FrameError, Kind, open, type Point } from '@core/live/codec'
import { describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../../fixtures/frames/', import.meta.url))
const names = readdirSync(folder)
  .filter(name => name.endsWith('.bin'))
  .map(name => name.slice(0, -4))

const bytes = (name: string): ArrayBuffer => {
  const file = readFileSync(`${folder}${name}.bin`)
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
}

interface GoldenPoint {
  handle: number
  lon: number
  lat: number
  age_ms: number
  speed?: number | null
  course?: number | null
  accuracy?: number | null
  presence: number
  flags: number
}

const known = (value: number | null | undefined): number => value ?? Number.NaN

describe('golden frames', () => {
  it('are all there', () => {
    expect(names.length).toBeGreaterThanOrEqual(6)
  })

  it.each(names)('%s', name => {
    const meaning = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8'))
    const frame = open(bytes(name))
    expect(frame.kind).toBe(meaning.kind)
    expect(frame.snapshot).toBe((meaning.flags & 1) === 1)
    expect(frame.count).toBe(meaning.count)
    expect(frame.seq).toBe(meaning.seq)
    expect(frame.base).toBe(meaning.base)
    if (frame.kind === Kind.Bins) {
      expect(bins(frame)).toEqual(meaning.bins ?? [])
      return
    }
    const points: Point[] = []
    eachPoint(frame, p => points.push({ ...p }))
    const expected: GoldenPoint[] = meaning.points ?? []
    expect(points).toHaveLength(expected.length)
    expected.forEach((want, i) => {
      const got = points[i]!
      expect(got.handle).toBe(want.handle)
      expect(got.lon).toBeCloseTo(want.lon, 9)
      expect(got.lat).toBeCloseTo(want.lat, 9)
      expect(got.age).toBe(want.age_ms)
      for (const field of ['speed', 'course', 'accuracy'] as const) {
        const value = known(want[field])
        if (Number.isNaN(value)) expect(got[field]).toBeNaN()
        else expect(got[field]).toBeCloseTo(value, 6)
      }
      expect(got.presence).toBe(want.presence)
      expect([got.left, got.vehicle, got.inaccurate]).toEqual([1, 2, 4].map(bit => (want.flags & bit) !== 0))
    })
  })
})

describe('broken frames are refused', () => {
  const whole = bytes('street')
  it.each([
    ['shorter than a header', whole.slice(0, 20)],
    ['shorter than its records', whole.slice(0, whole.byteLength - 1)],
    ['of another format', new ArrayBuffer(64)],
  ])('%s', (_, buffer) => {
    expect(() => open(buffer)).toThrow(FrameError)
  })

  it('with a stride too small for its fields', () => {
    const copy = whole.slice(0)
    new DataView(copy).setUint16(4, 12, true)
    expect(() => open(copy)).toThrow(FrameError)
  })
})
