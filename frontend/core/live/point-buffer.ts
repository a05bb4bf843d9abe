// Where everybody is, as the GPU wants it: one interleaved buffer of 28 bytes
// per object, written in place, never allocated per update.
//
//   0  f32 from.x  f32 from.y   where the object is drawn at `start`
//   8  f32 to.x    f32 to.y     where it is drawn from `start + duration` on
//  16  f32 start   f32 duration seconds since the buffer's epoch
//  24  u8 presence u8 flags  u8 heading (256 = a full turn)  u8 age code
//
// Coordinates are Mercator relative to a local origin, so that f32 stays exact
// at street level. A new report starts from where the object is drawn *now*:
// late or irregular reports bend its path, they never make it jump. It moves for
// the interval at which it usually reports and then waits; nothing is
// extrapolated.
import { latOf, lonOf, mercatorX, mercatorY } from '../geo/mercator'

export const stride = 28
const floats = stride / 4

export const flag = { heading: 1, vehicle: 2, inaccurate: 4, selected: 8, dimmed: 16 } as const

const shortest = 1
const longest = 10
/** A jump of more than this is shown as a jump: gliding across town would be a lie. */
const glideLimit = 400 / 40_075_017

export interface Update {
  handle: number
  lon: number
  lat: number
  presence: number
  /** Bits of `flag` except selected and dimmed. */
  flags: number
  /** Degrees, NaN = unknown. */
  course: number
  /** Age of the fix in ms. */
  age: number
}

/** Seconds as one byte, fine for fresh fixes and coarse for old ones: 0–17 h. */
export const ageCode = (seconds: number): number =>
  Math.max(0, Math.min(255, Math.round(Math.log2(1 + Math.max(0, seconds)) * 16)))

export class PointBuffer {
  readonly originX: number
  readonly originY: number
  bytes: Uint8Array<ArrayBuffer>
  #f32: Float32Array<ArrayBuffer>
  #handles: Uint32Array<ArrayBuffer>
  #intervals: Float32Array<ArrayBuffer>
  readonly #slots = new Map<number, number>()
  #count = 0
  /** Slots changed since the last upload: [low, high). */
  dirtyLow = 0
  dirtyHigh = 0
  /** The buffer has grown: upload everything into a new GPU buffer. */
  grown = true
  /** Nothing moves after this time. */
  movesUntil = 0

  constructor(origin: readonly [number, number], capacity = 1024) {
    this.originX = mercatorX(origin[0])
    this.originY = mercatorY(origin[1])
    const memory = new ArrayBuffer(capacity * stride)
    this.bytes = new Uint8Array(memory)
    this.#f32 = new Float32Array(memory)
    this.#handles = new Uint32Array(capacity)
    this.#intervals = new Float32Array(capacity)
  }

  get count(): number {
    return this.#count
  }

  get capacity(): number {
    return this.#handles.length
  }

  has(handle: number): boolean {
    return this.#slots.has(handle)
  }

  handleAt(slot: number): number {
    return this.#handles[slot] ?? 0
  }

