// A call for help: remembered on the phone until the server has it, tried every
// few seconds for as long as it takes, then watched until somebody answers.
import { ApiError, post, sentenceOf } from '@core/api/client'
import type { LonLat, Sos } from '@core/api/types'
import { Store } from '@core/live/store'

export type SosPhase = 'none' | 'sending' | 'open' | 'acked' | 'closed'

export interface SosState {
  phase: SosPhase
  /** When it was called. */
  at: number | null
  tries: number
  trouble: string
}

interface Call {
  id: string
  owner: number
  at: number
  point?: LonLat
  accuracy?: number
}

const memory = 'gridward.sos'
const again = 3_000
/** A call that could not be sent for so long is history: help has come or the phone was off. */
const stale = 2 * 3_600_000

export class SosCall {
  readonly state = new Store<SosState>({ phase: 'none', at: null, tries: 0, trouble: '' })
  readonly owner: number
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  #call: Call | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  #deliveredAt = 0

  constructor(owner: number, storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null = localStorage) {
    this.owner = owner
    this.#storage = storage
  }

  /** A call that was not delivered before the page was closed goes out now. */
  resume(now = Date.now()): void {
    let kept: Call | null = null
    try {
      kept = JSON.parse(this.#storage?.getItem(memory) ?? 'null') as Call | null
    } catch {
      kept = null
    }
    if (!kept || kept.owner !== this.owner) return
    if (now - kept.at > stale) {
      this.#forget()
      return
    }
    this.#call = kept
    this.#change({ phase: 'sending', at: kept.at, tries: 0, trouble: '' })
    void this.#send()
  }

  begin(id: string, at: number, point?: LonLat, accuracy?: number): void {
    if (this.#call) return // still on its way
    this.#call = { id, owner: this.owner, at, point, accuracy }
    try {
      this.#storage?.setItem(memory, JSON.stringify(this.#call))
    } catch {
      // it is being sent all the same
    }
    this.#change({ phase: 'sending', at, tries: 0, trouble: '' })
    void this.#send()
  }

  /** A position that came while the call is still on its way goes with it. */
  place(point: LonLat, accuracy?: number): void {
    if (this.#call && !this.#call.point) Object.assign(this.#call, { point, accuracy })
  }

  /** What GET /me/duty says; it was asked for at `asked`. */
  heard(sos: Sos | null, asked: number): void {
    const { phase } = this.state.get()
    if (phase === 'sending' || asked < this.#deliveredAt) return // the answer is about the time before
    if (sos) this.#change({ phase: sos.state === 'acked' ? 'acked' : 'open', at: Date.parse(sos.at), trouble: '' })
    else if (phase === 'open' || phase === 'acked') this.#change({ phase: 'closed' })
  }

  dismiss(): void {
    if (this.state.get().phase === 'closed') this.#change({ phase: 'none', at: null })
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  async #send(): Promise<void> {
    const call = this.#call
    if (!call) return
    this.#timer = null
    this.#change({ tries: this.state.get().tries + 1 })
    try {
      const answer = await post<{ id: string; state: string }>('/me/sos', {
        id: call.id,
        at: new Date(call.at).toISOString(),
        point: call.point,
        accuracy: call.accuracy,
      })
      this.#forget()
      this.#deliveredAt = Date.now()
      this.#change({
        phase: answer.state === 'acked' ? 'acked' : answer.state === 'closed' ? 'closed' : 'open',
        trouble: '',
      })
    } catch (error) {
      this.#change({ trouble: sentenceOf(error) })
      if (error instanceof ApiError && error.status === 403) this.#give(error.message)
      else this.#timer = setTimeout(() => void this.#send(), again)
    }
  }

  /** The server will never take it from this account: say so, do not pretend. */
  #give(why: string): void {
    this.#forget()
    this.#change({ phase: 'none', at: null, trouble: why })
  }

  #forget(): void {
    this.#call = null
    try {
      this.#storage?.removeItem(memory)
    } catch {
      // read again at the next start, and too old then
    }
  }

  #change(part: Partial<SosState>): void {
    this.state.set({ ...this.state.get(), ...part })
  }
}
