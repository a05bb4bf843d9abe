// The worker's tasks: what the server said last, kept for reading without a
// network, and what the worker did since that still lies in the outbox. What
// waits is shown as waiting; only the server's answer makes it done.
import { get, sentenceOf } from '@core/api/client'
import type { IncidentAction, Order, OrderAction, Verification } from '@core/api/loop'
import type { Incident } from '@core/api/types'
import { type Sla, slaOf } from '@core/incident'
import { Store } from '@core/live/store'
import { rank } from '@core/ui/severity'
import type { Errand, Outbox } from './outbox'

type Choice<A extends string> = { action: A; name: string }
export type OrderTask = Order & { case: Incident }
export type CheckTask = Omit<Verification, 'may'> & { case: Incident; may?: Choice<IncidentAction>[] }

/** 指令: what was said to this worker. */
export interface Notice {
  id: string
  text: string
  by_name: string
  at: string
  incident?: string | null
  case_no?: string
  need_ack: boolean
  ack_due?: string | null
  acks: { worker?: number | null; at?: string | null }[]
}

export interface TaskList {
  orders: OrderTask[]
  checks: CheckTask[]
  notices: Notice[]
  /** When the server said so, by the phone's clock; null: never. */
  at: number | null
}

export interface DoneList {
  orders: OrderTask[]
  at: number | null
}

export const noTasks: TaskList = { orders: [], checks: [], notices: [], at: null }

export type Task = { kind: 'order'; id: string; of: OrderTask } | { kind: 'check'; id: string; of: CheckTask }

export const chainOf = (task: Task): string => `${task.kind === 'order' ? 'order' : 'case'}:${chained(task)}`
const chained = (task: Task): string => (task.kind === 'order' ? task.id : task.of.incident)

const warnShare = 0.2

/** How a task stands against its own clock: sign for a new one, then handle. */
export function clockOf(task: Task, now: number): Sla {
  const { case: incident } = task.of
  if (task.kind === 'check') return slaOf(incident, now)
  const { state, sign_due, handle_due, issued_at, signed_at } = task.of
  const due = state === 'pending' ? sign_due : state === 'handling' ? handle_due : null
  if (!due) return slaOf({ state: incident.state, paused: incident.paused }, now)
  const from = Date.parse((state === 'pending' ? issued_at : signed_at) ?? issued_at)
  const warn =
    incident.stage_due === due && incident.stage_warn
      ? incident.stage_warn
      : new Date(Date.parse(due) - (Date.parse(due) - from) * warnShare).toISOString()
  return slaOf({ state: incident.state, paused: incident.paused, stage_due: due, stage_warn: warn }, now)
}

/** What the worker still has to do something about. */
export const isOpen = (task: Task): boolean =>
  task.kind === 'check' ? task.of.state === 'pending' : ['pending', 'handling'].includes(task.of.state)

const heat: Record<Sla['colour'], number> = { red: 0, yellow: 1, green: 2, none: 3, paused: 4 }

/** Late ones first, then what is due first; what is done with last. */
export function sorted(list: TaskList, now: number): Task[] {
  const tasks: Task[] = [
    ...list.orders.map((of): Task => ({ kind: 'order', id: of.id, of })),
    ...list.checks.map((of): Task => ({ kind: 'check', id: of.id, of })),
  ]
  return tasks
    .map(task => ({ task, sla: clockOf(task, now) }))
    .sort(
      (a, b) =>
        Number(isOpen(b.task)) - Number(isOpen(a.task)) ||
        heat[a.sla.colour] - heat[b.sla.colour] ||
        rank(a.task.of.case.urgency) - rank(b.task.of.case.urgency) ||
        (a.sla.due ?? Number.POSITIVE_INFINITY) - (b.sla.due ?? Number.POSITIVE_INFINITY) ||
        a.task.id.localeCompare(b.task.id),
    )
    .map(row => row.task)
}

const ofWorker: readonly string[] = ['sign', 'arrive', 'feedback', 'refuse', 'return', 'waive']
const ofChecker: readonly string[] = ['verify_result', 'check_pass', 'check_fail']

/**
 * What may be done now: the server's answer, moved on by what waits in the
 * outbox, so that a task can be carried to its end without a network.
 */
export function offered(task: Task, waiting: readonly Errand[]): (OrderAction | IncidentAction)[] {
  const mine = waiting.filter(errand => errand.chain === chainOf(task))
  if (mine.some(errand => errand.refused)) return [] // first it is read
  if (task.kind === 'check')
    return mine.length ? [] : (task.of.may ?? []).map(may => may.action).filter(action => ofChecker.includes(action))
  let may: OrderAction[] = (task.of.may ?? []).map(one => one.action).filter(action => ofWorker.includes(action))
  for (const errand of mine) may = after(errand.do, may, task.of)
  return may
}

