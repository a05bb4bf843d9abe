// What the API says of visits, as the pages read it.
import type { LonLat } from '@core/api/types'
import { locale } from '@core/i18n/t'
import { t, word } from '../texts'

export interface Visit {
  id: string
  worker: number
  worker_name: string
  org_name: string
  grid: number | null
  grid_name: string
  session: string | null
  target: number | null
  target_kind: string
  kind_name: string
  class: string
  target_name: string
  address: string
  target_point: LonLat | null
  sensitive: boolean
  arrived_at: string
  left_at: string
  point: LonLat | null
  accuracy: number | null
  distance_m: number | null
  method: string
  outcome: string
  activities: string[]
  content: string
  answers: { item: string; name?: string; value: string; issue?: boolean; note?: string }[]
  companions: { id: number; name: string }[]
  photos: { id: string; taken_at?: string }[]
  incidents: { id: string; case_no: string; title: string; state: string }[]
  verified: string
  doubts: string[]
  decided_by?: string
  decided_at?: string
  decided_why?: string
  received_at: string
  version: number
}

export interface VisitTotals {
  visits: number
  attempts: number
  problems: number
  doubtful: number
  rejected: number
  targets: number
  cases: number
}

export interface VisitObject {
  id: number
  org: number
  org_name: string
  grid: number | null
  grid_name: string
  code: string
  kind: string
  kind_name: string
  class: string
  name: string
  address: string
  phone: string
  point: LonLat
  cycle_n: number | null
  cycle_unit: string | null
  guardian: number | null
  guardian_name: string
  sensitive: boolean
  active_to: string | null
  first_due: string | null
  note: string
  version: number
  every_n: number | null
  every_unit: string | null
  every_from: string
  every_plan?: string
  last_visit_at: string | null
  /** The newest visit of any kind, whether it counts or not. */
  last_try_at: string | null
  last_outcome: string
  due_on: string | null
  due: 'overdue' | 'due' | 'ok' | 'none'
  due_days: number | null
}

export interface VisitKind {
  code: string
  class: string
  name: string
  cycle_n: number | null
  cycle_unit: string | null
  sort: number
  retired: boolean
  version: number
}

export interface InfoItem {
  code: string
  parent: string
  name: string
  answer: string
  choices: string
  unit: string
  kinds: string[]
  retired: boolean
  version: number
}

export interface VisitPlan {
  id: number
  org: number | null
  org_name: string
  aim: 'visit' | 'clear'
  name: string
  kinds: string[]
  items: string[]
  cycle_n: number
  cycle_unit: string
  valid_from: string
  valid_to: string | null
  note: string
  version: number
}

export const classes = ['backbone', 'service', 'control', 'place'] as const
export const methods = ['onsite', 'phone', 'video', 'group'] as const
export const outcomes = ['normal', 'no_one_home', 'refused', 'problem'] as const
export const verdicts = ['auto_ok', 'doubtful', 'manual_ok', 'rejected'] as const
export const units = ['day', 'week', 'month', 'quarter', 'year'] as const
export const dues = ['overdue', 'due', 'ok', 'none'] as const

export const options = (prefix: string, codes: readonly string[]) =>
  codes.map(value => ({ value, label: word(prefix, value) }))

export function cycle(n: number | null | undefined, unit: string | null | undefined): string {
  if (!n || !unit) return t('object.cycle.none')
  const one = word('cycleunit', unit)
  if (locale() !== 'en') return `${t('object.cycle.n')} ${n} ${one}`
  return n === 1 ? `${t('object.cycle.n')} ${one.replace(/s$/, '')}` : `${t('object.cycle.n')} ${n} ${one}`
}

export const dwell = (visit: { arrived_at: string; left_at: string }): string =>
  t('minutes', { m: Math.round((Date.parse(visit.left_at) - Date.parse(visit.arrived_at)) / 60_000) })

export const outcomeTone: Record<string, string> = {
  normal: 'good',
  problem: 'bad',
  no_one_home: 'muted',
  refused: 'warn',
}
export const verifiedTone: Record<string, string> = {
  auto_ok: 'muted',
  manual_ok: 'good',
  doubtful: 'warn',
  rejected: 'bad',
}
export const dueTone: Record<string, string> = { overdue: 'bad', due: 'warn', ok: 'good', none: 'muted' }
export const dueColour: Record<string, string> = { overdue: '#f0603c', due: '#f0a202', ok: '#2fbf8f', none: '#8a97a8' }

/** How far it is to the day on which an object is due. */
export function dueText(one: VisitObject): string {
  if (one.due_days === null) return ''
  if (one.due_days < 0) return t('object.late', { n: -one.due_days })
  return one.due_days === 0 ? t('object.today') : t('object.left', { n: one.due_days })
}
