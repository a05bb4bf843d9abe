// One playback: who is shown, their lanes, what happened, and the reading of all
// of it. First the overview and the events of the whole day, so that it plays at
// once; then every fix, hour by hour, around the playhead.
import { decode, frames } from './codec'
import { density, quiet } from './density'
import { EventBook, type EventKind, type PlayEvent } from './events'
import { gapMs, Lane, type Span, slabMs } from './lane'
import { bytesPerFix, type Fixes, type Frame, frameAt, pathOf } from './path'
import { SegmentPile, type Segments } from './segments'
import { Slabs } from './slabs'

export interface Person {
  worker: number
  name: string
  org: string
  role: string
  fixes: number
  /** Unix ms; null: nothing that day */
  first: number | null
  last: number | null
}

export interface Told {
  /** Unix ms */
  at: number
  until?: number
  kind: EventKind
  worker?: number
  title: string
  point?: [number, number]
  ref?: string
}

export interface Feed {
  /** Hands on frames as they come; kept when all are there. */
  overview: (signal: AbortSignal, take: (frames: ArrayBuffer) => void) => Promise<void>
  events: (signal: AbortSignal) => Promise<Told[]>
  chunks: (from: number, to: number, signal: AbortSignal) => Promise<ArrayBuffer>
}

export interface Opening {
  /** Unix ms of the day's start, and its end. */
  from: number
  to: number
  people: readonly Person[]
}

/** Lanes up to which every fix is drawn; with more people the simplified way tells as much. */
export const fineLanes = 24
const budget = 96 * 2 ** 20

export interface Bounds {
  west: number
  south: number
  east: number
  north: number
}

export class Playback {
  readonly people: readonly Person[]
  readonly lanes: readonly Lane[]
  readonly from: number
  readonly length: number
  readonly slabs: Slabs
  events = new EventBook()
  bounds: Bounds | null = null
  /** Steps of the whole day, simplified. */
  rough: Segments | null = null
  /** Steps of the hours that are in memory, when few people are shown. */
  readonly fine = new Map<number, Segments>()
  /** Raised whenever lanes or segments have changed. */
  version = 0
  /** Something is waiting for step(). */
  wake: () => void = () => undefined

  readonly #feed: Feed
  readonly #abort = new AbortController()
  readonly #laneOf = new Map<number, number>()
  #frame: Frame
  readonly #overview = new Map<number, Fixes[]>()
  readonly #strays = new Map<number, Set<number>>()

  constructor(opening: Opening, feed: Feed) {
    this.people = opening.people
    this.lanes = opening.people.map(person => new Lane(person.worker))
    opening.people.forEach((person, i) => {
      this.#laneOf.set(person.worker, i)
    })
    this.from = opening.from
    this.length = opening.to - opening.from
    this.#feed = feed
    this.#frame = frameAt(opening.from, 0, 0)
    this.slabs = new Slabs(
      {
        load: (slab, signal) =>
          feed.chunks(this.from + slab * slabMs, Math.min(opening.to, this.from + (slab + 1) * slabMs), signal),
        take: (slab, bytes) => this.#take(slab, bytes),
        drop: slab => {
          for (const lane of this.lanes) lane.drop(slab)
          if (this.fine.delete(slab)) this.version++
        },
      },
      { slabMs, has: slab => this.#anybody(slab), budget },
    )
    this.slabs.wake = () => this.wake()
  }

  /** Mercator of the origin of all lanes. */
  get origin(): { x: number; y: number } {
    return this.#frame
  }

  laneOf(worker: number): number {
    return this.#laneOf.get(worker) ?? -1
  }

  /**
   * `first`: some of it can be drawn. `overview`: all of it. `events`: what happened
   * that day is there, too, and the gaps are known.
   */
  open(): { first: Promise<void>; overview: Promise<void>; events: Promise<void> } {
    const signal = this.#abort.signal
    let there: () => void = () => undefined
    const part = new Promise<void>(resolve => {
      there = resolve
    })
    const overview = this.#feed
      .overview(signal, bytes => {
        this.#readOverview(bytes)
        there()
      })
      .then(() => {
        if (!this.rough) this.#lay() // nobody was out
      })
    const first = Promise.race([part, overview])
    const told = this.#feed.events(signal)
    const events = overview.then(async () => this.#readEvents(await told))
    // whoever waits for them hears of a failure; here they are only kept from being nobody's
    for (const one of [first, overview, told, events]) one.catch(() => undefined)
    return { first, overview, events }
  }

  close(): void {
    this.#abort.abort()
    this.slabs.close()
  }

  /** The offsets between which there is anything to see. */
  span(): Span {
    let from = Number.POSITIVE_INFINITY
    let to = Number.NEGATIVE_INFINITY
    for (const lane of this.lanes) {
      const { count, t } = lane.overview
      if (count === 0) continue
      from = Math.min(from, t[0]!)
      to = Math.max(to, t[count - 1]!)
    }
    return from <= to ? { from, to } : { from: 0, to: 0 }
  }

  density(from: number, to: number, bins: number): Float32Array {
    return density(
      this.lanes.map(lane => lane.heard()),
      from,
      to,
      bins,
    )
  }

  quiet(least: number): Span[] {
    const { from, to } = this.span()
    return quiet(
      this.lanes.map(lane => lane.heard()),
      from,
      to,
      least,
    )
  }

  #anybody(slab: number): boolean {
    const from = this.from + slab * slabMs
    return (
      slab >= 0 &&
      slab * slabMs < this.length &&
      this.people.some(one => one.first !== null && one.last !== null && one.first < from + slabMs && one.last >= from)
    )
  }

  #readOverview(buffer: ArrayBuffer): void {
    let { west, south, east, north } = this.bounds ?? { west: 180, south: 90, east: -180, north: -90 }
    for (const { index, bytes } of frames(buffer)) {
      const chunk = decode(bytes)
      const list = this.#overview.get(index)
      if (list) list.push(chunk)
      else this.#overview.set(index, [chunk])
      for (let i = 0; i < chunk.count; i++) {
        const lon = chunk.lon[i]!
        const lat = chunk.lat[i]!
        if (lon < west) west = lon
        if (lon > east) east = lon
        if (lat < south) south = lat
        if (lat > north) north = lat
      }
    }
    if (west <= east) {
      // the origin of the first part is that of all
      if (!this.bounds) this.#frame = frameAt(this.from, (west + east) / 2, (south + north) / 2)
      this.bounds = { west, south, east, north }
    }
    this.#lay()
  }

