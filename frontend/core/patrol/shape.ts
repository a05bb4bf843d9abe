// What the server says of patrols, as the pages use it. Every figure that is a
// share keeps its numerator and denominator: over nothing it has no value.
import type { Feature, FeatureCollection, MultiPolygon, Point, Polygon } from 'geojson'
import type { LonLat } from '../api/types'

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
}

export interface BoardRow {
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
  recomputed_at: string
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
