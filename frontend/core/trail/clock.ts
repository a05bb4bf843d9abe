// One clock for everything that is played: markers, trails, events, and both
// days of a comparison. It knows nothing of maps, and it is told the wall's time.

export const speeds = [1, 2, 4, 8, 16, 32, 64] as const

/** A tab that was asleep goes on where it was: it does not leap over what nobody saw. */
const longestStep = 250

export class PlayClock {
  /** Playable offsets, ms: [from, to]. */
  #from = 0
  #to = 0
  #offset = 0
  #speed = 1
  #playing = false
  #tickedAt: number | null = null
  readonly #changed = new Set<() => void>()

  get from(): number {
    return this.#from
  }
  get to(): number {
    return this.#to
  }
  /** Milliseconds since the start of the day (of each day, in a comparison). */
  get offset(): number {
    return this.#offset
  }
  get speed(): number {
    return this.#speed
  }
  get playing(): boolean {
    return this.#playing
  }

  /** Told when it is started, stopped, set or changes its pace; not at every tick. */
  subscribe(listen: () => void): () => void {
    this.#changed.add(listen)
    return () => {
      this.#changed.delete(listen)
    }
  }

  span(from: number, to: number): void {
    this.#from = from
    this.#to = Math.max(from, to)
    this.seek(this.#offset)
  }

  play(): void {
    if (this.#playing || this.#to <= this.#from) return
    if (this.#offset >= this.#to) this.#offset = this.#from
    this.#playing = true
    this.#tickedAt = null
    this.#tell()
  }

  pause(): void {
    if (!this.#playing) return
    this.#playing = false
    this.#tell()
  }

  toggle(): void {
    if (this.#playing) this.pause()
    else this.play()
  }

  seek(offset: number): void {
    this.#offset = Math.min(this.#to, Math.max(this.#from, offset))
    this.#tell()
  }

  setSpeed(speed: number): void {
    if (!speeds.includes(speed as 1) || speed === this.#speed) return
    this.#speed = speed
    this.#tell()
  }

  faster(): void {
    this.setSpeed(speeds[speeds.indexOf(this.#speed as 1) + 1] ?? this.#speed)
  }

  slower(): void {
    this.setSpeed(speeds[speeds.indexOf(this.#speed as 1) - 1] ?? this.#speed)
  }

  /** Stands for a while without being stopped. */
  rest(): void {
    this.#tickedAt = null
  }

  /** Moves on by the wall's time; `wall` is what requestAnimationFrame says. */
  tick(wall: number): void {
    if (!this.#playing) return
    const step = this.#tickedAt === null ? 0 : Math.min(longestStep, Math.max(0, wall - this.#tickedAt))
    this.#tickedAt = wall
    this.#offset += step * this.#speed
    if (this.#offset >= this.#to) {
      this.#offset = this.#to
      this.pause()
    }
  }

  #tell(): void {
    for (const listen of this.#changed) listen()
  }
}