  #readEvents(told: readonly Told[]): void {
    const events: PlayEvent[] = told.map(one => ({
      ...one,
      at: one.at - this.from,
      until: one.until === undefined ? undefined : one.until - this.from,
    }))
    this.events = new EventBook(events)
    for (const one of told)
      if (one.kind === 'outlier' && one.worker !== undefined && one.until === undefined) {
        const set = this.#strays.get(one.worker)
        if (set) set.add(one.at)
        else this.#strays.set(one.worker, new Set([one.at]))
      }
    const spans = (kind: EventKind): Map<number, (PlayEvent & { worker: number; until: number })[]> => {
      const made = new Map<number, (PlayEvent & { worker: number; until: number })[]>()
      for (const event of this.events.all) {
        if (event.kind !== kind || event.worker === undefined) continue
        const one = { ...event, worker: event.worker, until: event.until ?? this.length }
        const list = made.get(event.worker)
        if (list) list.push(one)
        else made.set(event.worker, [one])
      }
      return made
    }
    const sessions = spans('session')
    const gaps = spans('gap')
    const stays = spans('stay')
    const toSpan = (event: { at: number; until: number }): Span => ({ from: event.at, to: event.until })
    for (const lane of this.lanes) {
      lane.sessions = (sessions.get(lane.worker) ?? []).map(toSpan)
      lane.silences = (gaps.get(lane.worker) ?? []).map(toSpan)
      lane.stays = (stays.get(lane.worker) ?? []).flatMap(event => {
        if (!event.point) return []
        const at = frameAt(0, event.point[0], event.point[1])
        return [{ ...toSpan(event), x: at.x - this.#frame.x, y: at.y - this.#frame.y }]
      })
    }
    this.#lay()
  }

  /** Lays the overview out as lanes and steps. */
  #lay(): void {
    const pile = new SegmentPile()
    this.lanes.forEach((lane, i) => {
      const stretches = this.#overview.get(i)
      if (stretches) lane.overview = pathOf(stretches, this.#frame, this.#strays.get(lane.worker))
      pile.walk(i, lane, lane.overview, (t0, t1) => !lane.broken(t0, t1))
      pile.gaps(i, lane)
    })
    this.rough = pile.done()
    this.version++
  }

  *#take(slab: number, buffer: ArrayBuffer): Generator<void, number, void> {
    const read = new Map<number, Fixes[]>()
    for (const { index, bytes } of frames(buffer)) {
      if (index >= this.lanes.length) continue
      const chunk = decode(bytes)
      const list = read.get(index)
      if (list) list.push(chunk)
      else read.set(index, [chunk])
      yield
    }
    let fixes = 0
    const few = this.lanes.length <= fineLanes
    const pile = new SegmentPile()
    for (const [index, stretches] of read) {
      const lane = this.lanes[index]!
      const path = pathOf(stretches, this.#frame, this.#strays.get(lane.worker))
      lane.put(slab, path)
      fixes += path.count
      if (few) pile.walk(index, lane, path, (t0, t1) => t1 - t0 <= gapMs && !lane.broken(t0, t1))
      yield
    }
    if (few) {
      this.fine.set(slab, pile.done())
    }
    this.version++
    return fixes * bytesPerFix
  }
}
