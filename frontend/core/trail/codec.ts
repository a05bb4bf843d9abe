// The chunk of a trail (docs/protocol.md §6), as Go writes it: columns of whole
// numbers, differenced up to twice, in blocks of a minimum and a width. Both
// sides read the same golden chunks. A damaged chunk is refused, never half read.
import type { Fixes } from './path'

export class ChunkError extends Error {}

export interface Chunk extends Fixes {
  /** degrees clockwise from north, NaN = unknown */
  readonly course: Float32Array
  readonly source: Uint8Array
}

const format = 1
const mostFixes = 1 << 16
const exact = 2 ** 53

const table = new Uint32Array(256).map((_zero, i) => {
  let c = i
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  return c
})

/** CRC-32C (Castagnoli). */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  let c = 0xffffffff
  for (let i = from; i < to; i++) c = table[(c ^ bytes[i]!) & 255]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #end: number
  at: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.#end = end
  }

  get done(): boolean {
    return this.at === this.#end
  }

  byte(): number {
    if (this.at >= this.#end) throw new ChunkError('the chunk ends too early')
    return this.#bytes[this.at++]!
  }

  unsigned(): number {
    let value = 0
    for (let scale = 1, i = 0; i < 10; i++, scale *= 128) {
      const b = this.byte()
      value += (b & 127) * scale
      if (b < 128) {
        if (value > exact) break
        return value
      }
    }
    throw new ChunkError('a number is too large')
  }

  /** Zigzag, split so that no bit is lost: the lowest bit is the sign, the others are the size. */
  signed(): number {
    const first = this.byte()
    let size = (first & 127) >> 1
    if (first >= 128)
      for (let scale = 64, i = 1; ; i++, scale *= 128) {
        const b = this.byte()
        size += (b & 127) * scale
        if (b < 128) break
        if (i === 9) throw new ChunkError('a number is too large')
      }
    if (size > exact) throw new ChunkError('a number is too large')
    return first & 1 ? -size - 1 : size
  }

  #block(cells: Float64Array, from: number, to: number): void {
    const least = this.signed()
    const width = this.byte()
    const size = Math.ceil(((to - from) * width) / 8)
    if (width > 53 || this.at + size > this.#end) throw new ChunkError('a block is damaged')
    const bytes = this.#bytes
    let p = this.at
    this.at += size
    if (width === 0) {
      cells.fill(least, from, to)
      return
    }
    if (width <= 24) {
      const mask = (1 << width) - 1
      let hold = 0
      let held = 0
      for (let i = from; i < to; i++) {
        while (held < width) {
          hold |= bytes[p++]! << held
          held += 8
        }
        cells[i] = least + (hold & mask)
        hold >>>= width
        held -= width
      }
      return
    }
    // wide numbers are rare: a leap of weeks or degrees
    let skip = 0
    for (let i = from; i < to; i++) {
      let value = 0
      for (let got = 0; got < width; ) {
        const take = Math.min(8 - skip, width - got)
        value += ((bytes[p]! >> skip) & ((1 << take) - 1)) * 2 ** got
        got += take
        skip += take
        if (skip === 8) {
          skip = 0
          p++
        }
      }
      cells[i] = least + value
    }
  }

  column(cells: Float64Array): void {
    const n = cells.length
    const shape = this.byte()
    const k = shape >> 4
    const b = shape & 15
    if (k > 2) throw new ChunkError('a column of unknown shape')
    const given = Math.min(k, n)
    const first = given > 0 ? this.signed() : 0
    const step = given > 1 ? this.signed() : 0
    const g = this.unsigned()
    if (g === 0) throw new ChunkError('a column of unknown shape')
    if (b === 0) {
      if (n > given) cells.fill(this.signed(), given)
    } else for (let i = given; i < n; i += 1 << b) this.#block(cells, i, Math.min(n, i + (1 << b)))
    if (k === 0) {
      if (g !== 1) for (let i = 0; i < n; i++) cells[i] = cells[i]! * g
    } else if (k === 1) {
      let x = first
      cells[0] = x
      for (let i = 1; i < n; i++) {
        x += cells[i]! * g
        cells[i] = x
      }
    } else {
      let x = first
      let d = step
      cells[0] = x
      if (n > 1) {
        x += d
        cells[1] = x
      }
      for (let i = 2; i < n; i++) {
        d += cells[i]! * g
        x += d
        cells[i] = x
      }
    }
    for (let i = 0; i < n; i++) if (!(Math.abs(cells[i]!) <= exact)) throw new ChunkError('a number is too large')
  }
}

/** A figure of 0 was not said; one that was said is one more than its units. */
function figures(cells: Float64Array, units: number): Float32Array {
  const made = new Float32Array(cells.length)
  for (let i = 0; i < cells.length; i++) made[i] = cells[i]! > 0 ? (cells[i]! - 1) / units : Number.NaN
  return made
}

export function decode(bytes: Uint8Array): Chunk {
  const end = bytes.length - 4
  if (end < 2 || bytes[0] !== format) throw new ChunkError('not a chunk of fixes')
  const said = (bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)) >>> 0
  if (checksum(bytes, 0, end) !== said) throw new ChunkError('the checksum is wrong')
  const reader = new Reader(bytes, 1, end)
  const n = reader.unsigned()
  if (n > mostFixes) throw new ChunkError(`${n} fixes`)
  const at = new Float64Array(n)
  const lon = new Float64Array(n)
  const lat = new Float64Array(n)
  const made: Chunk = {
    count: n,
    at,
    lon,
    lat,
    accuracy: new Float32Array(n),
    speed: new Float32Array(n),
    course: new Float32Array(n),
    flags: new Uint32Array(n),
    source: new Uint8Array(n),
  }
  if (n > 0) {
    reader.column(at)
    reader.column(lon)
    reader.column(lat)
    for (let i = 0; i < n; i++) {
      lon[i] = lon[i]! / 1e6
      lat[i] = lat[i]! / 1e6
    }
    const cells = new Float64Array(n)
    const figured = (units: number): Float32Array => {
      reader.column(cells)
      return figures(cells, units)
    }
    made.accuracy.set(figured(10))
    made.speed.set(figured(20))
    made.course.set(figured(0.5))
    reader.column(cells)
    made.flags.set(cells)
    reader.column(cells)
    made.source.set(cells)
  }
  if (!reader.done) throw new ChunkError('bytes are left over')
  return made
}

/** One trail of an answer that holds many: whose it is and its chunk. */
export interface Framed {
  index: number
  bytes: Uint8Array
}

/** u32 index, u32 length, chunk; little-endian, until the bytes end. */
export function frames(buffer: ArrayBuffer): Framed[] {
  const view = new DataView(buffer)
  const made: Framed[] = []
  for (let at = 0; at < buffer.byteLength; ) {
    if (buffer.byteLength - at < 8) throw new ChunkError('the answer ends too early')
    const index = view.getUint32(at, true)
    const length = view.getUint32(at + 4, true)
    if (buffer.byteLength - at - 8 < length) throw new ChunkError('the answer ends too early')
    made.push({ index, bytes: new Uint8Array(buffer, at + 8, length) })
    at += 8 + length
  }
  return made
}
