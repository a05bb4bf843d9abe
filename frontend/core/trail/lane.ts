// One worker's day, and where he was at an instant. Between two fixes he is drawn
// on the straight line between them; in a gap he is not moved at all: he stays,
// hollow, where he was last heard, since then. Nothing is shown before its time:
// the far end of a gap is not known until he is heard from there.
import { nowhere, type Path, upTo } from './path'
import { common } from './spans'

/** A silence of more than this is a gap, when fixes are read one by one. */
export const gapMs = 120_000

export interface Span {
  from: number
  to: number
}

export interface Stay extends Span {
  x: number
  y: number
}

export interface Gap extends Span {
  /** Where he was last heard, and where he was heard again. */
  ax: number
  ay: number
  bx: number
  by: number
}

export type Being = 'unseen' | 'moving' | 'staying' | 'lost' | 'off'

/** Filled by Lane.at, to be reused from frame to frame. */
export interface Standing {
  being: Being
  x: number
  y: number
  /** Radians, 0 = north, clockwise; NaN = standing or unknown. */
  heading: number
  speed: number
  accuracy: number
  /** Offset of the newest fix at or before the instant. */
  heard: number
  /** Since when he has been staying or lost. */
  since: number
}

export const standing = (): Standing => ({
  being: 'unseen',
  x: 0,
  y: 0,
  heading: Number.NaN,
  speed: Number.NaN,
  accuracy: Number.NaN,
  heard: 0,
  since: 0,
})

export const slabMs = 3_600_000

/** The span that holds t in a sorted list without overlaps. */
export function holding<S extends Span>(spans: readonly S[], t: number): S | null {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[middle]!.from <= t) low = middle + 1
    else high = middle
  }
  const one = spans[low - 1]
  return one && t < one.to ? one : null
}

const overlaps = (spans: readonly Span[], from: number, to: number): boolean => {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[middle]!.to <= from) low = middle + 1
    else high = middle
  }
  return low < spans.length && spans[low]!.from < to
}

export class Lane {
  readonly worker: number
  /** The whole day, simplified. */
  overview: Path = nowhere
  /** Silences, from the server's cleaning: a simplified way cannot tell a gap from a straight walk. null: not known yet, and then every long step may be one. */
  silences: readonly Span[] | null = null
  stays: readonly Stay[] = []
  /** What of the overview has been read; null: all of it. */
  read: readonly Span[] | null = null
  /** Duty; empty when it is not known. */
  sessions: readonly Span[] = []
  /** Every fix, by hours of the clock that have been read. */
  readonly #slabs = new Map<number, Path>()

  constructor(worker: number) {
    this.worker = worker
  }

  put(slab: number, path: Path): void {
    this.#slabs.set(slab, path)
  }

  drop(slab: number): void {
    this.#slabs.delete(slab)
  }

  slab(slab: number): Path | undefined {
    return this.#slabs.get(slab)
  }

  get fixes(): number {
    let sum = this.overview.count
    for (const path of this.#slabs.values()) sum += path.count
    return sum
  }

  /** The newest place at or before t, and the next one after it, from the finest that is in memory. */
  #pair(t: number): { from: Path; i: number; to: Path | null; j: number; fine: boolean } | null {
    const hour = Math.floor(t / slabMs)
    const here = this.#slabs.get(hour)
    const rough = this.overview
    if (here) {
      const next = upTo(here.t, here.count, t)
      const before = this.#slabs.get(hour - 1)
      let from: Path = here
      let i = next - 1
      let fine = true
      if (i < 0 && before && before.count > 0) {
        from = before
        i = before.count - 1
      } else if (i < 0) {
        fine = false
        from = rough
        i = upTo(rough.t, rough.count, t) - 1
      }
      if (i < 0) return null
      if (next < here.count) return { from, i, to: here, j: next, fine }
      const behind = this.#slabs.get(hour + 1)
      if (behind && behind.count > 0) return { from, i, to: behind, j: 0, fine }
      const j = upTo(rough.t, rough.count, t)
      return j < rough.count ? { from, i, to: rough, j, fine: false } : { from, i, to: null, j: 0, fine }
    }
    const j = upTo(rough.t, rough.count, t)
    if (j === 0) return null
    return { from: rough, i: j - 1, to: j < rough.count ? rough : null, j, fine: false }
  }

  at(t: number, out: Standing): Standing {
    const pair = this.read && !holding(this.read, t) ? null : this.#pair(t)
    if (!pair) {
      out.being = 'unseen'
      return out
    }
    const { from, i, to, j } = pair
    const t0 = from.t[i]!
    out.x = from.x[i]!
    out.y = from.y[i]!
    out.speed = from.speed[i]!
    out.accuracy = from.accuracy[i]!
    out.heading = Number.NaN
    out.heard = t0
    out.since = t0
    const t1 = to ? to.t[j]! : t0
    const joined = to !== null && (!pair.fine || t1 - t0 <= gapMs) && !this.broken(t0, t1)
    if (!joined && t > t0) {
      out.being = this.sessions.length > 0 && !holding(this.sessions, t) ? 'off' : 'lost'
      return out
    }
    const stay = holding(this.stays, t)
    if (joined) {
      const k = t1 > t0 ? (t - t0) / (t1 - t0) : 0
      const dx = to!.x[j]! - out.x
      const dy = to!.y[j]! - out.y
      out.x += dx * k
      out.y += dy * k
      if (!stay && Math.hypot(dx, dy) > 2e-8) out.heading = Math.atan2(dx, -dy)
    }
    out.being = stay ? 'staying' : 'moving'
    if (stay) out.since = stay.from
    return out
  }

  /** Whether a silence lies between the two instants. */
  broken(t0: number, t1: number): boolean {
    return this.silences ? overlaps(this.silences, t0, t1) : t1 - t0 > gapMs
  }

  /** Gaps with both ends, for drawing. The places come from the way itself. */
  gaps(): Gap[] {
    const made: Gap[] = []
    const path = this.overview
    for (const silence of this.silences ?? []) {
      const i = upTo(path.t, path.count, silence.from + 1000) - 1
      const j = upTo(path.t, path.count, silence.to - 1000)
      if (i < 0 || j >= path.count || j <= i) continue
      made.push({
        from: silence.from,
        to: silence.to,
        ax: path.x[i]!,
        ay: path.y[i]!,
        bx: path.x[j]!,
        by: path.y[j]!,
      })
    }
    return made
  }

  /** Stretches during which he was heard, in time order. */
  heard(): Span[] {
    const { t, count } = this.overview
    if (count === 0) return []
    const made: Span[] = []
    let from = t[0]!
    const last = t[count - 1]!
    for (const silence of this.silences ?? []) {
      if (silence.to <= from || silence.from >= last) continue
      if (silence.from > from) made.push({ from, to: silence.from })
      from = silence.to
    }
    made.push({ from, to: Math.max(from, last) })
    return this.read ? common(made, this.read) : made
  }
}
