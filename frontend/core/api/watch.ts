// What the watch answers, over HTTP: whistles, cameras, calls for help, alarms. Shapes only.

import type { May } from './loop'
import type { LonLat, NearWorker, Sos } from './types'

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
