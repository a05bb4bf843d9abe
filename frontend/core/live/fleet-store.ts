// Who is where, as this screen knows it: names by handle, the newest fix of
// each, and the point buffer that the overlay draws. Positions never become
// reactive objects; whoever lists people reads a snapshot when `version` moves.
import type { Presence } from '../api/types'
import { type Bin, bins, eachPoint, type Frame, Kind, presences } from './codec'
import { flag, PointBuffer } from './point-buffer'
import type { Name } from './socket'
import { Store } from './store'

export interface Person {
  handle: number
  id: number
  name: string
  role: string
  kind: string
  org: number
  orgName: string
  presence: Presence
  lon: number
  lat: number
  /** Unix ms of the fix, on the server's clock. */
  at: number
  speed: number
  course: number
  accuracy: number
  vehicle: boolean
  placed: boolean
}

export interface Tally {
  online: number
  idle: number
  stale: number
  offline: number
  sos: number
}

export interface HexBin extends Bin {
  ring: [number, number][]
}

export class FleetStore {
  readonly points: PointBuffer
  /** Moves whenever something about anybody changed. */
  readonly version = new Store(0)
  readonly mode = new Store<'points' | 'bins'>('points')
  readonly bins = new Store<HexBin[]>([])
  readonly #people = new Map<number, Person>()
  readonly #byWorker = new Map<number, Person>()
  readonly #rings = new Map<string, [number, number][]>()
  /** Reads the overlay's clock, in seconds. */
  readonly #clock: () => number
  #lastSeq = 0
  /** Frames the server did not send because newer ones had overtaken them. */
  conflated = 0

  constructor(origin: readonly [number, number], clock: () => number) {
    this.points = new PointBuffer(origin)
    this.#clock = clock
  }

  /** Handles mean nothing across connections: a new welcome starts from nothing. */
  reconnected(): void {
    this.#people.clear()
    this.#byWorker.clear()
    this.#rings.clear()
    this.#lastSeq = 0
  }

  names(names: Name[]): void {
    for (const n of names) {
      const person: Person = {
        handle: n.h,
        id: n.id,
        name: n.name,
        role: n.role,
        kind: n.kind,
        org: n.org,
        orgName: n.org_name,
        presence: 'offline',
        lon: Number.NaN,
        lat: Number.NaN,
        at: 0,
        speed: Number.NaN,
        course: Number.NaN,
        accuracy: Number.NaN,
        vehicle: n.kind === 'vehicle',
        placed: false,
      }
      this.#people.set(n.h, person)
      this.#byWorker.set(n.id, person)
    }
    this.#bump()
  }

  cells(cells: { c: string; ring: [number, number][] }[]): void {
    for (const cell of cells) this.#rings.set(cell.c, cell.ring)
  }

  changeMode(mode: 'points' | 'bins'): void {
    this.mode.set(mode)
    if (mode === 'bins') this.points.clear()
    else this.bins.set([])
    this.#bump()
  }

  apply(frame: Frame): void {
    if (this.#lastSeq > 0 && frame.seq > this.#lastSeq + 1) this.conflated += frame.seq - this.#lastSeq - 1
    this.#lastSeq = frame.seq
    if (frame.kind === Kind.Bins) {
      this.bins.set(
        bins(frame).flatMap(bin => {
          const ring = this.#rings.get(bin.cell)
          return ring ? [{ ...bin, ring }] : []
        }),
      )
      this.#bump()
      return
    }
    if (frame.kind !== Kind.Points) return
    const now = this.#clock()
    if (frame.snapshot) {
      this.points.clear()
      for (const person of this.#people.values()) person.placed = false
    }
    eachPoint(frame, p => {
      const person = this.#people.get(p.handle)
      if (!person) return // named in a frame to come; the next report places him
      if (p.left) {
        this.points.remove(p.handle)
        this.#people.delete(p.handle)
        if (this.#byWorker.get(person.id) === person) this.#byWorker.delete(person.id)
        return
      }
      person.presence = presences[p.presence] ?? 'offline'
      person.lon = p.lon
      person.lat = p.lat
      person.at = frame.base - p.age
      person.speed = p.speed
      person.course = p.course
      person.accuracy = p.accuracy
      person.vehicle = p.vehicle
      person.placed = true
      this.points.set(
        {
          handle: p.handle,
          lon: p.lon,
          lat: p.lat,
          presence: p.presence,
          flags: (p.vehicle ? flag.vehicle : 0) | (p.inaccurate ? flag.inaccurate : 0),
          course: p.course,
          age: p.age,
        },
        now,
      )
    })
    this.#bump()
  }

  person(handle: number): Person | undefined {
    return this.#people.get(handle)
  }

  worker(id: number): Person | undefined {
    return this.#byWorker.get(id)
  }

  people(): IterableIterator<Person> {
    return this.#people.values()
  }

  get size(): number {
    return this.#people.size
  }

  tally(): Tally {
    const tally: Tally = { online: 0, idle: 0, stale: 0, offline: 0, sos: 0 }
    for (const person of this.#people.values()) if (person.placed) tally[person.presence]++
    return tally
  }

  #bump(): void {
    this.version.set(this.version.get() + 1)
  }
}
