// A day's evidence as it is drawn: the line cut where the judgement changes, gaps
// as gaps, stays as rings, and how much time each reason took.
import type { LonLat } from '../api/types'
import type { Fixes, Half, Interval } from './shape'

export const accepted = 'good'

/** counted: walked and counted · indoor: credited though nothing was heard · missed: heard, not counted · gap: not heard. */
export type Kind = 'counted' | 'indoor' | 'missed' | 'gap'

export interface Piece {
  kind: Kind
  why: string
  /** The interval's place in the list. */
  interval: number
  from: number
  to: number
  line: LonLat[]
}

export function kindOf(interval: Pick<Interval, 'counted' | 'why'>): Kind {
  if (interval.counted) return interval.why === 'indoor' ? 'indoor' : 'counted'
  return interval.why === 'gap' || interval.why === 'off_duty' ? 'gap' : 'missed'
}

/** Where the worker was at an instant between two accepted fixes. */
function between(fixes: Fixes, i: number, j: number, at: number): LonLat {
  const span = fixes.at[j]! - fixes.at[i]!
  const f = span > 0 ? (at - fixes.at[i]!) / span : 0
  return [fixes.lon[i]! + (fixes.lon[j]! - fixes.lon[i]!) * f, fixes.lat[i]! + (fixes.lat[j]! - fixes.lat[i]!) * f]
}

/**
 * The line of a day, one piece for each interval, through accepted fixes alone.
 * Where an interval begins or ends between two fixes (at 12:30, at the edge of a
 * grid) the place is interpolated, so that neighbours meet.
 */
export function pieces(fixes: Fixes, intervals: readonly Interval[]): Piece[] {
  const good = fixes.at.flatMap((_at, i) => (fixes.why[i] === accepted ? [i] : []))
  if (good.length < 2) return []
  const made: Piece[] = []
  let k = 0
  intervals.forEach((one, interval) => {
    while (k > 0 && fixes.at[good[k]!]! > one.from) k--
    while (k + 1 < good.length && fixes.at[good[k + 1]!]! <= one.from) k++
    const line: LonLat[] = []
    const first = fixes.at[good[0]!]!
    const last = fixes.at[good.at(-1)!]!
    const [from, to] = [Math.max(one.from, first), Math.min(one.to, last)]
    if (to < from) return
    if (k + 1 < good.length) line.push(between(fixes, good[k]!, good[k + 1]!, from))
    let j = k
    while (j + 1 < good.length && fixes.at[good[j + 1]!]! < to) {
      j++
      if (fixes.at[good[j]!]! > from) line.push([fixes.lon[good[j]!]!, fixes.lat[good[j]!]!])
    }
    if (j + 1 < good.length && to > from) line.push(between(fixes, good[j]!, good[j + 1]!, to))
    if (line.length > 1) made.push({ kind: kindOf(one), why: one.why, interval, from: one.from, to: one.to, line })
  })
  return made
}

/** Fixes that were not accepted, with the reason: shown, never joined. */
export function refusedFixes(fixes: Fixes): { i: number; why: string; point: LonLat }[] {
  return fixes.at.flatMap((_at, i) =>
    fixes.why[i] === accepted ? [] : [{ i, why: fixes.why[i]!, point: [fixes.lon[i]!, fixes.lat[i]!] as LonLat }],
  )
}

export interface Tally {
  why: string
  counted: boolean
  ms: number
  /** How many stretches. */
  n: number
}

/** How much time each reason took, the counted first and then the largest. */
export function tally(intervals: readonly Interval[], half?: Half): Tally[] {
  const sums = new Map<string, Tally>()
  for (const one of intervals) {
    if (half && one.half !== half) continue
    const sum = sums.get(one.why) ?? { why: one.why, counted: one.counted, ms: 0, n: 0 }
    sum.ms += one.to - one.from
    sum.n++
    sums.set(one.why, sum)
  }
  return [...sums.values()].toSorted((a, b) => Number(b.counted) - Number(a.counted) || b.ms - a.ms)
}

/** Neighbours of the same judgement as one stretch, for a list to read. */
export function stretches(intervals: readonly Interval[]): (Interval & { first: number; last: number })[] {
  const made: (Interval & { first: number; last: number })[] = []
  intervals.forEach((one, i) => {
    const before = made.at(-1)
    if (
      before &&
      before.why === one.why &&
      before.half === one.half &&
      before.to === one.from &&
      before.visit === one.visit
    ) {
      before.to = one.to
      before.last = i
    } else made.push({ ...one, first: i, last: i })
  })
  return made
}

/** Whole minutes, downwards: 119.9 are not 120. */
export const minutesOf = (ms: number): number => Math.floor(ms / 60_000)
