// The chunk of a trail (docs/protocol.md §6), as Go writes it: columns of whole
// numbers, each told by what it differs from a guess that follows the ones before.
// Both sides read the same golden chunks. A damaged chunk is refused, never half read.
import type { Fixes } from './path'

export class ChunkError extends Error {}

export interface Chunk extends Fixes {
  /** degrees clockwise from north, NaN = unknown */
  readonly course: Float32Array
  readonly source: Uint8Array
}

const format = 2
const mostFixes = 1 << 16
const exact = 2 ** 53
const equalNumbers = 0xf0
const equalSteps = 0xf1
/** Of a gain: what is guessed does not learn. */
const fixed = 9

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
  #hold = 0
  #held = 0

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

  /** `width` bits of what is held, at most 24; further bytes are taken as needed. */
  #bits(width: number): number {
    while (this.#held < width) {
      this.#hold |= this.byte() << this.#held
      this.#held += 8
    }
    const value = this.#hold & ((1 << width) - 1)
    this.#hold >>>= width
    this.#held -= width
    return value
  }

  /** Bits 0 before the first 1, which is taken, too; at most 8. */
  #zeros(): number {
    let zeros = 0
    while (this.#hold === 0) {
      zeros += this.#held
      if (zeros >= 8) {
        // those beyond the eighth belong to what follows
        this.#held = zeros - 8
        return 8
      }
      this.#hold = this.byte()
      this.#held = 8
    }
    const more = 31 - Math.clz32(this.#hold & -this.#hold)
    if (zeros + more >= 8) {
      this.#hold >>>= 8 - zeros
      this.#held -= 8 - zeros
      return 8
    }
    this.#hold >>>= more + 1
    this.#held -= more + 1
    return zeros + more
  }

  /** What the shape `s`, `t` guessed, and how far off it was each time. */
  #guessed(cells: Float64Array, s: number, t: number): void {
    const zero = this.signed()
    const g = this.unsigned()
    let level = this.signed() * 256
    let pace = this.signed()
    let spread = 2 ** this.byte()
    if (g === 0 || spread > 2 ** 30) throw new ChunkError('a column of unknown shape')
    const byPlace = s === fixed ? 0 : 2 ** (8 - s)
    const byPace = t === fixed ? 0 : 2 ** (8 - t)
    cells[0] = zero
    this.#hold = this.#held = 0
    for (let i = 1; i < cells.length; i++) {
      const about = Math.floor((level + 128) / 256)
      const q = this.#zeros()
      let e: number
      if (q < 8) {
        const k = Math.min(32 - Math.clz32(Math.floor((spread * 11) / 256)), 20)
        const z = q * 2 ** k + this.#bits(k)
        e = z & 1 ? -(z >>> 1) - 1 : z >>> 1
        pace += e * byPace
        level += pace + e * byPlace
        spread += Math.floor((16 * z - spread) / 16)
      } else {
        const width = this.#bits(6)
        if (width > 53) throw new ChunkError('a number is too large')
        let z = 0
        for (let got = 0; got < width; got += 24) z += this.#bits(Math.min(24, width - got)) * 2 ** got
        const half = Math.floor(z / 2)
        e = z % 2 === 1 ? -half - 1 : half
        level = (about + e) * 256 + pace
      }
      cells[i] = zero + g * (about + e)
    }
  }

  /** The runs of a column of equal numbers, or of equal steps from `x` on. */
  #runs(cells: Float64Array, from: number, steps: boolean): void {
    let told = 0
    let x = from > 0 ? cells[0]! : 0
    for (let i = from; i < cells.length; ) {
      const run = this.unsigned()
      told += this.signed()
      if (run === 0 || run > cells.length - i) throw new ChunkError('a run is too long')
      for (const end = i + run; i < end; i++) {
        x = steps ? x + told : told
        cells[i] = x
      }
    }
  }

  /** Reads as many numbers as there are cells, at least one; `turn` is where they begin again. */
  column(cells: Float64Array, turn = 0): void {
    const shape = this.byte()
    if (shape === equalNumbers) this.#runs(cells, 0, false)
    else if (shape === equalSteps) {
      cells[0] = this.signed()
      this.#runs(cells, 1, true)
    } else if (shape >> 4 <= fixed && (shape & 15) <= fixed) this.#guessed(cells, shape >> 4, shape & 15)
    else throw new ChunkError('a column of unknown shape')
    for (let i = 0; i < cells.length; i++) {
      if (!(Math.abs(cells[i]!) <= exact)) throw new ChunkError('a number is too large')
      if (turn > 0) cells[i] = ((cells[i]! % turn) + turn) % turn
    }
  }

  /** A column of which some may not have been said: NaN. */
  figures(into: Float32Array, units: number, turn = 0): void {
    const runs: number[] = []
    let said = 0
    for (let n = 0; n < into.length; ) {
      const run = this.unsigned()
      if (run > into.length - n || (run === 0 && runs.length > 0)) throw new ChunkError('a run is too long')
      if (runs.length % 2 === 0) said += run
      runs.push(run)
      n += run
    }
    const cells = new Float64Array(said)
    if (said > 0) this.column(cells, turn)
    let i = 0
    let k = 0
    runs.forEach((run, nr) => {
      for (const end = i + run; i < end; i++) into[i] = nr % 2 === 0 ? cells[k++]! / units : Number.NaN
    })
  }
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
    reader.figures(made.accuracy, 10)
    reader.figures(made.speed, 20)
    reader.figures(made.course, 0.5, 180)
    const cells = new Float64Array(n)
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

/** How many of the first `length` bytes are frames that are there as a whole. */
export function whole(bytes: Uint8Array, length: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  let at = 0
  while (length - at >= 8 && length - at - 8 >= view.getUint32(at + 4, true)) at += 8 + view.getUint32(at + 4, true)
  return at
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
