// A policy's parameters as an editor shows them: each with its unit, its default
// and what it does. The server knows seconds and metres; people write minutes.
import type { Params, RuleKind } from './shape'

export type Unit = 'count' | 'minutes' | 'seconds' | 'metres' | 'time' | 'percent' | 'purposes' | 'whose'

export interface Field {
  key: keyof Params
  unit: Unit
  group: 'ask' | 'measure' | 'cover'
  min?: number
  max?: number
}

const measuring: readonly Field[] = [
  { key: 'half_day_s', unit: 'minutes', group: 'ask', min: 10, max: 480 },
  { key: 'whose', unit: 'whose', group: 'ask' },
  { key: 'purposes', unit: 'purposes', group: 'ask' },
  { key: 'split', unit: 'time', group: 'measure' },
  { key: 'from', unit: 'time', group: 'measure' },
  { key: 'to', unit: 'time', group: 'measure' },
  { key: 'gap_max_s', unit: 'seconds', group: 'measure', min: 10, max: 1800 },
  { key: 'gap_background_s', unit: 'seconds', group: 'measure', min: 10, max: 3600 },
  { key: 'accuracy_max_m', unit: 'metres', group: 'measure', min: 5, max: 500 },
  { key: 'buffer_m', unit: 'metres', group: 'measure', min: 1, max: 500 },
  { key: 'indoor_gap_s', unit: 'minutes', group: 'measure', min: 1, max: 240 },
  { key: 'indoor_m', unit: 'metres', group: 'measure', min: 5, max: 500 },
  { key: 'night_from', unit: 'time', group: 'measure' },
  { key: 'night_s', unit: 'minutes', group: 'measure', min: 1, max: 480 },
  { key: 'twice_s', unit: 'minutes', group: 'measure', min: 1, max: 480 },
  { key: 'walk_m', unit: 'metres', group: 'cover', min: 5, max: 200 },
  { key: 'dwell_m', unit: 'metres', group: 'cover', min: 5, max: 500 },
  { key: 'dwell_s', unit: 'minutes', group: 'cover', min: 0.5, max: 120 },
]

/** Which parameters a kind of policy reads; measuring is the half-day quota's alone. */
export function fieldsOf(rule: RuleKind): readonly Field[] {
  switch (rule) {
    case 'half_day_quota':
      return [{ key: 'required', unit: 'count', group: 'ask', min: 1, max: 14 }, ...measuring]
    case 'twice_daily':
      return [{ key: 'required', unit: 'count', group: 'ask', min: 0, max: 7 }]
    default:
      return [{ key: 'target_pct', unit: 'percent', group: 'ask', min: 1, max: 100 }]
  }
}

/** The founding document's figures, where a policy says nothing. */
export const defaults: Required<Params> = {
  required: 3,
  half_day_s: 7200,
  whose: 'leader',
  split: '12:30',
  from: '06:00',
  to: '22:00',
  gap_max_s: 120,
  gap_background_s: 300,
  accuracy_max_m: 50,
  buffer_m: 30,
  indoor_gap_s: 1800,
  indoor_m: 60,
  purposes: ['patrol', 'visit', 'emergency'],
  walk_m: 25,
  dwell_m: 50,
  dwell_s: 180,
  twice_s: 1800,
  night_from: '19:00',
  night_s: 1800,
  target_pct: 100,
}

export type Draft = Record<string, number | string | string[] | null>

const fallback = (field: Field, rule: RuleKind): Params[keyof Params] =>
  field.key === 'required' && rule === 'twice_daily' ? 0 : defaults[field.key]

/** As the form holds it: minutes where people think in minutes, the default where nothing was said. */
export function draftOf(rule: RuleKind, params: Params): Draft {
  return Object.fromEntries(
    fieldsOf(rule).map(field => {
      const value = params[field.key] ?? fallback(field, rule)
      return [field.key, field.unit === 'minutes' ? (value as number) / 60 : (value as Draft[string])]
    }),
  )
}

/** As the server takes it: only what the kind of policy reads. */
export function paramsOf(rule: RuleKind, draft: Draft): Params {
  return Object.fromEntries(
    fieldsOf(rule).flatMap(field => {
      const value = draft[field.key]
      if (value === null || value === undefined || value === '') return []
      return [[field.key, field.unit === 'minutes' ? Math.round((value as number) * 60) : value]]
    }),
  ) as Params
}

/** Which parameters a policy has changed from the default. */
export function changed(rule: RuleKind, params: Params): Field[] {
  return fieldsOf(rule).filter(field => {
    const value = params[field.key]
    return value !== undefined && JSON.stringify(value) !== JSON.stringify(fallback(field, rule))
  })
}
