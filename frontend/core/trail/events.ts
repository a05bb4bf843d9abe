// What happened that day, on the same clock as the trails.
import type { LonLat } from '../api/types'

export const eventKinds = [
  'sos',
  'incident',
  'order',
  'visit',
  'enter',
  'leave',
  'stay',
  'gap',
  'session',
  'outlier',
] as const
export type EventKind = (typeof eventKinds)[number]

export interface PlayEvent {
  /** Offset in ms. */
  at: number
  until?: number
  kind: EventKind
  /** The worker's id. */
  worker?: number
  title: string
  point?: LonLat
  /** What it is about, e.g. the case's id. */
  ref?: string
}

export interface Choice {
  kinds: ReadonlySet<EventKind>
  /** null: everybody's */
  workers: ReadonlySet<number> | null
}

export const fits = (event: PlayEvent, choice: Choice): boolean =>
  choice.kinds.has(event.kind) &&
  (choice.workers === null || event.worker === undefined || choice.workers.has(event.worker))

/** Back steps over what has just begun, or one could never get past it while it plays. */
const grace = 700

export class EventBook {
  readonly all: readonly PlayEvent[]

  constructor(events: readonly PlayEvent[] = []) {
    this.all = events.toSorted((a, b) => a.at - b.at)
  }

  /** The index of the first event after t. */
  after(t: number): number {
    let low = 0
    let high = this.all.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.all[middle]!.at <= t) low = middle + 1
      else high = middle
    }
    return low
  }

  next(t: number, choice: Choice): PlayEvent | null {
    for (let i = this.after(t); i < this.all.length; i++) if (fits(this.all[i]!, choice)) return this.all[i]!
    return null
  }

  /** `pace`: how much faster than life the clock runs. */
  previous(t: number, choice: Choice, pace = 0): PlayEvent | null {
    for (let i = this.after(t - 1 - grace * pace) - 1; i >= 0; i--) {
      const event = this.all[i]!
      if (fits(event, choice)) return event
    }
    return null
  }

  /** Up to `before` that have begun and `ahead` that have not, in time order. */
  around(t: number, choice: Choice, before: number, ahead: number): PlayEvent[] {
    const here = this.after(t)
    const past: PlayEvent[] = []
    for (let i = here - 1; i >= 0 && past.length < before; i--) if (fits(this.all[i]!, choice)) past.push(this.all[i]!)
    const coming: PlayEvent[] = []
    for (let i = here; i < this.all.length && coming.length < ahead; i++)
      if (fits(this.all[i]!, choice)) coming.push(this.all[i]!)
    return [...past.reverse(), ...coming]
  }

  of(kind: EventKind): PlayEvent[] {
    return this.all.filter(event => event.kind === kind)
  }
}
