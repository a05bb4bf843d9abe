// What the API says of assessments, and the little that pages compute of it:
// the order of things and how wide a bar is. Scores are computed by the server.
import { locale } from '@core/i18n/t'

export const levels = ['grid', 'community', 'guide', 'department'] as const
export type Level = (typeof levels)[number]
export type PeriodState = 'open' | 'computing' | 'published' | 'appealing' | 'locked'
export const stages: readonly PeriodState[] = ['open', 'computing', 'published', 'appealing', 'locked']

export interface Item {
  code: string
  name: string
  weight: number
  source: string
  tiers?: number[]
  target?: number
}
export interface Dimension {
  code: string
  name: string
  weight: number
  items: Item[]
}
export interface Plan {
  dimensions: Dimension[]
  special: number
  bands: { name: string; at_least: number }[]
  bonus?: { at_least: number; cents: number }[]
  quarters?: number
  inspection?: number
}
export interface Template {
  id: number
  version: number
  level: Level
  name: string
  plan: Plan
  region?: number
  valid_from?: string
  valid_to?: string
  made_name?: string
}
export interface Measure {
  code: string
  name: string
  levels: Level[]
  unit: string
  better: number
  explain: string
  tier?: number
}
export interface Period {
  id: number
  region: number
  region_name: string
  kind: 'month' | 'quarter' | 'year'
  label: string
  title: string
  from: string
  to: string
  state: PeriodState
  version: number
  templates: Template[] | null
  opened_at: string
  opened_name: string
  computed_at?: string
  published_at?: string
  appeal_until?: string
  locked_at?: string
  digest?: string
  stale: boolean
  appeals: number
}
export interface Step {
  at: string
  action: string
  by_name: string
  detail: Record<string, unknown>
}
export interface PeriodDetail extends Period {
  actions: string[]
  steps: Step[]
}
export interface ItemScore {
  code: string
  name: string
  source: string
  unit: string
  weight: number
  missing: boolean
  figure: { n: string; d: string }
  effective: string
  score: string
  points: string
}
export interface DimensionScore {
  code: string
  name: string
  weight: number
  missing: boolean
  effective: string
  score: string
  items: ItemScore[]
}
export interface Result {
  dimensions: DimensionScore[]
  year?: { quarters: string[] | null; mean: string; inspection: string }
  base: string
  special: string
  final: string
  band: string
  full: boolean
  bonus?: number
}
export interface Score {
  level: Level
  subject: number
  name: string
  org: number
  org_name: string
  counted: boolean
  final: string
  rank: number
  of: number
  result: Result
  shown: number | null
  base: number | null
  special: number | null
  now: string
  now_shown: number | null
  now_rank: number
  now_band: string
  own: boolean
}
export interface Mark {
  id: string
  inspection?: string
  level: Level
  subject: number
  name: string
  item?: string
  score?: number
  points?: number
  reason: string
  by_name: string
  at: string
}
export interface Inspection {
  id: string
  title: string
  members: string[]
  seed: string
  sampled: number[]
  names: string[]
  by_name: string
  at: string
  findings: Mark[] | null
}
export interface Appeal {
  id: string
  period: number
  level: Level
  subject: number
  name: string
  item?: string
  reason: string
  evidence?: string
  photos?: string[]
  by: number
  by_name: string
  at: string
  verdict?: string
  answer?: string
  decided_by?: string
  decided_at?: string
}
export interface Adjustment {
  id: string
  level: Level
  subject: number
  kind: string
  delta: string
  reason: string
  detail: { item: string; name: string; before: Figure; after: Figure }[] | null
  by_name: string
  at: string
}
interface Figure {
  n: string
  d: string
}
export interface ScoreDetail {
  period: Period
  template: Template
  score: Score
  adjustments: Adjustment[] | null
  appeals: Appeal[] | null
  marks: Mark[] | null
  may_appeal: boolean
  shown: Record<string, { n: string; d: string; score: number | null; effective: number | null; points: number | null }>
}
export interface Thing {
  ref: string
  at: string
  n: number
  d: number
  title: string
  state?: string
  link?: string
}

