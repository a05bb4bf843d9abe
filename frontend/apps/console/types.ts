// Shapes only the console reads; the shared ones are in core/api/types.
import type * as shared from '@core/api/types'

export interface Device extends shared.Device {
  interval_s: number
  client: string
  off_duty: number
}

export interface Held extends shared.QuarantineItem {
  last_at: string
  outcome?: string
}

export interface Kiosk {
  id: number
  org: number
  org_name: string
  name: string
  cidr?: string
  created_at: string
  revoked_at?: string
  last_seen?: string
  paired: boolean
}

export interface Account {
  id: number
  login: string
  name: string
  worker?: number
  status: string
  must_change: boolean
  locked_until?: string
  last_used?: string
  posts: shared.Post[]
}

export interface Credential {
  device: Pick<Device, 'ident' | 'name' | 'protocol'>
  token: string
  urls: Record<string, string>
}

export interface PairingCode {
  kiosk?: Kiosk
  code: string
  expires_at: string
}
