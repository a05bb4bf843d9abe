// Doubtful tracks and data protection, as the API sends them.
import type { LonLat, Track } from './types'

export type DoubtState = 'raised' | 'explained' | 'decided' | 'appealed' | 'closed' | 'withdrawn'
export type DoubtVerdict = '' | 'cleared' | 'confirmed' | 'needs_talk'
export type DoubtAct = 'explain' | 'appeal' | 'decide'

export interface Doubt {
  id: string
  worker: number
  worker_name: string
  org: number
  org_name: string
  day: string
  score: number
  state: DoubtState
  verdict: DoubtVerdict
  codes: string[]
  rule_version: string
  raised_at: string
  explain_until: string
  explained_at: string | null
  decided_at: string | null
  decided_name: string
  appeal_until: string | null
  appealed_at: string | null
  closed_at: string | null
  erased_at: string | null
}

export interface DoubtStep {
  id: number
  at: string
  kind: string
  account: number | null
  by: string
  verdict: DoubtVerdict
  text: string
  photos: string[]
  score: number
  codes: string[]
}

export interface DoubtSignal {
  code: string
  name: string
  points: number
  text: string
  what: string
  mitigated?: string
  why?: string
  figures?: Record<string, number>
}

export interface DoubtDetail extends Doubt {
  signals: DoubtSignal[]
  steps: DoubtStep[]
  may: DoubtAct[]
  threshold: number
}

export interface Evidence {
  from: string
  to: string
  path?: LonLat[]
  other?: { day: string; worker?: number; name?: string; from: string; to: string; path?: LonLat[] }
}

export interface DoubtView {
  track: Track['fixes']
  signals: { code: string; name: string; points: number; text: string; mitigated?: string; evidence: Evidence[] }[]
  beside: { day: string; worker: number; name: string; track: Track['fixes'] }[]
}

export interface MyDoubt extends DoubtDetail {
  view: DoubtView
}

export interface DoubtParam {
  key: string
  name: string
  english: string
  unit: string
  default: number
  min: number
  max: number
}

export interface DoubtKind {
  code: string
  name: string
  english: string
  what: string
  points: number
  params: DoubtParam[]
}

export interface DoubtRule {
  code: string
  off?: boolean
  points: number
  params?: Record<string, number>
}

export interface DoubtPolicy {
  version: number
  threshold: number
  explain_days: number
  appeal_days: number
  rules: DoubtRule[]
  note: string
  made_at: string | null
  by: string
}

export interface DataClass {
  code: string
  name: string
  content: string
  purpose: string
  legal_basis: string
  recipients: string
  sensitivity: 'general' | 'sensitive'
  retention_days: number | null
  retention_text: string
  tables: string[] | null
  version: number
  updated_at: string | null
  updated_name: string
  held?: { code: string; count: number; unit: string; oldest: string | null; newest: string | null }
}

export interface DataController {
  name: string
  contact: string
  complaint: string
  assessment: string
  assessed_on: string
  notice: string
  version: number
  updated_at: string | null
  updated_name: string
}

export interface RetentionRun {
  id: number
  at: string
  class: string
  cutoff: string
  rows: number
  bytes: number
  detail?: string
  by: string
}

export interface DataProtection {
  controller: DataController
  classes: DataClass[]
  runs: RetentionRun[]
  may_edit: boolean
}

export interface MyData {
  worker: { id: number; name: string }
  controller: DataController
  classes: DataClass[]
  looks: { id: number; at: string; actor: string; what: string; purpose: string; day?: string }[]
  exports: {
    at: string
    by: string
    format: string
    from: string
    to: string
    purpose: string
    state: string
    taken: number
  }[]
  runs: RetentionRun[]
}