/** 2026年10月, or 2026-10 where Chinese is not read. */
export const titleOf = (period: Pick<Period, 'title' | 'label'>): string =>
  locale() === 'en' ? period.label : period.title

/** An exact fraction as a number, for bars and order alone. */
export function approx(fraction: string): number | null {
  if (!fraction) return null
  const [n, d = '1'] = fraction.split('/')
  const value = Number(n) / Number(d)
  return Number.isFinite(value) ? value : null
}

/** 87.50 or — */
export const points = (value: number | null | undefined): string =>
  value === null || value === undefined ? '—' : value.toFixed(2)
/** +2.50, −1.25 */
export const signed = (value: number | null | undefined): string =>
  value === null || value === undefined ? '—' : `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`
/** 3500 → 35%, 1250 → 12.5% */
export const weightText = (weight: number): string => `${Number((weight / 100).toFixed(2))}%`

/** The grade's place from the top, 0 the best: its colour. */
export function bandTone(plan: Plan | undefined, band: string): string {
  const place = plan?.bands.findIndex(one => one.name === band) ?? -1
  return ['b0', 'b1', 'b2', 'b3'][Math.min(place, 3)] ?? 'bnone'
}

export interface Sums {
  dimensions: number
  items: number[]
  right: boolean
}
/** Whether the weights come to a hundred per cent, as they must. */
export function sums(plan: Plan): Sums {
  const add = (all: { weight: number }[]) => all.reduce((sum, one) => sum + (one.weight || 0), 0)
  const dimensions = add(plan.dimensions)
  const items = plan.dimensions.map(one => add(one.items))
  return { dimensions, items, right: dimensions === 10_000 && items.every(sum => sum === 10_000) }
}

/** What each item is of the whole, in hundredths of a per cent. */
export function shares(plan: Plan): { name: string; dimension: number; share: number }[] {
  return plan.dimensions.flatMap((one, dimension) =>
    one.items.map(item => ({
      name: `${one.name} · ${item.name}`,
      dimension,
      share: ((one.weight || 0) * (item.weight || 0)) / 10_000,
    })),
  )
}

/** The periods that may be opened: those that have begun and are not too long ago. */
export function openable(today: string): { value: string; kind: Period['kind']; label: string }[] {
  const [year, month] = today.split('-').map(Number) as [number, number]
  const out: { value: string; kind: Period['kind']; label: string }[] = []
  for (let back = 0; back < 6; back++) {
    const at = new Date(Date.UTC(year, month - 1 - back, 1))
    const label = `${at.getUTCFullYear()}-${String(at.getUTCMonth() + 1).padStart(2, '0')}`
    out.push({ value: `month:${label}`, kind: 'month', label })
  }
  const quarter = Math.floor((month - 1) / 3)
  for (let back = 0; back < 5; back++) {
    const index = year * 4 + quarter - back
    const label = `${Math.floor(index / 4)}-Q${(index % 4) + 1}`
    out.push({ value: `quarter:${label}`, kind: 'quarter', label })
  }
  for (let back = 0; back < 2; back++)
    out.push({ value: `year:${year - back}`, kind: 'year', label: String(year - back) })
  return out
}

/** How a level's scores are spread: how many of each grade, best first. */
export function spread(plan: Plan | undefined, scores: Score[]): { name: string; n: number; tone: string }[] {
  const out = (plan?.bands ?? []).map(band => ({
    name: band.name,
    n: scores.filter(one => one.result.band === band.name).length,
    tone: bandTone(plan, band.name),
  }))
  const none = scores.filter(one => !one.result.band).length
  return none ? [...out, { name: '', n: none, tone: 'bnone' }] : out
}

/** An appeal that waits, was turned down, or was right. */
export const verdictTone = (verdict?: string): string => (verdict === 'rejected' ? 'muted' : verdict ? 'good' : 'warn')
