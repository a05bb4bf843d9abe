// Figures of patrols as they are written and put in order. Nothing over nothing
// is a dash, never 0 or 100 %; orders compare raw fractions, not rounded ones.
import type { BoardRow, CoverageKind, Frac } from './shape'
import { coverages } from './shape'

export const dash = '—'

/** 37.5%, or a dash. Rounded half up, from integers. */
export function share(f: Frac | null | undefined, digits = 0): string {
  if (!f || f.d <= 0) return dash
  const scale = 10 ** digits
  return `${(Math.floor((200 * scale * f.n + f.d) / (2 * f.d)) / scale).toFixed(digits)}%`
}

/** 3 / 8, or a dash. */
export const ratio = (f: Frac | null | undefined): string => (!f || f.d <= 0 ? dash : `${f.n} / ${f.d}`)

/** Problems found per hundred visits: 4.78, or a dash. */
export function perHundred(f: Frac | null | undefined): string {
  if (!f || f.d <= 0) return dash
  return (Math.floor((20_000 * f.n + f.d) / (2 * f.d)) / 100).toFixed(2)
}

export const kilometres = (metres: number): string => (metres / 1000).toFixed(1)

/** Negative when a is less than b; what has no value stands last whichever way it is sorted. */
export function compareFrac(a: Frac, b: Frac): number {
  return a.n * b.d - b.n * a.d
}

export const measures = ['quota', ...coverages, 'found', 'outside', 'visits', 'distance', 'night', 'doubts'] as const
export type Measure = (typeof measures)[number]

/** More is better (1), less is better (-1), or it says neither (0). */
export const better: Record<Measure, 1 | -1 | 0> = {
  quota: 1,
  area: 1,
  household: 1,
  object: 1,
  checkpoint: 1,
  found: 0, // many found problems may be a careful walker or a bad street
  outside: -1,
  visits: 0,
  distance: 0,
  night: 0,
  doubts: -1,
}

/** A measure of a row as a fraction; a plain count is one over one. */
export function figure(row: BoardRow, measure: Measure): Frac | null {
  switch (measure) {
    case 'quota':
      return valued({ n: Math.min(row.qualified, row.required), d: row.required })
    case 'found':
      return valued(row.found_rate)
    case 'outside':
      return valued(row.out_of_grid)
    case 'visits':
      return { n: row.visits, d: 1 }
    case 'distance':
      return { n: row.distance_m, d: 1 }
    case 'night':
      return { n: row.night, d: 1 }
    case 'doubts':
      return { n: row.doubts.open, d: 1 }
    default:
      return valued(row.coverage[measure as CoverageKind])
  }
}

const valued = (f: Frac | null | undefined): Frac | null => (f && f.d > 0 ? f : null)

export function written(row: BoardRow, measure: Measure): string {
  const f = figure(row, measure)
  if (!f) return dash
  switch (measure) {
    case 'quota':
      return `${row.qualified} / ${row.required}`
    case 'found':
      return perHundred(f)
    case 'distance':
      return kilometres(row.distance_m)
    case 'visits':
    case 'night':
    case 'doubts':
      return String(f.n)
    default:
      return share(f)
  }
}

/** Grids in the order of one measure, ties by code; those without a value last, whichever way. */
export function ordered(rows: readonly BoardRow[], measure: Measure, down: boolean): BoardRow[] {
  return rows.toSorted((a, b) => {
    const [x, y] = [figure(a, measure), figure(b, measure)]
    if (!x || !y) return x ? -1 : y ? 1 : a.code.localeCompare(b.code)
    const by = compareFrac(x, y)
    return (down ? -by : by) || a.code.localeCompare(b.code)
  })
}

export interface Placed {
  row: BoardRow
  /** Null: nothing to divide by, so no place. */
  place: number | null
  value: Frac | null
}

/** Competition ranking, 1-2-2-4, the better first; what has no value has no place. */
export function ranking(rows: readonly BoardRow[], measure: Measure): Placed[] {
  const list = ordered(rows, measure, better[measure] >= 0)
  let place = 0
  let before: Frac | null = null
  return list.map((row, i) => {
    const value = figure(row, measure)
    if (!value) return { row, place: null, value }
    if (!before || compareFrac(before, value) !== 0) place = i + 1
    before = value
    return { row, place, value }
  })
}
