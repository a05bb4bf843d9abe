// Chunks made by a plain encoder of the documented layout, and days of walking to
// put into them. Go's own chunks are read in codec.test.ts; these are for trails
// of which a test must know every step.
import { checksum } from '@core/trail/codec'

export interface Walked {
  /** Unix ms */
  at: number
  lon: number
  lat: number
  accuracy?: number
  speed?: number
  flags?: number
}

function unsigned(out: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    out.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
}

function signed(out: number[], value: number): void {
  const size = value < 0 ? -value - 1 : value
  let rest = Math.floor(size / 64)
  out.push((size % 64) * 2 + (value < 0 ? 1 : 0) + (rest > 0 ? 128 : 0))
  while (rest > 0) {
    const next = Math.floor(rest / 128)
    out.push((rest % 128) + (next > 0 ? 128 : 0))
    rest = next
  }
}

/** Every number written out, against the guess that it is the one before. */
function column(out: number[], x: number[]): void {
  out.push(0x09)
  signed(out, x[0]!)
  out.push(1, 0, 0, 0)
  const bits: number[] = []
  const put = (value: number, width: number): void => {
    for (let i = 0; i < width; i++) bits.push(Math.floor(value / 2 ** i) % 2)
  }
  for (let i = 1; i < x.length; i++) {
    const e = x[i]! - x[i - 1]!
    const z = e < 0 ? -2 * e - 1 : 2 * e
    const width = z === 0 ? 0 : Math.floor(Math.log2(z)) + 1
    put(0, 8)
    put(width, 6)
    put(z, width)
  }
  for (let i = 0; i < bits.length; i += 8)
    out.push(bits.slice(i, i + 8).reduce((byte, bit, place) => byte + bit * 2 ** place, 0))
}

/** Who said a figure, and those that were said. */
function figures(out: number[], said: (number | undefined)[], units: number): void {
  let run = 0
  let told = true
  for (const one of said) {
    if ((one !== undefined) !== told) {
      unsigned(out, run)
      run = 0
      told = !told
    }
    run++
  }
  unsigned(out, run)
  const known = said.filter(one => one !== undefined)
  if (known.length > 0)
    column(
      out,
      known.map(one => Math.round(one * units)),
    )
}

export function encode(fixes: Walked[]): Uint8Array {
  const out: number[] = [2]
  unsigned(out, fixes.length)
  if (fixes.length > 0) {
    column(
      out,
      fixes.map(one => one.at),
    )
    column(
      out,
      fixes.map(one => Math.round(one.lon * 1e6)),
    )
    column(
      out,
      fixes.map(one => Math.round(one.lat * 1e6)),
    )
    figures(
      out,
      fixes.map(one => one.accuracy),
      10,
    )
    figures(
      out,
      fixes.map(one => one.speed),
      20,
    )
    figures(
      out,
      fixes.map(() => undefined),
      0.5,
    )
    column(
      out,
      fixes.map(one => one.flags ?? 0),
    )
    column(
      out,
      fixes.map(() => 1),
    )
  }
  const crc = checksum(Uint8Array.from(out), 0, out.length)
  return Uint8Array.from([...out, crc & 255, (crc >> 8) & 255, (crc >> 16) & 255, crc >>> 24])
}

/** u32 index, u32 length, chunk. */
export function framed(list: { index: number; bytes: Uint8Array }[]): ArrayBuffer {
  const total = list.reduce((sum, one) => sum + 8 + one.bytes.length, 0)
  const made = new ArrayBuffer(total)
  const view = new DataView(made)
  let at = 0
  for (const { index, bytes } of list) {
    view.setUint32(at, index, true)
    view.setUint32(at + 4, bytes.length, true)
    new Uint8Array(made, at + 8).set(bytes)
    at += 8 + bytes.length
  }
  return made
}

/** 2026-11-20 00:00 in Shanghai. */
export const midnight = Date.parse('2026-11-20T00:00:00+08:00')
export const hour = 3_600_000

/** A small generator with a seed: the same walk every time. */
export function dice(seed: number): () => number {
  let s = seed >>> 0
  return () => {
    s = (s + 0x6d2b79f5) >>> 0
    let z = Math.imul(s ^ (s >>> 15), 1 | s)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Walks for so long at 1.3 m/s, a fix every `every` ms. */
export function walk(seed: number, from: number, to: number, every = 5_000): Walked[] {
  const throwing = dice(seed)
  let lon = 114.2 + throwing() * 0.02
  let lat = 22.68 + throwing() * 0.02
  let course = throwing() * 2 * Math.PI
  const made: Walked[] = []
  for (let at = from; at <= to; at += every) {
    made.push({ at, lon, lat, accuracy: 4 + throwing() * 20, speed: 1.2 + throwing() * 0.3, flags: 0 })
    course += (throwing() - 0.5) * 0.4
    lon += (Math.sin(course) * 1.3 * every) / 1000 / 102_000
    lat += (Math.cos(course) * 1.3 * every) / 1000 / 111_000
  }
  return made
}
