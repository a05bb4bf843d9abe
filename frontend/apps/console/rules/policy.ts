// How candidates are ranked, as GET /dispatch-policy says it.
export const stepKeys = ['responsible', 'neighbour', 'community', 'other'] as const
export const pointKeys = ['distance', 'fresh', 'load', 'skill', 'fairness', 'leader'] as const

export interface Policy {
  max_m: number
  vehicle_max_m: number
  fresh_s: number
  max_age_s: number
  max_load: number
  many_today: number
  vehicles: boolean
  roles: string[]
  steps: Record<(typeof stepKeys)[number], number>
  points: Record<(typeof pointKeys)[number], number>
  critical_share: number
  category_skills: Record<string, string[]>
}

export interface PolicyPage {
  region: number
  version: number
  policy: Policy
  /** What holds where nothing is written. */
  default: Policy
}
