// Empties the outbox of positions and duty into POST /api/v1/fixes.
import { Store } from '@core/live/store'
import { Carrier } from './carrier'
import { type Batch, type Outbox, wire } from './outbox'

export { patience } from './carrier'

export const client = 'm/1.0'

/** The app with this phone's own random word: one phone that reports for two people can be told by it. */
function named(): string {
  try {
    const key = 'phone'
    const word = localStorage.getItem(key) ?? crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    localStorage.setItem(key, word)
    return `${client} phone:${word}`
  } catch {
    return client // the browser keeps nothing
  }
}

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

export class Sender extends Carrier {
  readonly state: Store<SendState>
  readonly #options: SenderOptions
  readonly #now: () => number

  constructor(options: SenderOptions) {
    super(options.random)
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

  async count(): Promise<void> {
    const { fixes, sessions } = await this.#options.outbox.unsent()
    this.#change({ unsent: fixes, untold: sessions })
  }

  protected async step(): Promise<boolean> {
    const batch = await this.#options.outbox.next()
    if (!batch || this.closed) return false
    this.#change({ sending: true })
    const asked = this.#now()
    const receipt = await this.#options.post(wire(batch, named()))
    await this.#options.outbox.acknowledged(batch)
    const answered = this.#now()
    this.succeeded()
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

  protected busy(sending: boolean): void {
    this.#change({ sending })
  }

  protected troubled(trouble: string, signedOut: boolean): void {
    this.#change({ trouble: trouble || this.state.get().trouble, signedOut })
  }

  #change(part: Partial<SendState>): void {
    this.state.set({ ...this.state.get(), ...part })
  }
}
