// What the HTTP API sends, as the pages use it.
import type { MultiPolygon, Polygon } from 'geojson'

export type LonLat = [number, number]
export type Presence = 'offline' | 'stale' | 'idle' | 'online' | 'sos'
export type Urgency = 'critical' | 'urgent' | 'normal' | 'notice'
export type Power =
  | 'see_map'
  | 'see_people'
  | 'see_track'
  | 'report'
  | 'on_duty'
  | 'answer_sos'
  | 'see_devices'
  | 'manage_devices'
  | 'manage_users'
  | 'pair_kiosk'
  | 'see_audit'
  | 'triage'
  | 'dispatch'
  | 'handle'
  | 'check'
  | 'command'
  | 'whistle'
  | 'answer_alarm'
  | 'see_video'
  | 'watch_log'
  | 'see_statistic'
  | 'keep_visits'
  | 'manage_rules'
  | 'inspect'
  | 'assess'

export interface Post {
  org: number
  path: string
  region: number
  name: string
  role: string
}

export interface Principal {
  account: number
  kiosk?: number
  worker?: number
  login: string
  name: string
  posts: Post[]
}

export interface Session {
  principal: Principal
  powers: Power[]
  server_time: string
  must_change?: boolean
}

export interface CommunityOverview {
  org: number
  name: string
  kind: string
  workers_online: number
  workers_on_duty: number
  grids: number
  execution: number
  grids_online: number
  incidents_today: number
  open: number
}

export interface Overview {
  at: string
  data_at: string | null
  workers: {
    total: number
    on_duty: number
    online: number
    idle: number
    stale: number
    offline: number
    sos: number
  }
  grids: { total: number; execution: number; online: number; online_rate: number | null }
  incidents: {
    today: number
    open: number
    critical: number
    by_urgency: Record<Urgency, number>
    by_category: { code: string; name: string; count: number }[]
    by_hour: number[]
  }
  communities: CommunityOverview[]
}

export interface Grid {
  id: number
  code: string
  name: string
  org: number
  org_name: string
  setting: string
  is_execution: boolean
  households: number | null
  population: number | null
  area_m2: number | null
  label: LonLat
  bbox: [number, number, number, number]
  online: number
  on_duty: number
  /** Counts as online in 网格在线率. */
  covered?: boolean
  incidents_today: number
  open: number
  leader: { id: number; name: string } | null
}

export interface GridPerson {
  id: number
  name: string
  role: string
  assignment: string
  phone?: string
  state: Presence
  age_s: number | null
}

export interface GridDetail extends Grid {
  geometry: MultiPolygon | Polygon
  people: GridPerson[]
  incidents: Incident[]
  complete: { leader: boolean; guide: boolean; worker: boolean }
  version: number
  valid_from: string
}

export interface Org {
  id: number
  parent: number | null
  code: string
  kind: string
  name: string
  path: string
  region: number
}

export interface Worker {
  id: number
  code: string
  name: string
  role: string
  kind: string
  org: number
  org_name: string
  grid: number | null
  grid_name: string
  state: Presence
  at: string | null
  age_s: number | null
  point: LonLat | null
  speed: number | null
  course: number | null
  accuracy: number | null
  battery: number | null
  on_duty: boolean
  purpose: string
  phone?: string
}

export interface WorkerDetail extends Worker {
  session: { id: string; purpose: string; started_at: string; ended_at: string | null } | null
  devices: { id: number; name: string; protocol: string; at: string | null }[]
  assignments: { grid: number; grid_name: string; role: string }[]
}

export interface NearWorker extends Worker {
  distance_m: number
}

export interface Photo {
  id: string
  kind: string
  mime: string
  width?: number
  height?: number
  taken_at?: string | null
}

/** A case as the API and the journal send it; the closed loop's own words are in loop.ts. */
export interface Incident {
  id: string
  region: number
  case_no: string
  version: number
  state: string
  kind: string
  source: string
  title: string
  description?: string
  category?: string
  /** Handling tier 1–4 (一级…四级): the higher, the higher the office. */
  tier?: number | null
  /** 1–4 (Ⅰ特别重大 … Ⅳ一般): the lower, the worse. */
  severity?: number | null
  urgency: Urgency
  org: number
  org_name?: string
  grid?: number | null
  grid_name?: string
  point?: LonLat | null
  accuracy?: number | null
  address?: string
  reporter_name?: string
  reporter_phone?: string
  drill?: boolean
  occurred_at?: string | null
  reported_at: string
  updated_at: string
  photos?: Photo[]

