// Whom to send and what is around, over HTTP: rankings, areas, commands, notices,
// heat, and driving a wall. Shapes only.
import type { Geometry, MultiPolygon, Polygon } from 'geojson'
import type { Incident, LonLat, NearWorker, Presence } from './types'
import type { Camera } from './watch'

export type Relation = 'responsible' | 'neighbour' | 'community' | 'other'

export interface Reason {
  code: string
  text: string
  points: number
}

export interface Candidate {
  worker: number
  name: string
  phone?: string
  org: number
  org_name: string
  role: string
  grid_name?: string
  relation: Relation
  rank: number
  score: number
  distance_m: number | null
  distance_by: 'street' | 'straight'
  age_s: number | null
  presence: Presence
  on_duty: boolean
  load: number
  skills?: string[]
  reasons: Reason[]
  point?: LonLat | null
}

export interface LeftOut {
  worker: number
  name: string
  code: string
  text: string
}

export interface Advice {
  code: string
  text: string
  do?: string
  /** What it is to be done with. */
  with?: { worker?: number; name?: string; phone?: string; radius_m?: number; skills?: string[] }
}

export interface DepartmentChoice {
  org: number
  name: string
  default: boolean
  open: number
  late: number
  text: string
}

/** POST /incidents/{id}/candidates: what was shown when an order was given. */
export interface Ranking {
  id: string
  at: string
  distance: 'street' | 'straight' | 'mixed'
  candidates: Candidate[]
  left_out: LeftOut[]
  advice: Advice[]
  departments: DepartmentChoice[]
}

export interface Resource {
  id: number | string
  kind: string
  name: string
  point: LonLat
  kind_name?: string
  org_name?: string
  phone?: string
  distance_m?: number
  note?: string
}

export interface Circle {
  circle: { center: LonLat; radius_m: number }
}
export type Shape = Polygon | MultiPolygon | Circle

/** POST /area and GET /nearby: who and what is inside. */
export interface Area {
  area_m2: number
  workers: (NearWorker & { load?: number })[]
  incidents: Incident[]
  grids: { id: number; code?: string; name: string; org_name?: string; households?: number | null }[]
  resources: Resource[]
  cameras: Camera[]
  counts?: Record<string, number>
}

/** One of those a command is for, with the acknowledgement. */
export interface CommandAck {
  account?: number
  worker?: number
  org?: number
  name: string
  by_name?: string
  org_name?: string
  at?: string | null
  text?: string
}

/** 指令: said to people, with or without an answer asked for. */
export interface Command {
  id: string
  incident?: string | null
  text: string
  need_ack: boolean
  ack_due?: string | null
  by_name: string
  at: string
  targets?: { workers?: number[]; orgs?: number[]; area?: Geometry }
  count?: number
  acked?: number
  acks?: CommandAck[]
}

export interface NewCommand {
  targets: { workers?: number[]; orgs?: number[]; area?: Shape }
  incident?: string
  text: string
  need_ack: boolean
  ack_due?: string
}

/** 通知公告. */
export interface Notice {
  id: string
  title: string
  text: string
  kind?: string
  by_name?: string
  at: string
  top?: boolean
  valid_until?: string | null
  need_read?: boolean
  read_at?: string | null
  read?: number
  count?: number
}

/** GET /heat: cases per place, bucket by bucket. */
export interface Heat {
  from: string
  to: string
  step: string | number
  buckets: { at: string; cells: { lon: number; lat: number; weight: number }[] }[]
}

/** A console drives a wall: POST /screen-control, and the frame that the wall gets. */
export type ScreenControl = { by_name?: string; at?: string } & (
  | { do: 'fly'; point: LonLat; zoom?: number }
  | { do: 'layer'; layer: string; on: boolean }
  | { do: 'select'; kind: 'incident' | 'worker' | 'grid'; id: string | number }
  | { do: 'popup'; title?: string; text: string; seconds?: number }
  | { do: 'close' }
)
