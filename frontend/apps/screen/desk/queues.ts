// The queues of the desk: how many wait in each, and the one that is read.
import * as api from '@core/api/client'
import type { IncidentPage, Queue, QueueCode, QueuePage, Reminder } from '@core/api/loop'
import { Store } from '@core/live/store'
import type { Wall } from '../wall'
import { inQueue } from './cases'

/** The reminder strip under the map, in its order. */
export const reminders = ['soon', 'late', 'returned', 'unsigned', 'open'] as const

const pageSize = 100
const pagesKept = 5

export class Queues {
  readonly all = new Store<Queue[]>([])
  /** What is late beside cases: acknowledgements and whistles. */
  readonly late = new Store<Reminder[]>([])
  readonly chosen = new Store<QueueCode | null>(null)
  readonly page = new Store<{ ids: string[]; next: string; total: number; loading: boolean; failed: boolean } | null>(
    null,
  )
  readonly #wall: Wall
  #soon: ReturnType<typeof setTimeout> | null = null

  constructor(wall: Wall) {
    this.#wall = wall
  }

  async load(): Promise<void> {
    try {
      const { queues, reminders } = await api.get<QueuePage>('/queues')
      this.all.set(queues ?? [])
      this.late.set(reminders ?? [])
    } catch (error) {
      // an older server, or a viewer without queues: counted from what is on the screen
      if (error instanceof api.ApiError && error.kind !== 'network' && error.kind !== 'busy') this.all.set([])
    }
  }

  /** The count of a queue: the server's, or what this screen can count itself. */
  count(code: QueueCode): number {
    const known = this.all.get().find(queue => queue.code === code)
    if (known) return known.count
    const now = this.#wall.socket.serverNow()
    let n = 0
    for (const incident of this.#wall.store.values()) if (inQueue(code, incident, now)) n++
    return n
  }

  choose(code: QueueCode | null): void {
    const next = this.chosen.get() === code ? null : code
    this.chosen.set(next)
    this.page.set(null)
    if (next) void this.loadPage(true)
  }

  more(): void {
    const page = this.page.get()
    if (page?.next && !page.loading && page.ids.length < pageSize * pagesKept) void this.loadPage(false)
  }

  async loadPage(fresh: boolean): Promise<void> {
    const queue = this.chosen.get()
    if (!queue) return
    const before = this.page.get()
    this.page.set({
      ids: before?.ids ?? [],
      next: before?.next ?? '',
      total: before?.total ?? 0,
      loading: true,
      failed: false,
    })
    try {
      const page = await api.get<IncidentPage>('/incidents', {
        queue,
        sort: 'due',
        limit: pageSize,
        cursor: fresh ? undefined : before?.next,
      })
      if (this.chosen.get() !== queue) return
      this.#wall.store.putAll(page.incidents)
      const ids = page.incidents.map(i => i.id)
      this.page.set({
        ids: fresh ? ids : [...new Set([...(before?.ids ?? []), ...ids])],
        next: page.next ?? '',
        total: page.total ?? ids.length,
        loading: false,
        failed: false,
      })
    } catch {
      if (this.chosen.get() === queue)
        this.page.set({ ids: before?.ids ?? [], next: '', total: before?.total ?? 0, loading: false, failed: true })
    }
  }

  soon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null
      void this.load()
      if (this.chosen.get()) void this.loadPage(true)
    }, 1_500)
  }
}
