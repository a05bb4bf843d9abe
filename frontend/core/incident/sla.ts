// How a case stands against its two clocks, always on the server's time. A case
// whose clock is stopped (挂账) is neither late nor on time.
import { isOver } from './life'

export type SlaColour = 'none' | 'paused' | 'green' | 'yellow' | 'red'

/** What of a case the clocks need. */
export interface Timed {
  state: string
  paused?: boolean
  stage_due?: string | null
  stage_warn?: string | null
  case_due?: string | null
  case_warn?: string | null
  provisional?: boolean
}

export interface Sla {
  colour: SlaColour
  /** The clock that runs out first; the stage's when both do. */
  scope: 'stage' | 'case' | null
  due: number | null
  /** Milliseconds left; below zero: overdue. Null without a running clock. */
  left: number | null
}

const instant = (at: string | null | undefined): number | null => {
  if (!at) return null
  const ms = Date.parse(at)
  return Number.isNaN(ms) ? null : ms
}

const nothing: Sla = { colour: 'none', scope: null, due: null, left: null }

export function slaOf(of: Timed, now: number): Sla {
  if (isOver(of.state)) return nothing
  const stage = instant(of.stage_due)
  const whole = instant(of.case_due)
  const first =
    stage !== null && (whole === null || stage <= whole)
      ? ({ scope: 'stage', due: stage } as const)
      : whole !== null
        ? ({ scope: 'case', due: whole } as const)
        : null
  if (of.paused) return { colour: 'paused', scope: first?.scope ?? null, due: null, left: null }
  if (!first) return nothing
  const left = first.due - now
  const warn = [instant(of.stage_warn), instant(of.case_warn)].some(at => at !== null && now >= at)
  return { colour: left <= 0 ? 'red' : warn ? 'yellow' : 'green', ...first, left }
}

/** Two units at the most: what somebody reads at a glance. */
export interface Span {
  days: number
  hours: number
  minutes: number
  seconds: number
}

export function spanOf(ms: number): Span {
  const s = Math.floor(Math.abs(ms) / 1000)
  return {
    days: Math.floor(s / 86_400),
    hours: Math.floor((s % 86_400) / 3_600),
    minutes: Math.floor((s % 3_600) / 60),
    seconds: s % 60,
  }
}