  sensitivity?: string
  std_code?: string
  state_since?: string
  owner_org?: number | null
  owner_name?: string
  owner_worker?: number | null
  owner_worker_name?: string
  lead_order?: string | null
  self_handled?: boolean
  rework_count?: number
  return_count?: number
  delay_count?: number
  urge_count?: number
  push_count?: number
  /** '' | yellow 黄牌 | red 红牌 | listed 挂牌 */
  supervise?: string
  suspended_at?: string | null
  review_at?: string | null
  suspend_asked?: boolean
  delay_asked?: boolean
  /** Whistles that are open. */
  whistles?: number
  appealed?: boolean
  merged_into?: string | null
  reopened_from?: string | null
  recurrence?: string | null
  public_reply?: string
  accepted_at?: string | null
  dispatched_at?: string | null
  signed_at?: string | null
  fed_back_at?: string | null
  checked_at?: string | null
  closed_at?: string | null
  close_reason?: string
  satisfaction?: number | null
  archived_at?: string | null

  /** The two clocks as they stand; while paused neither counts. */
  stage?: string
  stage_due?: string | null
  stage_warn?: string | null
  stage_from?: string
  case_due?: string | null
  case_warn?: string | null
  case_from?: string
  provisional?: boolean
  paused?: boolean
  open?: boolean
}

export interface JournalEntry {
  region: number
  seq: number
  at: string
  kind: string
  subject: string
  body: unknown
}

export interface Attachment {
  id: string
  kind: string
  mime: string
  width?: number
  height?: number
  taken_at?: string | null
  point?: LonLat | null
}

export interface Category {
  code: string
  parent: string
  name: string
}

export interface SearchHit {
  kind: 'grid' | 'worker' | 'incident' | 'place' | 'road'
  id: string | number
  title: string
  sub: string
  point: LonLat
  bbox?: [number, number, number, number]
}

export interface MapSource {
  id: string
  title: { zh: string; en: string }
  kind: 'vector' | 'raster' | 'pmtiles' | 'none'
  grid: 'webmercator' | 'c4490' | 'gcj02'
  url: string
  minzoom: number
  maxzoom: number
  tileSize: number
  attribution: string
  /** The source that holds this one's labels (天地图 keeps them apart). */
  labels?: string
  dark?: Record<string, number>
}

export interface MapSources {
  default: string
  review_number: string
  attribution: string
  sources: MapSource[]
  bounds: [number, number, number, number]
  center: LonLat
  zoom: number
  notice: string
  region_name: string
}

export interface Sos {
  id: string
  worker: number
  name: string
  at: string
  point: LonLat | null
  org: number
  org_name: string
  state: string
  by?: string
  phone?: string
}

export interface Track {
  worker: { id: number; name: string }
  day: string
  count: number
  fixes: {
    at: number[]
    lon: number[]
    lat: number[]
    speed: (number | null)[]
    accuracy: (number | null)[]
    flags: number[]
    grid: (number | null)[]
  }
  presences: { grid: number; name: string; entered_at: string; left_at: string | null }[]
  sessions: { id: string; purpose: string; started_at: string; ended_at: string | null; auto_closed?: boolean }[]
}

export interface AccessRecord {
  id: number
  at: string
  account: number
  actor: string
  worker: number
  worker_name: string
  what: string
  purpose: string
  day: string
}

export interface Device {
  id: number
  ident: string
  name: string
  protocol: string
  duty: string
  crs: string
  worker: number
  worker_name: string
  org_name: string
  status: string
  at: string | null
  fix_at: string | null
  battery: number | null
  fixes: number
  late: number
  prefix: string
}

export interface QuarantineItem {
  id: number
  received_at: string
  device: string
  protocol: string
  reason: string
  detail: string
  seen: number
  preview: string
  state: string
}

export interface Kiosk {
  id: number
  name: string
  org: number
  org_name?: string
  cidr?: string
  status?: string
  paired_at?: string | null
  seen_at?: string | null
  expires_at?: string | null
}

export interface MyDuty {
  worker: { id: number; name: string }
  tracked: boolean
  session: { id: string; purpose: string; started_at: string; ended_at: string | null } | null
  shift: { starts_at: string; ends_at: string } | null
  last_fix: { at: string; accuracy: number | null } | null
  stored_today: number
  sos: Sos | null
}
