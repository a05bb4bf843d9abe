// A day's fixes as a supervisor reads them: runs joined by a line, gaps left
// open, implausible points shown and never joined.
import type { Track } from '@core/api/types'
import { metresBetween } from '@core/geo/mercator'
import type { Light } from '@core/map/palette'
import { bit, plausible } from '@core/trail/flags'
import { look } from './look'

export { flagWords, plausible, words } from '@core/trail/flags'

export type Fixes = Track['fixes']

export const tones = ['plain', 'late', 'vague', 'mock', 'doubtful', 'sos'] as const
export type Tone = (typeof tones)[number]

/** The one thing about a fix that its colour says. */
export function tone(flags: number): Tone {
  if (flags & (bit('sos') | bit('off_duty_sos'))) return 'sos'
  if (!plausible(flags)) return 'doubtful'
  if (flags & bit('mock')) return 'mock'
  if (flags & bit('inaccurate')) return 'vague'
  return flags & bit('late') ? 'late' : 'plain'
}

const toneColours: Record<Light, Record<Tone, string>> = {
  dark: {
    plain: '#5fd4f4',
    late: '#b48ef0',
    vague: '#c9a24a',
    mock: '#f0a202',
    doubtful: '#ff6b4a',
    sos: '#ff4d4f',
  },
  light: {
    plain: '#08769d',
    late: '#7547c2',
    vague: '#7d6313',
    mock: '#a86a00',
    doubtful: '#c8401f',
    sos: '#d3262c',
  },
}
export const toneColour = () => toneColours[look.value]

export interface Run {
  /** Indices into the fixes, in time order, plausible ones only. */
  points: number[]
}

export interface Gap {
  from: number
  to: number
  /** Indices of the fixes on both sides. */
  before: number
  after: number
}

export const gapMs = 120_000

/** Splits at every silence longer than gapMs. */
export function runs(fixes: Pick<Fixes, 'at' | 'flags'>): { runs: Run[]; gaps: Gap[] } {
  const made: Run[] = []
  const gaps: Gap[] = []
  let current: Run | null = null
  let last = -1
  fixes.at.forEach((at, i) => {
    if (!plausible(fixes.flags[i]!)) return
    if (last >= 0 && at - fixes.at[last]! > gapMs) {
      gaps.push({ from: fixes.at[last]!, to: at, before: last, after: i })
      current = null
    }
    if (!current) {
      current = { points: [] }
      made.push(current)
    }
    current.points.push(i)
    last = i
  })
  return { runs: made, gaps }
}

/** Metres walked along the runs; nothing is added for gaps. Standing still adds nothing but noise, so short steps are summed only when they leave a circle of 10 m. */
export function lengthOf(fixes: Pick<Fixes, 'lon' | 'lat'>, made: Run[]): number {
  let sum = 0
  for (const run of made) {
    let from = run.points[0]!
    for (const i of run.points) {
      const step = metresBetween([fixes.lon[from]!, fixes.lat[from]!], [fixes.lon[i]!, fixes.lat[i]!])
      if (step < 10) continue
      sum += step
      from = i
    }
  }
  return sum
}

export function countTones(flags: number[]): Record<Tone, number> {
  const counts: Record<Tone, number> = { plain: 0, late: 0, vague: 0, mock: 0, doubtful: 0, sos: 0 }
  for (const one of flags) counts[tone(one)]++
  return counts
}

/** How much of the day [start, start + 24 h) lies inside the spans, ms; spans may overlap. */
export function covered(spans: { from: number; to: number }[]): number {
  let sum = 0
  let until = Number.NEGATIVE_INFINITY
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const from = Math.max(span.from, until)
    if (span.to > from) sum += span.to - from
    until = Math.max(until, span.to)
  }
  return sum
}