/** What a move leaves to be done. */
export function after(done: string, may: readonly OrderAction[], order: Order): OrderAction[] {
  switch (done) {
    case 'sign':
      return order.arrived_at ? ['feedback'] : ['arrive', 'feedback']
    case 'arrive':
      return may.filter(action => action !== 'arrive')
    default:
      return []
  }
}

export interface TaskOptions {
  outbox: Outbox
  now?: () => number
  fetch?: <T>(path: string, query?: Record<string, string | boolean>) => Promise<T>
  /** Something new has come since the last list. */
  fresh?: (tasks: string[]) => void
}

const memory = 'tasks'

export class Tasks {
  readonly list = new Store<TaskList>(noTasks)
  readonly done = new Store<DoneList>({ orders: [], at: null })
  readonly trouble = new Store('')
  readonly #options: TaskOptions
  readonly #now: () => number
  readonly #fetch: NonNullable<TaskOptions['fetch']>
  #asked = 0
  #shown = 0

  constructor(options: TaskOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#fetch = options.fetch ?? get
  }

  /** What was kept on the phone, then what the server says. */
  async open(): Promise<void> {
    const kept = await this.#options.outbox.memo<TaskList>(memory)
    if (kept && this.list.get().at === null) this.list.set(kept)
    const done = await this.#options.outbox.memo<OrderTask[]>('done')
    if (done && this.done.get().at === null) this.done.set({ orders: done, at: null })
    await this.ask()
  }

  async ask(): Promise<void> {
    const turn = ++this.#asked
    try {
      const [mine, said] = await Promise.all([
        this.#fetch<{ orders: OrderTask[]; checks: CheckTask[] }>('/me/orders', { state: 'open', limit: '100' }),
        this.#fetch<{ commands: Notice[] }>('/commands', { mine: true, limit: '30' }),
      ])
      if (turn < this.#shown) return // a later question was answered first
      this.#shown = turn
      const before = this.list.get()
      const next = { orders: mine.orders, checks: mine.checks, notices: said.commands, at: this.#now() }
      this.trouble.set('')
      this.list.set(next)
      await this.#options.outbox.remember(memory, next)
      const fresh = newcomers(before, next)
      if (fresh.length) this.#options.fresh?.(fresh)
    } catch (error) {
      this.trouble.set(sentenceOf(error))
    }
  }

  async askDone(): Promise<void> {
    try {
      const { orders } = await this.#fetch<{ orders: OrderTask[] }>('/me/orders', { state: 'done', limit: '30' })
      this.done.set({ orders, at: this.#now() })
      await this.#options.outbox.remember('done', orders)
    } catch (error) {
      this.trouble.set(sentenceOf(error))
    }
  }

  /** The server has taken a move: the list says so before the next one is fetched. */
  heard(errand: Errand, answer: unknown): void {
    const list = this.list.get()
    const order = answer as Order | null
    if (errand.path.startsWith('/orders/') && order?.id)
      this.list.set({
        ...list,
        orders: list.orders.map(of => {
          if (of.id !== order.id) return of
          const left = after(
            errand.do,
            (of.may ?? []).map(may => may.action),
            order,
          )
          return { ...of, ...order, may: left.map(action => ({ action, name: '' })) }
        }),
      })
    else if (errand.path.startsWith('/incidents/') && errand.chain.startsWith('case:'))
      this.list.set({ ...list, checks: list.checks.filter(check => check.incident !== errand.chain.slice(5)) })
    else if (errand.do === 'ack' && errand.chain.startsWith('command:')) {
      const at = new Date(this.#now()).toISOString()
      const notices = list.notices.map(one =>
        `command:${one.id}` === errand.chain
          ? { ...one, acks: one.acks.map(ack => ({ ...ack, at: ack.at ?? at })) }
          : one,
      )
      this.list.set({ ...list, notices })
    }
    void this.ask()
  }
}

/** What was not on the last list; nothing the first time, when everything is new. */
export function newcomers(before: TaskList, next: TaskList): string[] {
  if (before.at === null) return []
  const known = new Set([...before.orders, ...before.checks, ...before.notices].map(one => one.id))
  const open = next.notices.filter(notice => isUnread(notice))
  return [...next.orders, ...next.checks, ...open].filter(one => !known.has(one.id)).map(one => one.id)
}

/** A command that waits for 收到. */
export const isUnread = (notice: Notice): boolean => notice.need_ack && notice.acks.some(ack => !ack.at)

/** The figure on the tab: what is open, less what is already done here and waits. */
export function openCount(list: TaskList, waiting: readonly Errand[]): number {
  const acked = new Set(waiting.filter(errand => errand.do === 'ack').map(errand => errand.chain))
  return (
    sorted(list, 0).filter(isOpen).length +
    list.notices.filter(one => isUnread(one) && !acked.has(`command:${one.id}`)).length
  )
}
