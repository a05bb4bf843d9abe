// A worker's way as the player keeps it: columns in time order, places in
// Mercator relative to a local origin (f32 stays exact at street level), times in
// milliseconds since the playback's start. 20 bytes a fix, nothing per fix on the heap.
import { mercatorX, mercatorY } from '../geo/mercator'
import { plausible } from './flags'

/** What a decoder hands over: one stretch of fixes of one worker, as columns. */
export interface Fixes {
  readonly count: number
  /** Unix ms */
  readonly at: Float64Array
  readonly lon: Float64Array
  readonly lat: Float64Array
  /** metres, NaN = unknown */
  readonly accuracy: Float32Array
  /** m/s, NaN = unknown */
  readonly speed: Float32Array
  readonly flags: Uint32Array
}

export interface Frame {
  /** Unix ms that is offset 0. */
  start: number
  /** Mercator of the local origin. */
  x: number
  y: number
}

export const frameAt = (start: number, lon: number, lat: number): Frame => ({
  start,
  x: mercatorX(lon),
  y: mercatorY(lat),
})

export interface Path {
  readonly count: number
  readonly t: Int32Array
  readonly x: Float32Array
  readonly y: Float32Array
  readonly speed: Float32Array
  readonly accuracy: Float32Array
}

export const bytesPerFix = 20

function room(count: number): {
  t: Int32Array
  x: Float32Array
  y: Float32Array
  speed: Float32Array
  accuracy: Float32Array
} {
  return {
    t: new Int32Array(count),
    x: new Float32Array(count),
    y: new Float32Array(count),
    speed: new Float32Array(count),
    accuracy: new Float32Array(count),
  }
}

const columns = ['t', 'x', 'y', 'speed', 'accuracy'] as const

const part = (made: ReturnType<typeof room>, n: number): Path =>
  n === made.t.length
    ? { count: n, ...made }
    : {
        count: n,
        t: made.t.slice(0, n),
        x: made.x.slice(0, n),
        y: made.y.slice(0, n),
        speed: made.speed.slice(0, n),
        accuracy: made.accuracy.slice(0, n),
      }

export const nowhere: Path = { count: 0, ...room(0) }

/** The order in which fixes of several stretches follow each other; stretches of two devices may overlap. */
function* inTime(stretches: readonly Fixes[]): Generator<readonly [Fixes, number]> {
  const sorted = stretches.filter(one => one.count > 0).toSorted((a, b) => a.at[0]! - b.at[0]!)
  const apart = sorted.every((one, k) => k === 0 || sorted[k - 1]!.at[sorted[k - 1]!.count - 1]! <= one.at[0]!)
  if (apart) {
    for (const one of sorted) for (let i = 0; i < one.count; i++) yield [one, i]
    return
  }
  const heads = sorted.map(() => 0)
  for (;;) {
    let best = -1
    for (let k = 0; k < sorted.length; k++)
      if (heads[k]! < sorted[k]!.count && (best < 0 || sorted[k]!.at[heads[k]!]! < sorted[best]!.at[heads[best]!]!))
        best = k
    if (best < 0) return
    yield [sorted[best]!, heads[best]!++]
  }
}

/** Joins stretches into one way, without the fixes that nobody should follow: those the server flagged and those at `strays`. */
export function pathOf(stretches: readonly Fixes[], frame: Frame, strays?: ReadonlySet<number>): Path {
  let total = 0
  for (const one of stretches) total += one.count
  const made = room(total)
  let n = 0
  let last = Number.NEGATIVE_INFINITY
  for (const [one, i] of inTime(stretches)) {
    const at = one.at[i]!
    // two devices may be heard in one instant: the first counts
    if (at <= last || !plausible(one.flags[i]!) || strays?.has(at)) continue
    last = at
    made.t[n] = at - frame.start
    made.x[n] = mercatorX(one.lon[i]!) - frame.x
    made.y[n] = mercatorY(one.lat[i]!) - frame.y
    made.speed[n] = one.speed[i]!
    made.accuracy[n] = one.accuracy[i]!
    n++
  }
  return part(made, n)
}

/** Two parts of a way as one; of an instant that both tell, the first counts. */
export function merged(a: Path, b: Path): Path {
  if (a.count === 0 || b.count === 0) return a.count === 0 ? b : a
  const made = room(a.count + b.count)
  let n = 0
  const put = (one: Path, from: number, to: number): void => {
    for (const column of columns) made[column].set(one[column].subarray(from, to), n)
    n += to - from
  }
  for (let i = 0, j = 0; i < a.count || j < b.count; ) {
    // runs of one part: nearly always there are two
    const i1 = j < b.count ? upTo(a.t, a.count, b.t[j]!) : a.count
    put(a, i, i1)
    i = i1
    if (i > 0 && j < b.count && a.t[i - 1] === b.t[j]) j++
    const j1 = i < a.count ? upTo(b.t, b.count, a.t[i]! - 1) : b.count
    if (j1 > j) put(b, j, j1)
    j = Math.max(j, j1)
  }
  return part(made, n)
}

/** The way without what was found to be astray. */
export function without(path: Path, strays: ReadonlySet<number>, frame: Frame): Path {
  const made = room(path.count)
  let n = 0
  for (let i = 0; i < path.count; i++) {
    if (strays.has(path.t[i]! + frame.start)) continue
    for (const column of columns) made[column][n] = path[column][i]!
    n++
  }
  return part(made, n)
}

/** How many of the first `count` times are at or before t: the index of the first later one. */
export function upTo(times: Int32Array, count: number, t: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! <= t) low = middle + 1
    else high = middle
  }
  return low
}
