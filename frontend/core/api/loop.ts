// A case and its life over HTTP: actions, orders, clocks, queues. Shapes only; what
// they mean is in core/incident.
import type { Incident, JournalEntry, LonLat, NearWorker, Urgency } from './types'
import type { Whistle } from './watch'

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

/** What is late and no case: of GET /queues. */
export interface Reminder {
  code: 'ack_owed' | 'ack_missing' | 'whistle_late'
  name: string
  count: number
}

export interface QueuePage {
  queues: Queue[] | null
  reminders?: Reminder[] | null
}
