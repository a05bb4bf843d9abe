// What the server says of patrols, as the pages use it. Every figure that is a
// share keeps its numerator and denominator: over nothing it has no value.
import type { Feature, FeatureCollection, MultiPolygon, Point, Polygon } from 'geojson'
import type { LonLat } from '../api/types'
import type { Computing } from './computing'

export interface Frac {
  n: number
  d: number
}

export type State = 'met' | 'unmet' | 'exempt'
export type Half = 'am' | 'pm'
export const coverages = ['area', 'household', 'object', 'checkpoint'] as const
/** Four figures, never blended into one. */
export type CoverageKind = (typeof coverages)[number]
export type Coverage = Record<CoverageKind, Frac>

export interface HalfDay {
  day: string
  half: Half
  minutes: number
  qualified: boolean
  /** Of a grid: whose half-day it is. */
  worker?: number
  /** Nothing is asked of it: no working day, or approved leave. */
  rest?: boolean
  leave?: boolean
  /** Minutes from which it qualifies, by the policy of its day. */
  needed?: number
}

export interface BoardRow extends Computing {
  grid: number
  code: string
  name: string
  org: number
  org_name: string
  leader?: { worker: number; name: string }
  workers: number
  half_days: HalfDay[]
  qualified: number
  required: number
  state: State
  coverage: Coverage
  visits: number
  found: number
  found_rate: Frac
  out_of_grid: Frac
  distance_m: number
  night: number
  doubts: { open: number; total: number }
  trend: TrendWeek[]
  /** Null: not computed yet. */
  recomputed_at: string | null
  why: string[]
  rule_version: string
}

export interface TrendWeek {
  week: string
  qualified: number
  required: number
  state?: State
}

export interface Interval {
  from: number
  to: number
  counted: boolean
  why: string
  half: Half
  grid?: number
  visit?: string
}

/** A worker's fixes as columns, each judged. */
export interface Fixes {
  at: number[]
  lon: number[]
  lat: number[]
  speed: (number | null)[]
  accuracy: (number | null)[]
  flags: number[]
  /** Good, or why the fix was not accepted. */
  why: string[]
}

export interface Stay {
  from: number
  to: number
  point: LonLat
  radius_m: number
  certainty: number
}

export interface Gap {
  from: number
  to: number
  a: LonLat
  b: LonLat
  m: number
}

/** A cell of walkable ground in a grid. */
export type CellState = 'walked' | 'missed' | 'unwalkable'
export type Cell = Feature<Polygon | MultiPolygon, { state: CellState; last_at: string | null; times: number }>
export type Cells = FeatureCollection<Cell['geometry'], Cell['properties']>
export type Place = Feature<Point>

/** A day of the calendar: whether it is worked, and why when that is no ordinary one. */
export interface CalendarDay {
  day: string
  working: boolean
  note?: string
}

/** The half-day quota that holds on some days of a week. */
export interface Quota {
  rule_version: string
  name: string
  required: number
  half_day_minutes: number
  split: string
  from: string
  to: string
  /** Of the board: whose policy it is, and for how many grids it holds. */
  org_name?: string
  grids?: number
}

export interface Board extends Computing {
  /** Worker-days of the week that were not yet looked at for doubts. */
  to_doubt: number
  week: string
  working_days: number
  required: number
  rule_version: string
  days?: CalendarDay[]
  quotas?: Quota[] | null
  rows: BoardRow[] | null
  total?: number
  next?: string
}

/** A household, an object or a checkpoint of a grid: only a name that the caller may read. */
export interface Target {
  id: number | string
  name: string
  kind: string
  kind_name?: string
  point: LonLat | null
  last_at: string | null
  times?: number
  due_on?: string | null
  /** By the last day asked for. */
  due?: boolean
}

export interface GridCoverage extends Computing {
  grid: { id: number; code: string; name: string; org_name: string; leader?: { worker: number; name: string } }
  from: string
  to: string
  outline?: Feature<Polygon | MultiPolygon>
  cells: Cells
  coverage: Coverage
  households: Target[] | null
  objects: Target[] | null
  checkpoints: Target[] | null
  /** Every verdict that there has been of the weeks that are over. */
  verdicts?: WeekVerdict[] | null
}

export interface WeekVerdict {
  week: string
  seq: number
  computed_at: string
  rule_version: string
  why: string[]
  qualified: number
  required: number
  state: State
}

/** How much time of a half-day one reason took. */
export interface Reason {
  why: string
  counted: boolean
  ms: number
}

export interface HalfWithReasons extends HalfDay {
  indoor_minutes?: number
  reasons?: Reason[] | null
}

export interface RuleResult {
  policy: number
  rule: string
  name: string
  n: number
  d: number
  state: State
}

export interface Leave {
  id: number
  worker: number
  worker_name?: string
  org_name?: string
  from_day: string
  from_half: Half
  to_day: string
  to_half: Half
  kind: string
  reason?: string
  approved_at?: string
  approved_by?: string
  cancelled_at?: string | null
}

/** A person's week: what counted, what did not, and why. */
export interface PersonWeek extends Computing {
  worker: number
  name: string
  org_name?: string
  grids?: { grid: number; name: string }[] | null
  week: string
  working_days: number
  leave_halves: number
  required: number
  qualified: number
  state: State
  rule_version: string
  quota?: number
  holiday?: string
  half_day_minutes: number
  quotas?: Quota[] | null
  half_days: HalfWithReasons[]
  rules?: RuleResult[] | null
  leaves?: Leave[] | null
  days?: CalendarDay[]
  visits?: number
  distance_m?: number
  recomputed_at?: string | null
  why?: string[] | null
}

export interface Verdict {
  seq: number
  computed_at: string
  rule_version: string
  why: string[]
  am_ms: number
  pm_ms: number
  qualified: number
}

export interface DayVisit {
  id: string
  target?: string
  target_kind?: string
  arrived_at: string
  left_at?: string | null
  point: LonLat | null
  target_point?: LonLat | null
  distance_m?: number | null
  outcome: string
  method: string
  verified?: string
  dwell_ms?: number | null
  short?: boolean
}

/** A person's day with its evidence; reading it is on record. */
export interface DayView {
  worker: number
  name: string
  day: string
  fixes: Fixes
  intervals: Interval[]
  stays: Stay[] | null
  gaps: Gap[] | null
  visits: DayVisit[] | null
  verdicts: Verdict[] | null
  am_ms: number
  pm_ms: number
  am_ok: boolean
  pm_ok: boolean
  needed_ms: number
  /** Where the policy splits the day, HH:MM. */
  split: string
  distance_m: number
  in_ms: number
  out_ms: number
  rule_version: string
  grids?: Feature<Polygon | MultiPolygon>[] | null
}

export const rules = ['half_day_quota', 'twice_daily', 'weekly_sweep', 'object_cycle', 'checkpoint_route'] as const
export type RuleKind = (typeof rules)[number]

export interface Params {
  required?: number
  half_day_s?: number
  whose?: string
  split?: string
  from?: string
  to?: string
  gap_max_s?: number
  gap_background_s?: number
  accuracy_max_m?: number
  buffer_m?: number
  indoor_gap_s?: number
  indoor_m?: number
  purposes?: string[]
  walk_m?: number
  dwell_m?: number
  dwell_s?: number
  twice_s?: number
  night_from?: string
  night_s?: number
  target_pct?: number
}

export interface Policy {
  id: number
  version: number
  name: string
  org?: number | null
  org_name?: string
  rule: RuleKind
  cycle: string
  params: Params
  holiday: string
  valid_from: string
  valid_to?: string | null
  note?: string
}
