// Every fix, hour by hour, around the playhead: read ahead by the pace, decoded
// in small bites between two frames, forgotten when it is far away. The overview
// plays meanwhile, so a slow network makes the picture coarser, never jerky.

export interface Source {
  /** The bytes of one hour. */
  load: (slab: number, signal: AbortSignal) => Promise<ArrayBuffer>
  /** Takes an hour in bites: each step of the generator is one bite. */
  take: (slab: number, bytes: ArrayBuffer) => Generator<void, number, void>
  drop: (slab: number) => void
}

export interface Limits {
  slabMs: number
  /** The hours that hold anything. */
  has: (slab: number) => boolean
  /** Bytes of decoded fixes that may lie in memory. */
  budget: number
  now?: () => number
}

/** Wall seconds that are to be in memory before the playhead gets there. */
const lead = 40_000
const floor = 300_000
const retryAfter = 4_000

export class Slabs {
  readonly #source: Source
  readonly #limits: Limits
  readonly #held = new Map<number, number>()
  readonly #failedAt = new Map<number, number>()
  #wanted: number[] = []
  #loading: { slab: number; abort: AbortController } | null = null
  #taking: { slab: number; steps: Generator<void, number, void> } | null = null
  #closed = false
  /** Called when there is something to decode, or an hour is there. */
  wake: () => void = () => undefined

  constructor(source: Source, limits: Limits) {
    this.#source = source
    this.#limits = limits
  }

  get held(): readonly number[] {
    return [...this.#held.keys()].sort((a, b) => a - b)
  }

  get bytes(): number {
    let sum = 0
    for (const size of this.#held.values()) sum += size
    return sum
  }

  /** There are bites to take. */
  get busy(): boolean {
    return this.#taking !== null
  }

  has(slab: number): boolean {
    return this.#held.has(slab)
  }

  /** Says where the playhead is: what is needed is read, and what is far is let go. */
  aim(t: number, speed: number, playing: boolean): void {
    if (this.#closed) return
    const { slabMs, has } = this.#limits
    const here = Math.floor(t / slabMs)
    const until = Math.floor((t + floor + (playing ? speed * lead : 0)) / slabMs)
    const wanted: number[] = []
    for (let slab = here; slab <= until; slab++) if (has(slab)) wanted.push(slab)
    // somebody who steps back over the hour should not fall onto the coarse picture
    const before = Math.floor((t - floor) / slabMs)
    if (before < here && has(before)) wanted.push(before)
    this.#wanted = wanted
    if (this.#loading && !wanted.includes(this.#loading.slab)) {
      this.#loading.abort.abort()
      this.#loading = null
    }
    this.#evict(here)
    this.#next()
  }

  /** Takes bites until the time is up. Returns whether anything has changed. */
  step(milliseconds: number): boolean {
    const taking = this.#taking
    if (!taking) return false
    const now = this.#limits.now ?? (() => performance.now())
    const until = now() + milliseconds
    for (;;) {
      let bite: IteratorResult<void, number>
      try {
        bite = taking.steps.next()
      } catch {
        // a damaged answer is an hour without detail, asked for again later
        this.#taking = null
        this.#source.drop(taking.slab)
        this.#failedAt.set(taking.slab, now())
        this.#next()
        return true
      }
      if (bite.done) {
        this.#taking = null
        this.#held.set(taking.slab, bite.value)
        this.#next()
        return true
      }
      if (now() >= until) return false
    }
  }

  close(): void {
    this.#closed = true
    this.#loading?.abort.abort()
    this.#loading = this.#taking = null
    this.#held.clear()
  }

  #evict(here: number): void {
    let bytes = this.bytes
    if (bytes <= this.#limits.budget) return
    const spare = [...this.#held.keys()]
      .filter(slab => !this.#wanted.includes(slab))
      .sort((a, b) => Math.abs(b - here) - Math.abs(a - here))
    for (const slab of spare) {
      if (bytes <= this.#limits.budget) return
      bytes -= this.#held.get(slab)!
      this.#held.delete(slab)
      this.#source.drop(slab)
    }
  }

  #next(): void {
    if (this.#closed || this.#loading || this.#taking) return
    const now = (this.#limits.now ?? (() => performance.now()))()
    const slab = this.#wanted.find(
      one => !this.#held.has(one) && now - (this.#failedAt.get(one) ?? Number.NEGATIVE_INFINITY) >= retryAfter,
    )
    if (slab === undefined) return
    const abort = new AbortController()
    this.#loading = { slab, abort }
    this.#source.load(slab, abort.signal).then(
      bytes => {
        if (this.#loading?.abort !== abort) return
        this.#loading = null
        this.#failedAt.delete(slab)
        this.#taking = { slab, steps: this.#source.take(slab, bytes) }
        this.wake()
      },
      () => {
        if (this.#loading?.abort !== abort) return
        this.#loading = null
        this.#failedAt.set(slab, now)
        this.#next()
      },
    )
  }
}
