// The cases this screen knows, whatever told it of them: a page of the API, a
// journal event, the answer to an action. An older version never replaces a
// newer one, and the list is bounded: twenty thousand open cases are counted by
// the server, the screen holds those that need somebody.
import type { Incident } from '../api/types'
import { byNeed } from '../incident/need'
import { Store } from './store'

export interface IncidentStoreOptions {
  /** Cases held at most. */
  limit?: number
  /** The server's clock. */
  now: () => number
  /** Changes within this time are told once, ms. */
  calm?: number
  later?: (act: () => void, wait: number) => unknown
}

export class IncidentStore {
  /** Moves after something changed, at most once per `calm`. */
  readonly changed = new Store(0)
  readonly #byId = new Map<string, Incident>()
  readonly #limit: number
  readonly #now: () => number
  readonly #calm: number
  readonly #later: (act: () => void, wait: number) => unknown
  #waiting = false

  constructor(options: IncidentStoreOptions) {
    this.#limit = options.limit ?? 1_000
    this.#now = options.now
    this.#calm = options.calm ?? 120
    this.#later = options.later ?? ((act, wait) => setTimeout(act, wait))
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): Incident | undefined {
    return this.#byId.get(id)
  }

  values(): IterableIterator<Incident> {
    return this.#byId.values()
  }

  /** Whether it was news: false for what is known already or older than what is known. */
  put(incident: Incident): boolean {
    const news = this.#take(incident)
    if (news) this.#tell()
    return news
  }

  putAll(incidents: Iterable<Incident>): void {
    let news = false
    for (const incident of incidents) news = this.#take(incident) || news
    if (news) this.#tell()
  }

  /** Reads again after a gap: what the new page does not have is not known any more, but news that came meanwhile stays. */
  replace(incidents: Iterable<Incident>, since: number): void {
    const fresh = [...this.#byId.values()].filter(i => Date.parse(i.updated_at) >= since)
    this.#byId.clear()
    for (const incident of incidents) this.#take(incident)
    for (const incident of fresh) this.#take(incident)
    this.#tell()
  }

  remove(id: string): void {
    if (this.#byId.delete(id)) this.#tell()
  }

  #take(incident: Incident): boolean {
    const known = this.#byId.get(incident.id)
    if (known) {
      if (incident.version < known.version) return false
      // the clock changes deadlines and overlays without a new version
      if (incident.version === known.version && !(incident.updated_at > known.updated_at)) {
        if (incident.updated_at < known.updated_at || same(incident, known)) return false
      }
      // an event says nothing of photos that the page showed
      this.#byId.set(incident.id, incident.photos ? incident : { ...incident, photos: known.photos })
      return true
    }
    this.#byId.set(incident.id, incident)
    return true
  }

  #tell(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#later(() => {
      this.#waiting = false
      this.#trim()
      this.changed.set(this.changed.get() + 1)
    }, this.#calm)
  }

  /** The least needed go first: what is over, then what has most time. */
  #trim(): void {
    if (this.#byId.size <= this.#limit) return
    const order = byNeed(this.#byId.values(), this.#now())
    for (const { incident } of order.slice(this.#limit)) this.#byId.delete(incident.id)
  }
}

const same = (a: Incident, b: Incident): boolean => {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Incident>
  for (const key of keys) {
    if (key === 'photos' && a.photos === undefined) continue
    const [x, y] = [a[key], b[key]]
    if (x !== y && JSON.stringify(x) !== JSON.stringify(y)) return false
  }
  return true
}
