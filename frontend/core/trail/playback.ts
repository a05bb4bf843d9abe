// One playback: who is shown, their lanes, what happened, and the reading of all
// of it. First the overview and the events of the whole day, so that it plays at
// once; then every fix, hour by hour, around the playhead. The overview of a day
// that is not archived is read piece by piece, those around the playhead first.
import { decode, frames } from './codec'
import { density, quiet } from './density'
import { EventBook, type EventKind, type PlayEvent } from './events'
import { gapMs, Lane, type Span, slabMs } from './lane'
import { bytesPerFix, type Fixes, type Frame, frameAt, merged, pathOf, upTo, without } from './path'
import { Pieces } from './pieces'
import { SegmentPile, type Segments } from './segments'
import { Slabs } from './slabs'
import { holes } from './spans'

export interface Person {
  worker: number
  name: string
  org: string
  role: string
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

/** Events of the record, those that were found in the tracks, or both. */
export type Of = 'record' | 'tracks' | 'both'

export interface Feed {
  /** Hands on frames as they come; kept when all are there. */
  overview: (signal: AbortSignal, take: (frames: ArrayBuffer) => void) => Promise<void>
  piece: (from: number, to: number, signal: AbortSignal) => Promise<ArrayBuffer>
  events: (of: Of, signal: AbortSignal) => Promise<Told[]>
  chunks: (from: number, to: number, signal: AbortSignal) => Promise<ArrayBuffer>
}

export interface Opening {
  /** Unix ms of the day's start, and its end. */
  from: number
  to: number
  /** The overview comes at once; otherwise it is read piece by piece. */
  archived: boolean
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

const minute = 60_000

function put(read: Map<number, Fixes[]>, index: number, chunk: Fixes): void {
  const list = read.get(index)
  if (list) list.push(chunk)
  else read.set(index, [chunk])
}

export class Playback {
  readonly people: readonly Person[]
  readonly lanes: readonly Lane[]
  readonly from: number
  readonly length: number
  readonly slabs: Slabs
  events = new EventBook()
  bounds: Bounds | null = null
  /** Steps of the day, simplified, as far as they have been read. */
  rough: readonly Segments[] = []
  /** Steps of the hours that are in memory, when few people are shown. */
  readonly fine = new Map<number, Segments>()
  /** Raised whenever lanes or segments have changed. */
  version = 0
  /** Something is waiting for step(). */
  wake: () => void = () => undefined

  readonly #feed: Feed
  readonly #abort = new AbortController()
  readonly #laneOf = new Map<number, number>()
  readonly #pieces: Pieces | null
  /** Called when there is something to draw. */
  #there: () => void = () => undefined
  /** All of the overview is there. */
  #complete = false
  #taking: { steps: Generator<void>; done: () => void; failed: (error: unknown) => void } | null = null
  #frame: Frame
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
    const { from, to } = this.#heard()
    this.#pieces = opening.archived
      ? null
      : new Pieces(
          {
            from: Math.floor(from / minute) * minute,
            to: Math.min(this.length, Math.ceil((to + 1) / minute) * minute),
          },
          this.people.length,
          {
            load: (piece, signal) => feed.piece(this.from + piece.from, this.from + piece.to, signal),
            take: (piece, bytes) => this.#queue(this.#takePiece(piece, bytes)),
            taken: () => this.#tellRead(),
          },
        )
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

  /** How much of the overview has been read, 0…1. */
  get part(): number {
    return this.#complete ? 1 : (this.#pieces?.part ?? 0)
  }

  /** The stretches of which the overview has been read; null: all. */
  get read(): readonly Span[] | null {
    return this.#pieces && !this.#complete ? this.#pieces.taken : null
  }

  /** Whether the overview between two offsets has been read, as far as there is any. */
  ready(from: number, to: number): boolean {
    return this.#complete || (this.#pieces?.has(from, to) ?? true)
  }

  /**
   * `first`: some of it can be drawn: what is around `start`, or else the
   * beginning. `overview`: all of it. `record`: what happened that day is there,
   * too; `events`: and what was found in the tracks: the gaps are known.
   */
  open(start: number | null = null): Record<'first' | 'overview' | 'record' | 'events', Promise<void>> {
    const signal = this.#abort.signal
    const part = new Promise<void>(resolve => {
      this.#there = resolve
    })
    this.#pieces?.aim(start ?? this.#heard().from)
    const overview = (
      this.#pieces
        ? this.#pieces.read(signal)
        : this.#feed.overview(signal, bytes => {
            this.#readOverview(bytes)
            this.#there()
          })
    ).then(() => {
      this.#complete = true
      this.#tellRead()
      if (this.rough.length === 0) this.#lay() // nobody was out
    })
    const first = Promise.race([part, overview])
    const of = this.#pieces ? 'record' : 'both'
    const told = this.#feed.events(of, signal)
    const record = first.then(async () => this.#readEvents(await told, of === 'both'))
    const events = Promise.all([overview, record]).then(async () => {
      if (of === 'record') this.#readEvents([...(await told), ...(await this.#feed.events('tracks', signal))], true)
    })
    // whoever waits for them hears of a failure; here they are only kept from being nobody's
    for (const one of [first, overview, told, record, events]) one.catch(() => undefined)
    return { first, overview, record, events }
  }

