// Carries what waits on the phone to the server, one request at a time, and
// tries again for as long as it takes. The server's Retry-After is obeyed.
// What is carried is its subclasses' affair.
import { ApiError, sentenceOf } from '@core/api/client'

const shortest = 2_000
const longest = 60_000

/** How long to wait after the nth failure in a row: the server's wish, or doubling up to a minute, ± a quarter. */
export function patience(failures: number, retryAfter: number | null, random: number): number {
  const base = retryAfter !== null ? retryAfter * 1000 : Math.min(longest, shortest * 2 ** Math.max(0, failures - 1))
  return Math.round(base * (retryAfter !== null ? 1 + random / 4 : 0.75 + random / 2))
}

export abstract class Carrier {
  readonly #random: () => number
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #busy = false
  #again = false
  #closed = false

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Carries the next piece; false when nothing is left. What it throws is a failure that passes. */
  protected abstract step(): Promise<boolean>
  protected abstract busy(busy: boolean): void
  protected abstract troubled(sentence: string, signedOut: boolean): void
  abstract count(): Promise<void>

  protected get closed(): boolean {
    return this.#closed
  }

  /** Something new is there. While a wait is on, it goes with the next try, unless `now` is set. */
  async kick(now = false): Promise<void> {
    await this.count()
    if (this.#closed || (this.#timer !== null && !now)) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#busy) {
      this.#again = true
      return
    }
    await this.#run()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Signed in again. */
  resume(): void {
    this.troubled('', false)
    this.#failures = 0
    void this.kick(true)
  }

  protected succeeded(): void {
    this.#failures = 0
  }

  async #run(): Promise<void> {
    this.#busy = true
    try {
      do {
        this.#again = false
        while (!this.#closed && (await this.step()));
      } while (this.#again && !this.#closed)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#busy = false
      this.busy(false)
    }
  }

  #failed(error: unknown): void {
    const known = error instanceof ApiError ? error : null
    if (known?.status === 401) {
      this.troubled(known.message, true)
      return // no timer: signing in resumes
    }
    this.#failures++
    this.troubled(sentenceOf(error), false)
    if (this.#closed) return
    const wait = patience(this.#failures, known?.retryAfter ?? null, this.#random())
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.kick(true)
    }, wait)
  }
}
