// A case as the server tells it, for whoever looks at cases.
import type { Incident } from '@core/api/types'

export const now = Date.parse('2026-11-26T10:00:00+08:00')
export const at = (minutes: number): string => new Date(now + minutes * 60_000).toISOString()
export const incident = (more: Partial<Incident> = {}): Incident => ({
  id: 'a',
  region: 1,
  case_no: 'MH261126-001',
  version: 1,
  state: 'handling',
  kind: 'incident',
  source: 'patrol',
  title: '占道经营',
  urgency: 'normal',
  org: 1,
  reported_at: at(-60),
  updated_at: at(-1),
  ...more,
})
