// Carries what the worker did – signed, arrived, fed back, checked, reported –
// to the server in the order in which it was done. A chain stops at what the
// server refuses: its sentence is kept for the worker to read, and nothing is
// tried again that cannot succeed. Everything else waits for the network.
import { ApiError } from '@core/api/client'
import { Store } from '@core/live/store'
import { Carrier } from './carrier'
import type { Errand, Outbox } from './outbox'

export interface ErrandState {
  /** Oldest first: waiting, or refused and not yet read. */
  list: readonly Errand[]
  sending: boolean
  trouble: string
  signedOut: boolean
}

export interface ErrandOptions {
  outbox: Outbox
  post: (path: string, body: unknown, version?: number) => Promise<unknown>
  upload: (photo: Blob, kind: string) => Promise<{ id: string }>
  now?: () => number
  random?: () => number
  /** The server has it, and this is what it said. */
  taken?: (errand: Errand, answer: unknown) => void
  refused?: (errand: Errand) => void
}

/** Whether a failure is the last word: trying the same again would get the same answer. */
export function isFinal(error: unknown): error is ApiError {
  return (
    error instanceof ApiError &&
    error.status >= 400 &&
    error.status < 500 &&
    ![401, 408, 425, 429].includes(error.status)
  )
}

/** The next that may go: the oldest whose chain has nothing refused in it. */
export function nextErrand(list: readonly Errand[]): Errand | null {
  const stopped = new Set(list.filter(errand => errand.refused).map(errand => errand.chain))
  return list.find(errand => !stopped.has(errand.chain)) ?? null
}

export class Errands extends Carrier {
  readonly state = new Store<ErrandState>({ list: [], sending: false, trouble: '', signedOut: false })
  readonly #options: ErrandOptions
  readonly #now: () => number

  constructor(options: ErrandOptions) {
    super(options.random)
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  async add(errand: Errand, photos: ReadonlyMap<string, Blob> = new Map()): Promise<void> {
    await this.#options.outbox.enqueue(errand, photos)
    await this.count()
    void this.kick()
  }

  /** The worker has read why it was refused, and gives it up. */
  async giveUp(id: string): Promise<void> {
    const errand = this.state.get().list.find(one => one.id === id)
    if (!errand?.refused) return
    await this.#options.outbox.finish(errand)
    await this.kick(true)
  }

  /** The worker asks for another try, once. */
  async retry(id: string): Promise<void> {
    const errand = this.state.get().list.find(one => one.id === id)
    if (!errand?.refused) return
    const { refused: _, ...again } = errand
    // an attachment that nothing named for too long is gone over there: photos go again
    const photos = errand.photos.map(({ id, kind }) => ({ id, kind }))
    await this.#options.outbox.update({ ...again, photos })
    await this.kick(true)
  }

  async count(): Promise<void> {
    this.#change({ list: await this.#options.outbox.errands() })
  }

  protected async step(): Promise<boolean> {
    const { outbox } = this.#options
    const errand = nextErrand(await outbox.errands())
    if (!errand) return false
    this.#change({ sending: true })
    let answer: unknown
    try {
      answer = await this.#send(errand)
    } catch (error) {
      if (!isFinal(error)) throw error
      const refused = { ...errand, refused: { status: error.status, sentence: error.message, at: this.#now() } }
      await outbox.update(refused)
      this.succeeded() // the server was reached
      this.#change({ trouble: '', signedOut: false })
      await this.count()
      this.#options.refused?.(refused)
      return true
    }
    await outbox.finish(errand)
    this.succeeded()
    this.#change({ trouble: '', signedOut: false })
    this.#options.taken?.(errand, answer) // before the count: the page never shows neither
    await this.count()
    return true
  }

  async #send(errand: Errand): Promise<unknown> {
    const { outbox, upload, post } = this.#options
    const ids: string[] = []
    for (const snap of errand.photos) {
      if (!snap.sent) {
        const photo = await outbox.photo(snap.id)
        if (!photo) continue // the browser threw it away: the rest is still worth sending
        snap.sent = (await upload(photo, snap.kind)).id
        await outbox.update(errand) // a cut after this does not upload it again
      }
      ids.push(snap.sent)
    }
    return post(errand.path, ids.length ? { ...errand.body, photos: ids } : errand.body, errand.version)
  }

  protected busy(sending: boolean): void {
    this.#change({ sending })
  }

  protected troubled(trouble: string, signedOut: boolean): void {
    this.#change({ trouble, signedOut })
  }

  #change(part: Partial<ErrandState>): void {
    this.state.set({ ...this.state.get(), ...part })
  }
}