  set(update: Update, now: number): void {
    const toX = mercatorX(update.lon) - this.originX
    const toY = mercatorY(update.lat) - this.originY
    let slot = this.#slots.get(update.handle)
    const f = this.#f32
    if (slot === undefined) {
      if (this.#count === this.capacity) this.#grow()
      slot = this.#count++
      this.#slots.set(update.handle, slot)
      this.#handles[slot] = update.handle
      this.#intervals[slot] = 0
      this.#write(slot, toX, toY, toX, toY, now, 0)
    } else {
      const at = slot * floats
      const since = now - f[at + 4]!
      const before = this.#intervals[slot]!
      const interval = before === 0 ? since : before + (since - before) * 0.3
      const [x, y] = this.#drawn(slot, now)
      const moved = Math.hypot(toX - x, toY - y)
      if (moved === 0 && toX === f[at + 2] && toY === f[at + 3]) {
        f[at] = toX
        f[at + 1] = toY
        f[at + 4] = now
        f[at + 5] = 0
      } else {
        this.#intervals[slot] = Math.min(longest, Math.max(shortest, interval))
        const duration = moved > glideLimit ? 0 : this.#intervals[slot]!
        this.#write(slot, duration === 0 ? toX : x, duration === 0 ? toY : y, toX, toY, now, duration)
        if (now + duration > this.movesUntil) this.movesUntil = now + duration
      }
    }
    const b = slot * stride + 24
    const sticky = this.bytes[b + 1]! & (flag.selected | flag.dimmed)
    this.bytes[b] = update.presence
    this.bytes[b + 1] =
      (update.flags & ~(flag.selected | flag.dimmed | flag.heading)) |
      sticky |
      (Number.isNaN(update.course) ? 0 : flag.heading)
    this.bytes[b + 2] = Number.isNaN(update.course) ? 0 : Math.round((update.course * 256) / 360) & 255
    this.bytes[b + 3] = ageCode(update.age / 1000)
    this.#touch(slot)
  }

  /** Sets or clears a bit that belongs to this screen, not to the report. */
  mark(handle: number, bit: number, on: boolean): void {
    const slot = this.#slots.get(handle)
    if (slot === undefined) return
    const b = slot * stride + 25
    const next = on ? this.bytes[b]! | bit : this.bytes[b]! & ~bit
    if (next === this.bytes[b]) return
    this.bytes[b] = next
    this.#touch(slot)
  }

  /** Forgets the object; the last one takes its slot. */
  remove(handle: number): void {
    const slot = this.#slots.get(handle)
    if (slot === undefined) return
    const last = --this.#count
    this.#slots.delete(handle)
    if (slot === last) return
    this.bytes.copyWithin(slot * stride, last * stride, (last + 1) * stride)
    this.#handles[slot] = this.#handles[last]!
    this.#intervals[slot] = this.#intervals[last]!
    this.#slots.set(this.#handles[slot]!, slot)
    this.#touch(slot)
  }

  clear(): void {
    this.#slots.clear()
    this.#count = 0
    this.dirtyLow = this.dirtyHigh = 0
  }

  /** Where the object is drawn at this moment, [lon, lat]. */
  position(handle: number, now: number): [number, number] | null {
    const slot = this.#slots.get(handle)
    if (slot === undefined) return null
    const [x, y] = this.#drawn(slot, now)
    return [lonOf(x + this.originX), latOf(y + this.originY)]
  }

  /** The nearest object within `reach` (Mercator units) of a point, or null. Linear: 0.5 ms for 10,000. */
  nearest(x: number, y: number, reach: number, now: number): number | null {
    const px = x - this.originX
    const py = y - this.originY
    let best = reach * reach
    let hit = -1
    for (let slot = 0; slot < this.#count; slot++) {
      const [sx, sy] = this.#drawn(slot, now)
      const dx = sx - px
      const dy = sy - py
      const q = dx * dx + dy * dy
      if (q < best) {
        best = q
        hit = slot
      }
    }
    return hit < 0 ? null : this.#handles[hit]!
  }

  /** The changed slots have reached the GPU. */
  uploaded(): void {
    this.dirtyLow = this.dirtyHigh = 0
    this.grown = false
  }

  readonly #pair: [number, number] = [0, 0]

  #drawn(slot: number, now: number): [number, number] {
    const f = this.#f32
    const at = slot * floats
    const duration = f[at + 5]!
    const k = duration > 0 ? Math.min(1, Math.max(0, (now - f[at + 4]!) / duration)) : 1
    this.#pair[0] = f[at]! + (f[at + 2]! - f[at]!) * k
    this.#pair[1] = f[at + 1]! + (f[at + 3]! - f[at + 1]!) * k
    return this.#pair
  }

  #write(slot: number, fromX: number, fromY: number, toX: number, toY: number, start: number, duration: number): void {
    const f = this.#f32
    const at = slot * floats
    f[at] = fromX
    f[at + 1] = fromY
    f[at + 2] = toX
    f[at + 3] = toY
    f[at + 4] = start
    f[at + 5] = duration
  }

  #touch(slot: number): void {
    if (this.dirtyHigh === 0) {
      this.dirtyLow = slot
      this.dirtyHigh = slot + 1
    } else {
      if (slot < this.dirtyLow) this.dirtyLow = slot
      if (slot >= this.dirtyHigh) this.dirtyHigh = slot + 1
    }
  }

  #grow(): void {
    const capacity = this.capacity * 2
    const memory = new ArrayBuffer(capacity * stride)
    const bytes = new Uint8Array(memory)
    bytes.set(this.bytes)
    this.bytes = bytes
    this.#f32 = new Float32Array(memory)
    const handles = new Uint32Array(capacity)
    handles.set(this.#handles)
    this.#handles = handles
    const intervals = new Float32Array(capacity)
    intervals.set(this.#intervals)
    this.#intervals = intervals
    this.grown = true
  }
}