  /** Says where the playhead is: what is around it is read first. */
  aim(offset: number, speed: number, playing: boolean): void {
    if (this.#complete) this.slabs.aim(offset, speed, playing)
    else this.#pieces?.aim(offset)
  }

  /** There is something to decode. */
  get busy(): boolean {
    return this.#taking !== null || this.slabs.busy
  }

  /** Decodes until the time is up. */
  step(milliseconds: number): void {
    const taking = this.#taking
    if (!taking) {
      this.slabs.step(milliseconds)
      return
    }
    const until = performance.now() + milliseconds
    try {
      do {
        if (!taking.steps.next().done) continue
        this.#taking = null
        taking.done()
        return
      } while (performance.now() < until)
    } catch (error) {
      this.#taking = null
      taking.failed(error)
    }
  }

  /** Takes bites between two frames; the first of all, for which everybody waits, at once. */
  #queue(steps: Generator<void>): Promise<void> {
    return new Promise((done, failed) => {
      this.#taking = { steps, done, failed }
      if (this.rough.length === 0) this.step(Number.POSITIVE_INFINITY)
      else this.wake()
    })
  }

  close(): void {
    this.#abort.abort()
    this.slabs.close()
  }

  /** The offsets between which there is anything to see. */
  span(): Span {
    if (!this.#complete && this.#pieces) return this.#heard()
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

  /** The offsets between which anybody was heard, as it was told at the beginning. */
  #heard(): Span {
    let from = Number.POSITIVE_INFINITY
    let to = Number.NEGATIVE_INFINITY
    for (const { first, last } of this.people) {
      if (first !== null) from = Math.min(from, first - this.from)
      if (last !== null) to = Math.max(to, last - this.from)
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
      // what has not been read may be anything
      [...this.lanes.map(lane => lane.heard()), ...(this.read ? [holes(this.read, from, to)] : [])],
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
    const read = new Map<number, Fixes[]>()
    for (const { index, bytes } of frames(buffer)) put(read, index, decode(bytes))
    this.#widen(read)
    for (const [index, stretches] of read) this.#append(index, stretches)
    this.#lay()
  }

  #append(index: number, stretches: Fixes[]): void {
    const lane = this.lanes[index]
    if (lane) lane.overview = merged(lane.overview, pathOf(stretches, this.#frame, this.#strays.get(lane.worker)))
  }

  *#takePiece(piece: Span, buffer: ArrayBuffer): Generator<void> {
    const read = new Map<number, Fixes[]>()
    for (const { index, bytes } of frames(buffer)) {
      put(read, index, decode(bytes))
      yield
    }
    this.#widen(read)
    const pile = new SegmentPile()
    for (const [index, stretches] of read) {
      const lane = this.lanes[index]
      if (!lane) continue
      this.#append(index, stretches)
      // and the steps into it and out of it, where their other ends are there
      const { t, count } = lane.overview
      const first = Math.max(0, upTo(t, count, piece.from - 1) - 1)
      const end = Math.min(count, upTo(t, count, piece.to - 1) + 1)
      pile.walk(index, lane, lane.overview, (t0, t1) => !lane.broken(t0, t1), first, end)
      yield
    }
    this.rough = [...this.rough, pile.done()]
  }

  /** A piece has been taken, or all of them: what is in between is nowhere until then. */
  #tellRead(): void {
    for (const lane of this.lanes) lane.read = this.read
    this.version++
    this.#there()
    this.wake()
  }

  #widen(read: ReadonlyMap<number, readonly Fixes[]>): void {
    let { west, south, east, north } = this.bounds ?? { west: 180, south: 90, east: -180, north: -90 }
    for (const chunk of [...read.values()].flat())
      for (let i = 0; i < chunk.count; i++) {
        const lon = chunk.lon[i]!
        const lat = chunk.lat[i]!
        if (lon < west) west = lon
        if (lon > east) east = lon
        if (lat < south) south = lat
        if (lat > north) north = lat
      }
    if (west > east) return
    // the origin of the first part is that of all
    if (!this.bounds) this.#frame = frameAt(this.from, (west + east) / 2, (south + north) / 2)
    this.bounds = { west, south, east, north }
  }

  /** `all`: what was found in the tracks is among it. */
  #readEvents(told: readonly Told[], all: boolean): void {
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
      if (!all) continue
      const strays = this.#strays.get(lane.worker)
      if (strays) lane.overview = without(lane.overview, strays, this.#frame)
      lane.silences = (gaps.get(lane.worker) ?? []).map(toSpan)
      lane.stays = (stays.get(lane.worker) ?? []).flatMap(event => {
        if (!event.point) return []
        const at = frameAt(0, event.point[0], event.point[1])
        return [{ ...toSpan(event), x: at.x - this.#frame.x, y: at.y - this.#frame.y }]
      })
    }
    if (all) this.#lay()
    else this.version++
  }

  /** Lays the overview out as steps. */
  #lay(): void {
    const pile = new SegmentPile()
    this.lanes.forEach((lane, i) => {
      pile.walk(i, lane, lane.overview, (t0, t1) => !lane.broken(t0, t1))
      pile.gaps(i, lane)
    })
    this.rough = [pile.done()]
    this.version++
  }

  *#take(slab: number, buffer: ArrayBuffer): Generator<void, number, void> {
    const read = new Map<number, Fixes[]>()
    for (const { index, bytes } of frames(buffer)) {
      if (index >= this.lanes.length) continue
      put(read, index, decode(bytes))
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
