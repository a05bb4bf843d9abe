// Whom to visit: what the server said last, kept for reading without a network,
// less what was written down since and still lies in the outbox. 管控对象 are
// never kept on the phone: without a network they are not there.
import type { LonLat } from '@core/api/types'
import { metresBetween } from '@core/geo/mercator'
import type { Errand } from './outbox'

export interface Target {
  id: number
  kind: string
  kind_name: string
  class: string
  name: string
  address: string
  phone: string
  point: LonLat
  grid_name: string
  sensitive: boolean
  due: 'overdue' | 'due' | 'ok' | 'none'
  due_on: string | null
  due_days: number | null
  last_visit_at: string | null
}

export interface DueList {
  objects: Target[]
  fellows: { id: number; name: string }[]
  /** When the server said so, by the server's clock. */
  at: string | null
}

export interface Item {
  code: string
  parent: string
  name: string
  answer: 'state' | 'yes_no' | 'number' | 'text' | 'choice'
  choices: string
  unit: string
  kinds: string[]
  retired: boolean
}

export interface Answer {
  item: string
  value: string
  issue?: boolean
}

export const noDue: DueList = { objects: [], fellows: [], at: null }

/** What may lie on the phone. */
export const keepable = (list: DueList): DueList => ({
  ...list,
  objects: list.objects.filter(one => !one.sensitive),
})

export interface Row {
  target: Target
  metres: number | null
  waiting: boolean
}

export const isDue = (one: Target): boolean => one.due === 'overdue' || one.due === 'due'

/** The visit that waits in the outbox names its target in its chain. */
export const chainOf = (target: number, at: number): string => `visit:${target}:${at}`
const waitingFor = (list: readonly Errand[]): Set<string> =>
  new Set(list.filter(one => one.do === 'visit' && !one.refused).map(one => one.chain.split(':')[1]!))

/** Nearest first where one knows where one is, else what is due first; what waits to be sent comes last. */
export function rows(list: DueList, here: LonLat | null, outbox: readonly Errand[], all: boolean, text: string): Row[] {
  const waiting = waitingFor(outbox)
  const words = text.trim()
  return list.objects
    .filter(
      one =>
        (all || isDue(one)) && (!words || [one.name, one.address, one.kind_name].some(known => known.includes(words))),
    )
    .map(target => ({
      target,
      metres: here ? metresBetween(here, target.point) : null,
      waiting: waiting.has(String(target.id)),
    }))
    .sort(
      (a, b) =>
        Number(a.waiting) - Number(b.waiting) ||
        (a.metres ?? 0) - (b.metres ?? 0) ||
        (a.target.due_days ?? 1e9) - (b.target.due_days ?? 1e9) ||
        a.target.id - b.target.id,
    )
}

/** What is asked of this kind of target: items for it first, then those for everybody. */
export function asked(items: readonly Item[], kind: string): Item[] {
  const open = items.filter(one => one.parent && !one.retired && (!one.kinds.length || one.kinds.includes(kind)))
  return [...open.filter(one => one.kinds.length), ...open.filter(one => !one.kinds.length)]
}

/** The answers that were given: what was left empty is not sent. */
export function given(items: readonly Item[], values: Record<string, string>): Answer[] {
  return items
    .filter(one => (values[one.code] ?? '').trim() !== '')
    .map(one => {
      const value = values[one.code]!.trim()
      return { item: one.code, value, issue: one.answer === 'state' && value === '有问题' ? true : undefined }
    })
}
