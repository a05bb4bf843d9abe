// The measures as the server tells them; nothing is computed here but colours and order.
export interface Ratio {
  n: number
  d: number
  /** Per cent with two decimals; null when there is nothing to divide by. */
  value: number | null
}
/** Working minutes; null when there are no cases. */
export interface Minutes {
  n: number
  d: number
  value: number | null
}
export interface Row {
  key: string
  name: string
  counters: Record<string, number>
  rates: Record<string, Ratio>
  durations?: Record<string, Minutes>
  mom?: Record<string, Ratio>
  yoy?: Record<string, Ratio>
}
export interface Entry {
  code: string
  name: string
  cohort?: string
  /** Of a ratio: the codes of its two numbers. */
  numerator?: string
  denominator?: string
  /** min: a duration in working minutes; the denominator is whose cases. */
  unit?: string
  better: number
  explain: string
}
export interface Statistics {
  at: string
  period: { from: string; to: string }
  previous: { from: string; to: string }
  rows: Row[]
  totals: Row
  dictionary: Entry[]
}
export interface Trend {
  points: {
    at: string
    counters: Record<string, number>
    rates: Record<string, Ratio>
    durations?: Record<string, Minutes>
  }[]
}

/** 93.72% or — */
export const rateText = (ratio: Ratio | undefined): string =>
  ratio?.value === null || ratio?.value === undefined ? '—' : `${ratio.value.toFixed(2)}%`

/** +12.5% or —, from the number before. */
export function changeText(change: Ratio | undefined): string {
  if (change?.value === null || change?.value === undefined) return '—'
  return `${change.value > 0 ? '+' : ''}${change.value.toFixed(1)}%`
}

/** Whole hours and minutes of work; hours are not made into days, whose length differs. */
export function hoursOf(minutes: number): { h: number; m: number } {
  return { h: Math.floor(minutes / 60), m: minutes % 60 }
}

/** Compares two rows by a measure: ratios by their raw fractions, those without any last. */
export function compare(a: Row, b: Row, code: string): number {
  if (code in a.rates || code in b.rates) {
    const [x, y] = [a.rates[code], b.rates[code]]
    if (!x?.d || !y?.d) return (y?.d ? 1 : 0) - (x?.d ? 1 : 0)
    return y.n * x.d - x.n * y.d
  }
  const [x, y] = [a.durations?.[code], b.durations?.[code]]
  if (x || y) return (y?.value ?? -1) - (x?.value ?? -1)
  return (b.counters[code] ?? 0) - (a.counters[code] ?? 0)
}

/** The measures in the groups that the page shows; a new one of the server goes to the last. */
export type GroupCode = 'flow' | 'time' | 'quality' | 'level'
const groups: Record<GroupCode, readonly string[]> = {
  flow: [
    'reported',
    'filed',
    'accepted',
    'dispatched',
    'closed',
    'filing_rate',
    'accept_rate',
    'accept_on_time_rate',
    'accurate_rate',
    'return_rate',
  ],
  time: [
    'should_handle',
    'handled_on_time',
    'should_close',
    'deferred',
    'closed_on_time',
    'overdue',
    'handle_on_time_rate',
    'close_rate',
    'close_on_time_rate',
    'overdue_rate',
    'defer_rate',
    'accept_mean',
    'handle_mean',
    'handle_p90',
  ],
  quality: [
    'checked',
    'reworked',
    'rework_rate',
    'rated',
    'satisfied',
    'ill_rated',
    'satisfied_rate',
    'very_satisfied_rate',
    'well_rated_rate',
    'rated_rate',
    'bad_fixed_rate',
    'forced',
  ],
  level: [
    'self_handled',
    'closed_grid',
    'closed_community',
    'self_rate',
    'grid_rate',
    'community_rate',
    'supervised',
    'extended',
    'again',
    'rejected',
    'merged',
  ],
}
export const groupCodes = Object.keys(groups) as GroupCode[]

export function inGroup(dictionary: readonly Entry[], group: GroupCode): Entry[] {
  const told = groups[group].flatMap(code => dictionary.filter(entry => entry.code === code))
  if (group !== 'level') return told
  const known = new Set(Object.values(groups).flat())
  const used = new Set(dictionary.flatMap(entry => [entry.numerator, entry.denominator]))
  // parts of ratios are reached through them
  return [...told, ...dictionary.filter(entry => !known.has(entry.code) && !used.has(entry.code))]
}
