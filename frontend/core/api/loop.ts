// The closed loop over HTTP: orders, clocks, candidates, whistles, alarms,
// cameras, queues, commands. Shapes only; what they mean is in core/incident.
import type { Geometry, MultiPolygon, Polygon } from 'geojson'
import type { Incident, JournalEntry, LonLat, NearWorker, Presence, Sos, Urgency } from './types'

export type IncidentState =
  | 'reported'
  | 'verifying'
  | 'accepted'
  | 'dispatched'
  | 'returned'
  | 'handling'
  | 'suspended'
  | 'feedback'
  | 'checking'
  | 'evaluating'
  | 'closed'
  | 'archived'
  | 'rejected'
  | 'void'
  | 'merged'

export type Sensitivity = 'normal' | 'high'
export type SuperviseLevel = 'yellow' | 'red' | 'listed'
export type CloseReason = 'evaluated' | 'default' | 'self' | 'forced'

/** What the caller may do to a case or an order now. */
export interface May<A extends string = string> {
  action: A
  name: string
}

export type IncidentAction =
  | 'request_verify'
  | 'verify_result'
  | 'accept'
  | 'reject'
  | 'appeal'
  | 'merge'
  | 'self_handle'
  | 'dispatch'
  | 'report_up'
  | 'push_down'
  | 'request_delay'
  | 'decide_delay'
  | 'request_suspend'
  | 'decide_suspend'
  | 'suspend'
  | 'resume'
  | 'assign_check'
  | 'check_pass'
  | 'check_fail'
  | 'evaluate'
  | 'force_close'
  | 'reopen'
  | 'void'
  | 'urge'
  | 'supervise'
  | 'reply_supervision'
  | 'add_assist'
  | 'set'

export type OrderAction = 'sign' | 'return' | 'refuse' | 'arrive' | 'feedback' | 'recall' | 'reassign' | 'waive'

/** Whom an order is given to: a department or station, or one worker of it. */
export interface Assignee {
  org?: number
  worker?: number
}

export type VerifyResult = 'pass' | 'not_found' | 'duplicate'
export type FeedbackResult = 'solved' | 'partly' | 'cannot' | 'not_exist'
export type ReturnCode = 'not_my_duty' | 'wrong_location' | 'duplicate' | 'insufficient_info'
export type Rater = 'resident' | 'reporter' | 'grid' | 'station' | 'operator'

/** The body of POST /incidents/{id}/{action} and /orders/{id}/{action}; each action reads what it needs. */
export interface ActionBody {
  reason?: string
  code?: string
  note?: string
  tier?: number
  category?: string
  urgency?: Urgency
  severity?: number
  sensitivity?: Sensitivity
  lead?: Assignee
  assist?: Assignee[]
  inform?: Assignee[]
  /** The id of the candidates that were shown. */
  ranking?: string
  requirement?: string
  worker?: number
  org?: number
  result?: VerifyResult | FeedbackResult
  text?: string
  measures?: string
  photos?: string[]
  point?: LonLat
  accuracy?: number
  crs?: string
  into?: string
  days?: number
  approve?: boolean
  review_at?: string
  grade?: number
  speed?: number
  effect?: number
  attitude?: number
  rater?: Rater
  level?: SuperviseLevel
  due?: string
  reply?: string
  supervision?: string
  draw?: number
  client_id?: string
}

/** What was done, in the body of every incident.* journal entry. */
export interface Deed {
  action: string
  by_name?: string
  from?: IncidentState
  to?: IncidentState
  reason?: string
  note?: string
  order?: string
  org_name?: string
  worker_name?: string
}

export type IncidentBody = Incident & { deed?: Deed }

export type OrderMode = 'lead' | 'assist' | 'inform'
export type OrderState =
  | 'pending'
  | 'handling'
  | 'fed_back'
  | 'done'
  | 'returned'
  | 'refused'
  | 'recalled'
  | 'reassigned'
  | 'waived'
  | 'informed'

