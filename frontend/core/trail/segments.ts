// Trails as the GPU wants them: one record of 28 bytes per step, ordered by the
// time at which it begins, so that any stretch of the day is one range of the
// buffer and one draw.
//
//   0  f32 ax ay bx by   Mercator, relative to the playback's origin
//  16  f32 t0 t1         seconds since the playback's start
//  24  u16 lane  u8 step of speed (low 4 bits) and accuracy (high)  u8 kind
import type { Lane } from './lane'
import { holding } from './lane'
import { type Path, upTo } from './path'
import { scales, stepOf } from './scale'

export const segmentStride = 28
export const segmentKind = { walk: 0, gap: 1 } as const

/** A step that lasts longer is cut, so that a stretch of the day needs no search for what began long before it. */
export const longestStep = 300_000

export interface Segments {
  bytes: Uint8Array<ArrayBuffer>
  count: number
  /** When each begins, ms, ascending. */
  begins: Int32Array
}

const empty = (): Segments => ({ bytes: new Uint8Array(0), count: 0, begins: new Int32Array(0) })

class Pile {
  #f32 = new Float32Array(7 * 1024)
  #u8 = new Uint8Array(this.#f32.buffer)
  #begins = new Int32Array(1024)
  count = 0

  add(
    ax: number,
    ay: number,
    bx: number,
    by: number,
    t0: number,
    t1: number,
    lane: number,
    steps: number,
    kind: number,
  ): void {
    if (this.count === this.#begins.length) this.#grow()
    const i = this.count++
    const o = i * 7
    this.#f32[o] = ax
    this.#f32[o + 1] = ay
    this.#f32[o + 2] = bx
    this.#f32[o + 3] = by
    this.#f32[o + 4] = t0 / 1000
    this.#f32[o + 5] = t1 / 1000
    const b = i * segmentStride + 24
    this.#u8[b] = lane & 255
    this.#u8[b + 1] = lane >> 8
    this.#u8[b + 2] = steps
    this.#u8[b + 3] = kind
    this.#begins[i] = t0
  }

  #grow(): void {
    const f32 = new Float32Array(this.#f32.length * 2)
    f32.set(this.#f32)
    this.#f32 = f32
    this.#u8 = new Uint8Array(f32.buffer)
    const begins = new Int32Array(this.#begins.length * 2)
    begins.set(this.#begins)
    this.#begins = begins
  }

  sorted(): Segments {
    const n = this.count
    if (n === 0) return empty()
    // time above, index below: one native sort of numbers
    const keys = new Float64Array(n)
    for (let i = 0; i < n; i++) keys[i] = (this.#begins[i]! + 2 ** 31) * 2 ** 21 + i
    keys.sort()
    const words = new Uint32Array(this.#f32.buffer)
    const out = new Uint32Array(n * 7)
    const begins = new Int32Array(n)
    for (let i = 0; i < n; i++) {
      const from = keys[i]! % 2 ** 21
      begins[i] = this.#begins[from]!
      for (let k = 0; k < 7; k++) out[i * 7 + k] = words[from * 7 + k]!
    }
    return { bytes: new Uint8Array(out.buffer), count: n, begins }
  }
}

/** More steps than this are not drawn: 58 MB of the card's memory. */
const most = 2 ** 21

export class SegmentPile {
  readonly #pile = new Pile()

  /** The way of a lane; what lies in a silence is not walked. */
  walk(
    lane: number,
    of: Lane,
    path: Path,
    joined: (t0: number, t1: number) => boolean,
    first = 0,
    end = path.count,
  ): void {
    for (let i = first; i + 1 < end && this.#pile.count < most; i++) {
      const t0 = path.t[i]!
      const t1 = path.t[i + 1]!
      if (!joined(t0, t1)) continue
      const steps = stepOf(scales.speed, path.speed[i + 1]!) | (stepOf(scales.accuracy, path.accuracy[i + 1]!) << 4)
      const ax = path.x[i]!
      const ay = path.y[i]!
      const bx = path.x[i + 1]!
      const by = path.y[i + 1]!
      // where he stays a ring is drawn, not a scribble
      if (holding(of.stays, t0) && holding(of.stays, t1)) continue
      const parts = Math.max(1, Math.ceil((t1 - t0) / longestStep))
      for (let p = 0; p < parts; p++) {
        const k0 = p / parts
        const k1 = (p + 1) / parts
        this.#pile.add(
          ax + (bx - ax) * k0,
          ay + (by - ay) * k0,
          ax + (bx - ax) * k1,
          ay + (by - ay) * k1,
          Math.round(t0 + (t1 - t0) * k0),
          Math.round(t0 + (t1 - t0) * k1),
          lane,
          steps,
          segmentKind.walk,
        )
      }
    }
  }

  gaps(lane: number, of: Lane): void {
    for (const gap of of.gaps())
      this.#pile.add(gap.ax, gap.ay, gap.bx, gap.by, gap.from, gap.to, lane, 0x77, segmentKind.gap)
  }

  done(): Segments {
    return this.#pile.sorted()
  }
}

/** The range [first, first + count) of steps that may be seen between two instants. */
export function between(segments: Segments, from: number, to: number): { first: number; count: number } {
  const first = upTo(segments.begins, segments.count, from - longestStep - 1)
  const end = upTo(segments.begins, segments.count, to)
  return { first, count: Math.max(0, end - first) }
}
