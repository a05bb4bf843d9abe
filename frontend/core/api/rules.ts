// Deadlines as rules, over HTTP. Shapes only.

import type { Unit } from './loop'
import type { Urgency } from './types'

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
