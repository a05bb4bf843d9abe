// The stage: one clock, one or two playbacks on it (two days of a comparison),
// and whatever draws them. One animation frame drives all; between two frames
// there is a little time for decoding what was read ahead.
import { Store } from '../live/store'
import { PlayClock } from './clock'
import type { Choice, PlayEvent } from './events'
import type { Span } from './lane'
import type { Playback } from './playback'
import { common } from './spans'

export interface Actor {
  draw: (offset: number) => void
}

export interface Pace {
  /** Frames drawn, and how long the longest between two of them took, ms, since play began. */
  frames: number
  longest: number
  /** Frames that came more than 50 ms after the one before. */
  late: number
  since: number
  /** What this thread did for all these frames, ms. */
  work: number
}

const aimEvery = 250
/** What decoding may take of a frame, ms: at least, at most, and of the time from one to the next. */
const bite = { least: 4, most: 40, part: 0.15 }
const tellEvery = 200
const quietLeast = 300_000
/** Wall milliseconds that must have been read ahead of the playhead, and how many when it has had to wait. */
const little = 300
const enough = 2_000

export class Stage {
  readonly clock = new PlayClock()
  /** Where the playhead is, for texts and lists: a few times a second. */
  readonly offset = new Store(0)
  /** Raised when a playback has learned something, or the cast has changed. */
  readonly version = new Store(0)
  /** What is at the playhead is still being read: it stands until there is some of it. */
  readonly waiting = new Store(false)
  /** Passes over what nobody was heard in. */
  skipQuiet = true
  pace: Pace = { frames: 0, longest: 0, late: 0, since: 0, work: 0 }
  #playbacks: readonly Playback[] = []
  readonly #actors = new Set<Actor>()
  #quiet: Span[] = []
  #versions = ''
  #raf = 0
  #aimedAt = Number.NEGATIVE_INFINITY
  #toldAt = Number.NEGATIVE_INFINITY
  #drewAt = 0
  #wall = 0

  constructor() {
    this.clock.subscribe(() => {
      this.#aimedAt = this.#toldAt = Number.NEGATIVE_INFINITY
      if (this.clock.playing) this.pace = { frames: 0, longest: 0, late: 0, since: performance.now(), work: 0 }
      this.touch()
    })
  }

  get playbacks(): readonly Playback[] {
    return this.#playbacks
  }

  /** Puts playbacks on the stage; those that were on it are closed. */
  set(playbacks: readonly Playback[]): void {
    for (const one of this.#playbacks) if (!playbacks.includes(one)) one.close()
    this.clock.pause()
    this.#playbacks = playbacks
    for (const one of playbacks) {
      one.wake = () => this.touch()
      one.slabs.wake = one.wake
    }
    this.reread()
  }

  /** What the playbacks hold has changed: the clock's span and the quiet stretches with it. */
  reread(): void {
    const spans = this.#playbacks.map(one => one.span()).filter(one => one.to > one.from)
    const from = spans.length ? Math.min(...spans.map(one => one.from)) : 0
    const to = spans.length ? Math.max(...spans.map(one => one.to)) : 0
    const waiting = !this.clock.playing && this.clock.offset === this.clock.from
    this.clock.span(Math.floor(from / 60_000) * 60_000, Math.ceil(to / 60_000) * 60_000)
    // whoever has not begun begins with the first of all
    if (waiting) this.clock.seek(this.clock.from)
    this.#hush()
    this.version.set(this.version.get() + 1)
    this.touch()
  }

  #hush(): void {
    // both sides must be quiet
    this.#quiet =
      this.#playbacks
        .map(one => one.quiet(quietLeast))
        .reduce<Span[] | null>((all, quiet) => (all === null ? quiet : common(all, quiet)), null) ?? []
  }

  /** Whether what comes next has been read: having waited, one goes on when there is enough for a while. */
  #ready(): boolean {
    const { offset, to, speed, playing } = this.clock
    const lead = playing ? speed * (this.waiting.get() ? enough : little) : 0
    const at = Math.min(offset, to - 1)
    return this.#playbacks.every(one => one.ready(at, Math.min(to, at + lead)))
  }

  add(actor: Actor): () => void {
    this.#actors.add(actor)
    this.touch()
    return () => {
      this.#actors.delete(actor)
    }
  }

  /** Something is to be drawn. */
  touch(): void {
    if (this.#raf === 0) this.#raf = requestAnimationFrame(this.#frame)
  }

  close(): void {
    cancelAnimationFrame(this.#raf)
    this.#raf = -1
    this.clock.pause()
    for (const one of this.#playbacks) one.close()
    this.#playbacks = []
    this.#actors.clear()
  }

  next(choice: Choice): PlayEvent | null {
    return this.#jump(
      this.#playbacks.map(one => one.events.next(this.clock.offset, choice)),
      (a, b) => a.at - b.at,
    )
  }

  previous(choice: Choice): PlayEvent | null {
    const pace = this.clock.playing ? this.clock.speed : 0
    return this.#jump(
      this.#playbacks.map(one => one.events.previous(this.clock.offset, choice, pace)),
      (a, b) => b.at - a.at,
    )
  }

  #jump(found: (PlayEvent | null)[], order: (a: PlayEvent, b: PlayEvent) => number): PlayEvent | null {
    const first = found.filter(one => one !== null).sort(order)[0]
    if (!first) return null
    this.clock.seek(first.at)
    return first
  }

  readonly #frame = (wall: number): void => {
    this.#raf = 0
    const began = performance.now()
    const { clock } = this
    const ready = this.#ready()
    this.waiting.set(!ready)
    if (ready) clock.tick(wall)
    else clock.rest()
    if (clock.playing && this.skipQuiet) {
      const silence = this.#quiet.find(one => one.from < clock.offset && clock.offset < one.to - 1000)
      if (silence && silence.to < clock.to) clock.seek(silence.to)
    }
    if (wall - this.#aimedAt >= aimEvery) {
      this.#aimedAt = wall
      for (const one of this.#playbacks) one.aim(clock.offset, clock.speed, clock.playing)
    }
    const time = Math.max(bite.least, Math.min(bite.most, (wall - this.#wall) * bite.part))
    this.#wall = wall
    for (const one of this.#playbacks) one.step(time)
    for (const actor of this.#actors) actor.draw(clock.offset)
    this.#measure(wall, began)
    if (!clock.playing || wall - this.#toldAt >= tellEvery) {
      this.#toldAt = wall
      this.offset.set(clock.offset)
      const versions = this.#playbacks.map(one => one.version).join()
      if (versions !== this.#versions) {
        this.#versions = versions
        this.#hush()
        this.version.set(this.version.get() + 1)
      }
    }
    if (clock.playing || this.#playbacks.some(one => one.busy)) this.touch()
  }

  #measure(wall: number, began: number): void {
    const { pace } = this
    if (!this.clock.playing) return
    if (pace.frames > 0) {
      const took = wall - this.#drewAt
      pace.longest = Math.max(pace.longest, took)
      if (took > 50) pace.late++
    }
    pace.frames++
    pace.work += performance.now() - began
    this.#drewAt = wall
  }
}