export interface Order {
  id: string
  incident: string
  seq: number
  mode: OrderMode
  org: number
  org_name: string
  worker?: number | null
  worker_name?: string
  state: OrderState
  version: number
  requirement: string
  ranking?: string | null
  issued_by?: number | null
  issued_name: string
  issued_at: string
  sign_due?: string | null
  handle_due?: string | null
  signed_at?: string | null
  signed_name?: string
  arrived_at?: string | null
  arrived_m?: number | null
  fed_back_at?: string | null
  ended_at?: string | null
  end_code?: string
  end_reason?: string
  rework: number
  may?: May<OrderAction>[]
}

export interface Feedback {
  id: string
  incident: string
  order?: string | null
  at: string
  by_name: string
  result: FeedbackResult
  text: string
  measures: string
}

export interface Verification {
  id: string
  incident: string
  kind: 'verify' | 'check' | 'callback'
  org?: number | null
  org_name?: string
  worker?: number | null
  worker_name?: string
  asked_name: string
  asked_at: string
  state: 'pending' | 'done' | 'dropped'
  result?: '' | 'pass' | 'fail' | 'not_found' | 'duplicate'
  text?: string
  done_at?: string | null
  done_name?: string
  distance_m?: number | null
}

export interface DelayRequest {
  id: string
  asked_name: string
  asked_at: string
  reason: string
  days: number
  state: 'asked' | 'approved' | 'refused'
  decided_name?: string
  decided_at?: string | null
  note?: string
  old_due?: string | null
  new_due?: string | null
}

export interface Suspension {
  id: string
  asked_name: string
  asked_at: string
  reason: string
  review_at: string
  state: 'asked' | 'approved' | 'refused' | 'ended'
  decided_name?: string
  decided_at?: string | null
  note?: string
  ended_at?: string | null
}

export interface Evaluation {
  id: string
  at: string
  by_name: string
  rater: Rater | 'clock'
  /** Absent when nobody answered in time: in no rate of satisfaction. */
  grade?: number | null
  speed?: number | null
  effect?: number | null
  attitude?: number | null
  text: string
}

export interface Supervision {
  id: string
  order?: string | null
  kind: 'urge' | 'supervise'
  level?: '' | SuperviseLevel
  /** Absent when the clock raised it. */
  by_account?: number | null
  by_name: string
  at: string
  requirement: string
  reply_due?: string | null
  reply?: string
  replied_at?: string | null
  replied_name?: string
}

export type Unit = 'wd' | 'wh' | 'h' | 'same_day'

export interface Clock {
  id: string
  scope: 'stage' | 'case'
  stage: string
  started_at: string
  effective_at: string
  due_at: string
  warn_at: string
  limit: { n: number; unit: Unit }
  minutes: number
  rule?: number | null
  layer: 'category' | 'tier' | 'default'
  /** Where the limit comes from: "占道经营(类别) · 二级 · 规则17". */
  source: string
  calendar: number | string
  provisional: boolean
  paused_at?: string | null
  remaining_min?: number | null
  ended_at?: string | null
  outcome?: 'met' | 'missed' | 'moved'
  moves?: { at: string; from: string; to: string; why: string }[]
}

export interface SimilarIncident {
  incident: Incident
  distance_m: number
  age?: string | number
  why: string
}

/** GET /incidents/{id}: here `whistles` are the whistles themselves, where a row only counts them. */
export interface LoopIncident extends Omit<Incident, 'whistles'> {
  journal?: JournalEntry[]
  nearest?: NearWorker[]
  orders?: Order[]
  feedbacks?: Feedback[]
  verifications?: Verification[]
  delays?: DelayRequest[]
  suspensions?: Suspension[]
  evaluations?: Evaluation[]
  supervisions?: Supervision[]
  clocks?: Clock[]
  whistles?: Whistle[] | number
  archive?: { number: string; at: string; sha256: string; keep_until: string } | null
  may?: May<IncidentAction>[]
  similar?: SimilarIncident[]
}

export interface IncidentPage {
  incidents: Incident[]
  next?: string
  total?: number
}

export type QueueCode =
  | 'mine'
  | 'late'
  | 'soon'
  | 'returned'
  | 'unsigned'
  | 'triage'
  | 'dispatch'
  | 'check'
  | 'evaluate'
  | 'approve'
  | 'supervised'
  | 'suspended'
  | 'open'
  | 'noground'

export interface Queue {
  code: QueueCode
  name: string
  count: number
  late: number
}

