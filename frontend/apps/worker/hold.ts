// Press and hold: what must not happen by accident takes a while, and lets go
// at once when the finger does.
export const holdFor = 1_500

export class Hold {
  readonly #length: number
  #from: number | null = null
  #done = false

  constructor(length = holdFor) {
    this.#length = length
  }

  get pressed(): boolean {
    return this.#from !== null
  }

  press(at: number): void {
    if (this.#from !== null) return
    this.#from = at
    this.#done = false
  }

  release(): void {
    this.#from = null
  }

  /** 0…1 of the way. */
  progress(at: number): number {
    return this.#from === null ? 0 : Math.min(1, Math.max(0, (at - this.#from) / this.#length))
  }

  /** True exactly once per press, when it has lasted long enough. */
  ripe(at: number): boolean {
    if (this.#done || this.#from === null || this.progress(at) < 1) return false
    this.#done = true
    return true
  }
}
