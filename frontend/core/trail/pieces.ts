// A day that is not archived is read in pieces: first some minutes from the
// playhead on, then ever longer ones after them, at last what lies before. So
// people are seen at once, and the reading runs ahead of the playing.
import { gapMs, type Span } from './lane'
import { covers, holes, joined } from './spans'

const minute = 60_000
/** Of five hundred people five minutes at first; of few people more. */
const personMinutes = 2_500
const longest = 3_600_000

/** The next piece to be asked for, or null when there is none left. */
export function nextPiece(asked: readonly Span[], all: Span, head: number, people: number): Span | null {
  const free = holes(asked, all.from, all.to)
  const hole = free.find(one => one.to > head) ?? free[0]
  if (!hole) return null
  // who was heard a moment before is where he was then
  const inside = hole.from <= head && head < hole.to
  const from = inside ? Math.max(hole.from, Math.floor((head - gapMs) / minute) * minute) : hole.from
  const before = asked.find(one => one.to === from)
  const least = Math.ceil(personMinutes / people) * minute
  const size = Math.max(least, Math.min(longest, before ? before.to - before.from : 0))
  const to = from + size
  return { from, to: hole.to - to < least ? hole.to : to }
}

export interface PieceSource {
  load: (piece: Span, signal: AbortSignal) => Promise<ArrayBuffer>
  /** Takes a piece; kept when it has been taken. */
  take: (piece: Span, bytes: ArrayBuffer) => Promise<void>
  /** There is one more. */
  taken: () => void
}

const tries = 3
const retryAfter = 2_000

export class Pieces {
  /** Where the playhead is. */
  #head = 0
  #asked: Span[] = []
  #taken: Span[] = []
  #loading: { piece: Span; abort: AbortController } | null = null
  readonly #all: Span
  readonly #people: number
  readonly #source: PieceSource

  constructor(all: Span, people: number, source: PieceSource) {
    this.#all = all
    this.#people = people
    this.#source = source
  }

  get taken(): readonly Span[] {
    return this.#taken
  }

  /** Whether what lies between has been taken; beyond the whole there is nothing to take. */
  has(from: number, to: number): boolean {
    const a = Math.max(from, this.#all.from)
    const b = Math.min(Math.max(to, from + 1), this.#all.to)
    return a >= b || covers(this.#taken, a, b)
  }

  /** How much has been taken, 0…1. */
  get part(): number {
    const { from, to } = this.#all
    return to > from ? this.#taken.reduce((sum, one) => sum + one.to - one.from, 0) / (to - from) : 1
  }

  /** Somebody looks at this instant: when nobody has asked for it, it comes next, and what is being read can wait. */
  aim(head: number): void {
    const { from, to } = this.#all
    this.#head = Math.min(to - 1, Math.max(from, head))
    if (this.#loading && !covers(this.#asked, this.#head, this.#head + 1)) this.#loading.abort.abort()
  }

  /** Reads all of it. One piece is taken while the next is being read. */
  async read(signal: AbortSignal): Promise<void> {
    let taking = Promise.resolve()
    let failed = 0
    for (;;) {
      const piece = nextPiece(this.#asked, this.#all, this.#head, this.#people)
      if (!piece) break
      const before = this.#asked
      this.#asked = joined(before, piece)
      const abort = new AbortController()
      this.#loading = { piece, abort }
      let bytes: ArrayBuffer
      try {
        bytes = await this.#source.load(piece, AbortSignal.any([signal, abort.signal]))
      } catch (error) {
        this.#asked = before
        if (signal.aborted) throw error
        if (!abort.signal.aborted) {
          if (++failed === tries) throw error
          await new Promise(resolve => setTimeout(resolve, retryAfter))
        }
        continue
      } finally {
        this.#loading = null
      }
      failed = 0
      await taking
      taking = this.#source.take(piece, bytes).then(() => {
        this.#taken = joined(this.#taken, piece)
        this.#source.taken()
      })
      if (this.#taken.length === 0) await taking // the first is what everybody waits for
    }
    await taking
  }
}
