// Empties the outbox into POST /api/v1/fixes, one request at a time, and tries
// again for as long as it takes. The server's Retry-After is obeyed.
import { ApiError } from '@core/api/client'
import { Store } from '@core/live/store'
import { type Batch, type Outbox, wire } from './outbox'

export const client = 'm/1.0'

export interface Receipt {
  stored: number
  duplicate: number
  off_duty: number
  quarantined: { index: number; reason: string }[]
  /** How often, in seconds, a position is asked for from now on. */
  interval_s?: number
  server_time: string
}

export interface SendState {
  /** Positions that wait. */
  unsent: number
  /** Duty that began or ended and is not known to the server yet. */
  untold: number
  sending: boolean
  /** When the server last acknowledged something. */
  sentAt: number | null
  /** The server's clock minus the phone's, ms; null until an answer came. */
  skew: number | null
  /** Sentence of the last failure; empty when the last try went well. */
  trouble: string
  /** The session's cookie is no longer good: somebody must sign in. */
  signedOut: boolean
  /** Positions the server did not keep because no duty covered them, since the page opened. */
  offDuty: number
}

export interface SenderOptions {
  outbox: Outbox
  post: (body: unknown) => Promise<Receipt>
  now?: () => number
  /** Called with each batch that was taken. */
  taken?: (batch: Batch, receipt: Receipt) => void
  random?: () => number
}

const shortest = 2_000
const longest = 60_000

/** How long to wait after the nth failure in a row: the server's wish, or doubling up to a minute, ± a quarter. */
export function patience(failures: number, retryAfter: number | null, random: number): number {
  const base = retryAfter !== null ? retryAfter * 1000 : Math.min(longest, shortest * 2 ** Math.max(0, failures - 1))
  return Math.round(base * (retryAfter !== null ? 1 + random / 4 : 0.75 + random / 2))
}

export class Sender {
  readonly state: Store<SendState>
  readonly #options: SenderOptions
  readonly #now: () => number
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #busy = false
  #again = false
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.state = new Store<SendState>({
      unsent: 0,
      untold: 0,
      sending: false,
      sentAt: null,
      skew: null,
      trouble: '',
      signedOut: false,
      offDuty: 0,
    })
  }

  /** Something new lies in the outbox. While a wait is on, it goes with the next try, unless `now` is set. */
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
    this.#change({ signedOut: false })
    this.#failures = 0
    void this.kick(true)
  }

  async count(): Promise<void> {
    const { fixes, sessions } = await this.#options.outbox.unsent()
    this.#change({ unsent: fixes, untold: sessions })
  }

  async #run(): Promise<void> {
    this.#busy = true
    try {
      do {
        this.#again = false
        for (;;) {
          const batch = await this.#options.outbox.next()
          if (!batch || this.#closed) break
          if (!(await this.#send(batch))) return
        }
      } while (this.#again)
    } finally {
      this.#busy = false
      this.#change({ sending: false })
    }
  }

  async #send(batch: Batch): Promise<boolean> {
    this.#change({ sending: true })
    const asked = this.#now()
    let receipt: Receipt
    try {
      receipt = await this.#options.post(wire(batch, client))
    } catch (error) {
      this.#failed(error)
      return false
    }
    await this.#options.outbox.acknowledged(batch)
    const answered = this.#now()
    this.#failures = 0
    const server = Date.parse(receipt.server_time)
    this.#change({
      sentAt: answered,
      trouble: '',
      signedOut: false,
      skew: Number.isFinite(server) ? server - (asked + answered) / 2 : this.state.get().skew,
      offDuty: this.state.get().offDuty + (receipt.off_duty ?? 0),
    })
    await this.count()
    this.#options.taken?.(batch, receipt)
    return true
  }

  #failed(error: unknown): void {
    const known = error instanceof ApiError ? error : null
    if (known?.status === 401) {
      this.#change({ signedOut: true, trouble: known.message })
      return // no timer: signing in resumes
    }
    this.#failures++
    this.#change({ trouble: error instanceof Error ? error.message : String(error) })
    if (this.#closed) return
    const wait = patience(this.#failures, known?.retryAfter ?? null, (this.#options.random ?? Math.random)())
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.kick(true)
    }, wait)
  }

  #change(part: Partial<SendState>): void {
    this.state.set({ ...this.state.get(), ...part })
  }
}
