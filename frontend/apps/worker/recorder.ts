// The phone's positions while the page is open, thinned to what a track needs.
import { metresBetween } from '@core/geo/mercator'
import { Store } from '@core/live/store'
import type { Fix } from './outbox'
import type { GeoTrouble } from './truth'

export interface Heard {
  at: number
  lon: number
  lat: number
  accuracy: number | null
}

export interface RecorderState {
  watching: boolean
  since: number | null
  last: Heard | null
  /** When the phone last gave a position, by the page's clock. */
  heardAt: number | null
  trouble: GeoTrouble | null
}

/** Moving: every 5 s and 3 m. Standing: every 15 s, so that the wall still says "online". */
const often = 5_000
const seldom = 15_000
const step = 3

/** dense: the server asks for a position so often, ms, moving or not; 0 = as usual. */
export function worthKeeping(before: Heard | null, next: Heard, dense = 0): boolean {
  if (!before) return true
  const passed = next.at - before.at
  if (passed <= 0) return false
  if (dense > 0 && passed >= dense) return true
  if (passed >= seldom) return true
  return passed >= often && metresBetween([before.lon, before.lat], [next.lon, next.lat]) >= step
}

const figure = (value: number | null | undefined, digits: number): number | undefined =>
  value === null || value === undefined || !Number.isFinite(value) ? undefined : Number(value.toFixed(digits))

export function toFix(position: GeolocationPosition, battery: number | null): Fix {
  const { coords } = position
  return {
    at: new Date(position.timestamp).toISOString(),
    lon: Number(coords.longitude.toFixed(7)),
    lat: Number(coords.latitude.toFixed(7)),
    accuracy: figure(coords.accuracy, 1),
    speed: figure(coords.speed, 2),
    course: figure(coords.heading, 1),
    altitude: figure(coords.altitude, 1),
    battery: battery ?? undefined,
  }
}

interface BatteryLike {
  level: number
}

export class Recorder {
  readonly state = new Store<RecorderState>({ watching: false, since: null, last: null, heardAt: null, trouble: null })
  readonly #keep: (fix: Fix) => void
  readonly #geo: Geolocation | null
  #watch: number | null = null
  #nudge: ReturnType<typeof setInterval> | null = null
  #kept: Heard | null = null
  #battery: BatteryLike | null = null
  #dense = 0

  constructor(keep: (fix: Fix) => void, geo: Geolocation | null = navigator.geolocation ?? null) {
    this.#keep = keep
    this.#geo = geo
    const ask = (navigator as { getBattery?: () => Promise<BatteryLike> }).getBattery
    ask?.call(navigator).then(
      battery => {
        this.#battery = battery
      },
      () => undefined,
    )
  }

  /** What the server asks for in its receipts: every 3 s while a call for help is open. */
  pace(seconds: number | undefined): void {
    const asked = (seconds ?? 0) * 1000
    this.#dense = asked > 0 && asked < often ? asked : 0
  }

  start(): void {
    if (this.#watch !== null) return
    if (!window.isSecureContext || !this.#geo) {
      this.#change({ trouble: window.isSecureContext ? 'unsupported' : 'insecure' })
      return
    }
    const ask: PositionOptions = { enableHighAccuracy: true, maximumAge: 0, timeout: 30_000 }
    this.#change({ watching: true, since: Date.now(), trouble: null })
    this.#watch = this.#geo.watchPosition(
      position => this.#heard(position),
      error => this.#missed(error),
      ask,
    )
    // some phones fall silent while nobody moves: ask again
    this.#nudge = setInterval(() => {
      const { heardAt } = this.state.get()
      if (document.visibilityState === 'visible' && (heardAt === null || Date.now() - heardAt > seldom))
        this.#geo?.getCurrentPosition(
          position => this.#heard(position),
          error => this.#missed(error),
          { ...ask, timeout: 14_000 },
        )
    }, seldom)
  }

  stop(): void {
    if (this.#watch !== null) this.#geo?.clearWatch(this.#watch)
    if (this.#nudge !== null) clearInterval(this.#nudge)
    this.#watch = this.#nudge = null
    this.#kept = null
    this.#change({ watching: false, since: null, last: null, heardAt: null, trouble: null })
  }

  /** One position for a call for help; never waits longer than it must. */
  once(timeout: number): Promise<Heard | null> {
    return new Promise(resolve => {
      if (!this.#geo || !window.isSecureContext) return resolve(null)
      this.#geo.getCurrentPosition(
        position => resolve(heardOf(position)),
        () => resolve(null),
        { enableHighAccuracy: true, maximumAge: 30_000, timeout },
      )
    })
  }

  #heard(position: GeolocationPosition): void {
    if (this.#watch === null) return // stopped while the phone was still looking
    const heard = heardOf(position)
    this.#change({ last: heard, heardAt: Date.now(), trouble: null })
    if (!worthKeeping(this.#kept, heard, this.#dense)) return
    this.#kept = heard
    this.#keep(toFix(position, this.#battery ? Math.round(this.#battery.level * 100) : null))
  }

  #missed(error: GeolocationPositionError): void {
    if (this.#watch === null) return
    this.#change({ trouble: error.code === 1 ? 'denied' : error.code === 2 ? 'unavailable' : 'timeout' })
  }

  #change(part: Partial<RecorderState>): void {
    this.state.set({ ...this.state.get(), ...part })
  }
}

const heardOf = (position: GeolocationPosition): Heard => ({
  at: position.timestamp,
  lon: position.coords.longitude,
  lat: position.coords.latitude,
  accuracy: Number.isFinite(position.coords.accuracy) ? position.coords.accuracy : null,
})