/** GET /me/orders. */
export interface MyOrders {
  orders: (Order & { incident: Incident })[]
  checks: (Verification & { incident: Incident })[]
  next?: string
}

// ---------------------------------------------------------------- dispatch

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

// ---------------------------------------------------------------- whistle

export type WhistleKind = 'mass' | 'enforcement' | 'emergency'
export type WhistleState =
  | 'raised'
  | 'confirmed'
  | 'responded'
  | 'on_site'
  | 'working'
  | 'replied'
  | 'rated'
  | 'closed'
  | 'refused'
export type WhistleAction = 'confirm' | 'respond' | 'check_in' | 'work' | 'reply' | 'rate' | 'close' | 'refuse'

export interface WhistleNeed {
  org: number
  name: string
  /** `called` until it responds; then as far as it has come itself. */
  state: WhistleState | 'called'
  responded_at?: string | null
  checked_in_at?: string | null
  distance_m?: number | null
  replied_at?: string | null
  reply?: string
  grade?: number | null
}

export interface Whistle {
  id: string
  no: string
  incident?: string | null
  kind: WhistleKind
  point?: LonLat | null
  raised_by_name: string
  raised_at?: string
  org: number
  org_name: string
  need: WhistleNeed[]
  reason: string
  state: WhistleState
  respond_due?: string | null
  arrive_due?: string | null
  may?: May<WhistleAction>[]
}

// ---------------------------------------------------------------- SOS, alarm, video

export type CameraKind = 'dome' | 'bullet' | 'half_dome' | 'ai'

export interface Camera {
  id: number
  gb_id?: string
  name: string
  kind: string
  point: LonLat | null
  heading?: number | null
  fov?: number | null
  range_m?: number | null
  org?: number
  org_name?: string
  network?: string
  status: string
  sensitivity?: string
  distance_m?: number
  /** Whether the place asked about lies in the camera's sector and range. */
  sees?: boolean
}

export interface VideoTicket {
  ticket: string
  url: string
  kind: 'hls'
  expires_at: string
}

export interface VideoView {
  id: number
  at: string
  account: number
  by_name: string
  camera: number
  camera_name: string
  reason: string
  incident?: string | null
}

export interface SosDetail extends Sos {
  incident?: string | null
  nearest?: NearWorker[]
  cameras?: Camera[]
}

export type ArmMode = 'armed' | 'disarmed' | 'bypassed'

export interface AlarmDevice {
  id: number
  ident: string
  name: string
  kind: string
  protocol: string
  place?: string
  point?: LonLat | null
  org?: number
  org_name?: string
  grid_name?: string
  owner_name?: string
  owner_phone?: string
  armed: ArmMode
  health?: string
  last_seen?: string | null
}

export type AlarmState = 'new' | 'acked' | 'verifying' | 'dispatched' | 'resolved' | 'false' | 'test'
export type AlarmAction = 'ack' | 'verify' | 'false' | 'test' | 'resolve' | 'incident'

export interface Alarm {
  id: string
  device: number
  device_name: string
  kind: string
  org?: number
  org_name?: string
  place?: string
  point?: LonLat | null
  at: string
  level: number | string
  code: string
  text?: string
  state: AlarmState
  count?: number
  acked_name?: string
  acked_at?: string | null
  incident?: string | null
  /** offline: the device itself is gone. */
  class?: 'alarm' | 'offline'
  /** The device was disarmed or bypassed. */
  quiet?: boolean
  phone?: string
  contact?: string
  /** Only in GET /alarms/{id}. */
  nearest?: NearWorker[]
  cameras?: Camera[]
  may?: May<AlarmAction>[]
}

// ---------------------------------------------------------------- calendar and rules

export interface CalendarPeriod {
  from: string
  to: string
}

export interface SlaRule {
  id: number
  tier?: number | null
  category?: string
  urgency?: Urgency | ''
  source?: string
  org?: number | null
  stage: string
  limit: { n: number; unit: Unit }
  warn_ratio?: number
  priority?: number
  valid_from?: string | null
  valid_to?: string | null
}

export interface DryRun {
  running: number
  changed: {
    incident: string
    case_no: string
    title: string
    scope: 'stage' | 'case'
    stage: string
    from_due: string
    to_due: string
    source: string
  }[]
}
