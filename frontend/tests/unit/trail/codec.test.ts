import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ChunkError, checksum, decode, frames } from '@core/trail/codec'
import { describe, expect, it } from 'vitest'
import { dice, encode, framed, midnight, walk } from './chunks'

describe('the checksum', () => {
  it('is the Castagnoli one', () => {
    const text = new TextEncoder().encode('123456789')
    expect(checksum(text, 0, text.length)).toBe(0xe3069283)
  })
})

// The golden chunks are written by the Go encoder; SQL reads them, too.
const folder = fileURLToPath(new URL('../../../../fixtures/chunks/', import.meta.url))
const golden = readdirSync(folder)
  .filter(name => name.endsWith('.bin'))
  .map(name => name.slice(0, -4))

interface Told {
  ms: number
  lon_e6: number
  lat_e6: number
  accuracy: number | null
  speed: number | null
  course: number | null
  flags: number
  source: number
}

describe('golden chunks', () => {
  it('are all there', () => {
    expect(golden.length).toBeGreaterThanOrEqual(6)
  })

  it.each(golden)('%s', name => {
    const told: Told[] = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')).fixes
    const chunk = decode(new Uint8Array(readFileSync(`${folder}${name}.bin`)))
    expect(chunk.count).toBe(told.length)
    told.forEach((want, i) => {
      expect(chunk.at[i]).toBe(want.ms)
      expect(Math.round(chunk.lon[i]! * 1e6)).toBe(want.lon_e6)
      expect(Math.round(chunk.lat[i]! * 1e6)).toBe(want.lat_e6)
      for (const figure of ['accuracy', 'speed', 'course'] as const) {
        const said = want[figure]
        if (said === null) expect(chunk[figure][i]).toBeNaN()
        else expect(chunk[figure][i]! / Math.fround(said) || 1).toBeCloseTo(1, 5)
      }
      expect([chunk.flags[i], chunk.source[i]]).toEqual([want.flags, want.source])
    })
  })
})

describe('a chunk', () => {
  it('of nothing holds nothing', () => {
    expect(decode(encode([])).count).toBe(0)
  })

  it('gives back what was put in, to the stored precision', () => {
    const walked = walk(7, midnight, midnight + 3_600_000)
    const chunk = decode(encode(walked))
    expect(chunk.count).toBe(walked.length)
    walked.forEach((one, i) => {
      expect(chunk.at[i]).toBe(one.at)
      expect(Math.abs(chunk.lon[i]! - one.lon)).toBeLessThanOrEqual(0.500001e-6)
      expect(Math.abs(chunk.lat[i]! - one.lat)).toBeLessThanOrEqual(0.500001e-6)
      expect(Math.abs(chunk.accuracy[i]! - one.accuracy!)).toBeLessThanOrEqual(0.05001)
      expect(Math.abs(chunk.speed[i]! - one.speed!)).toBeLessThanOrEqual(0.02501)
      expect(chunk.course[i]).toBeNaN()
      expect(chunk.source[i]).toBe(1)
    })
  })

  it('says nothing of what was not said', () => {
    const chunk = decode(encode([{ at: midnight, lon: 114, lat: 22 }]))
    expect(chunk.accuracy[0]).toBeNaN()
    expect(chunk.speed[0]).toBeNaN()
  })

  it('keeps extremes: far apart in time and place, every flag', () => {
    const wild = [
      { at: -(2 ** 49), lon: -180, lat: -90, flags: 0xffffffff },
      { at: 2 ** 49, lon: 180, lat: 90, flags: 0 },
      { at: 0, lon: 0, lat: 0, flags: 0x80000001, accuracy: 0, speed: 0 },
    ]
    const chunk = decode(encode(wild))
    expect([...chunk.at]).toEqual(wild.map(one => one.at))
    expect([...chunk.lon]).toEqual([-180, 180, 0])
    expect([...chunk.flags]).toEqual(wild.map(one => one.flags))
    expect(chunk.accuracy[2]).toBe(0)
  })

  it('that is damaged anywhere is refused', () => {
    const whole = encode(walk(3, midnight, midnight + 300_000))
    for (let i = 0; i < whole.length; i++) {
      const broken = whole.slice()
      broken[i]! ^= 1 << (i % 8)
      expect(() => decode(broken)).toThrow(ChunkError)
    }
    for (let cut = 0; cut < whole.length; cut++) expect(() => decode(whole.slice(0, cut))).toThrow(ChunkError)
  })

  it('with a good checksum over nonsense is refused or read, and never hangs', () => {
    const throwing = dice(11)
    for (let n = 0; n < 3000; n++) {
      const body = Uint8Array.from({ length: 3 + Math.floor(throwing() * 60) }, () => Math.floor(throwing() * 256))
      body[0] = 2
      body[1] = Math.floor(throwing() * 20)
      const crc = checksum(body, 0, body.length)
      const bytes = Uint8Array.from([...body, crc & 255, (crc >> 8) & 255, (crc >> 16) & 255, crc >>> 24])
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ChunkError)
      }
    }
  })
})

describe('an answer of many chunks', () => {
  it('says whose each is', () => {
    const a = encode(walk(1, midnight, midnight + 60_000))
    const b = encode([])
    expect(
      frames(
        framed([
          { index: 0, bytes: a },
          { index: 499, bytes: b },
        ]),
      ).map(one => [one.index, one.bytes.length]),
    ).toEqual([
      [0, a.length],
      [499, b.length],
    ])
    expect(frames(new ArrayBuffer(0))).toEqual([])
  })

  it('that was cut off is refused', () => {
    const whole = framed([{ index: 0, bytes: encode([]) }])
    for (let cut = 1; cut < whole.byteLength; cut++) expect(() => frames(whole.slice(0, cut))).toThrow(ChunkError)
  })
})
