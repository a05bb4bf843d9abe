// What each action asks for: one table that every page's small forms are made
// of. The server decides; a form only asks for what it will want.
import type { ActionBody, IncidentAction, LoopIncident, OrderAction } from '../api/loop'

export type FieldKind =
  | 'line'
  | 'long'
  | 'choice'
  | 'number'
  | 'instant'
  | 'grade'
  | 'photos'
  | 'worker'
  | 'tier'
  | 'severity'
  | 'urgency'
  | 'category'
  | 'incident'
  | 'approve'
  | 'supervision'

export interface Field {
  name: keyof ActionBody
  kind: FieldKind
  required?: boolean
  /** Of a choice: the words are `prefix.code`. */
  choices?: { prefix: string; codes: readonly string[] }
  min?: number
  max?: number
}

const reason: Field = { name: 'reason', kind: 'long', required: true }
const text: Field = { name: 'text', kind: 'long' }
const photos: Field = { name: 'photos', kind: 'photos' }
const worker: Field = { name: 'worker', kind: 'worker' }
const choice = (name: keyof ActionBody, prefix: string, codes: readonly string[], required = true): Field => ({
  name,
  kind: 'choice',
  required,
  choices: { prefix, codes },
})

export const returnCodes = ['not_my_duty', 'wrong_location', 'duplicate', 'insufficient_info'] as const
export const rejectCodes = ['out_of_scope', 'duplicate', 'not_found', 'insufficient_info', 'other'] as const
export const raters = ['operator', 'reporter', 'resident', 'grid', 'station'] as const

const incidentForms: Record<IncidentAction, Field[]> = {
  request_verify: [worker],
  verify_result: [choice('result', 'result', ['pass', 'not_found', 'duplicate']), text, photos],
  accept: [
    { name: 'tier', kind: 'tier', required: true },
    { name: 'category', kind: 'category' },
    { name: 'urgency', kind: 'urgency' },
  ],
  reject: [choice('code', 'code', rejectCodes), reason],
  appeal: [reason],
  merge: [{ name: 'into', kind: 'incident', required: true }],
  self_handle: [{ ...text, required: true }, photos],
  dispatch: [], // has a panel of its own
  report_up: [reason],
  push_down: [reason],
  request_delay: [{ name: 'days', kind: 'number', required: true, min: 1, max: 30 }, reason],
  decide_delay: [
    { name: 'approve', kind: 'approve', required: true },
    { name: 'note', kind: 'long' },
  ],
  request_suspend: [{ name: 'review_at', kind: 'instant', required: true }, reason],
  decide_suspend: [
    { name: 'approve', kind: 'approve', required: true },
    { name: 'note', kind: 'long' },
  ],
  suspend: [{ name: 'review_at', kind: 'instant', required: true }, reason],
  resume: [],
  assign_check: [worker],
  check_pass: [text, photos],
  check_fail: [reason],
  evaluate: [
    { name: 'grade', kind: 'grade', required: true },
    choice('rater', 'rater', raters),
    { name: 'text', kind: 'long' },
  ],
  force_close: [reason],
  reopen: [reason],
  void: [reason],
  urge: [{ name: 'note', kind: 'long' }],
  supervise: [
    choice('level', 'supervise', ['yellow', 'red', 'listed']),
    { name: 'requirement', kind: 'long', required: true },
    { name: 'due', kind: 'instant' },
  ],
  reply_supervision: [
    { name: 'supervision', kind: 'supervision', required: true },
    { name: 'reply', kind: 'long', required: true },
  ],
  add_assist: [],
  set: [
    { name: 'category', kind: 'category' },
    { name: 'urgency', kind: 'urgency' },
    { name: 'severity', kind: 'severity' },
    choice('sensitivity', 'sensitivity', ['normal', 'high'], false),
    reason,
  ],
}

const orderForms: Record<OrderAction, Field[]> = {
  sign: [],
  return: [choice('code', 'code', returnCodes), reason],
  refuse: [reason],
  arrive: [],
  feedback: [
    choice('result', 'result', ['solved', 'partly', 'cannot', 'not_exist']),
    { ...text, required: true },
    { name: 'measures', kind: 'long' },
    photos,
  ],
  recall: [reason],
  reassign: [], // the dispatch panel
  waive: [reason],
}

export const formOf = (action: string): Field[] => incidentForms[action as IncidentAction] ?? []
export const orderFormOf = (action: string): Field[] => orderForms[action as OrderAction] ?? []

/** Chosen in the dispatch panel instead of a form. */
export const dispatching = (action: string): boolean => ['dispatch', 'add_assist', 'reassign'].includes(action)

/** Actions that end or undo something: they are not offered first. */
const grave = ['reject', 'void', 'force_close', 'recall', 'check_fail', 'merge', 'refuse', 'return', 'waive']
export const isGrave = (action: string): boolean => grave.includes(action)

/** What usually comes next in each state: that button stands out. */
const next: Record<string, string[]> = {
  reported: ['accept', 'request_verify'],
  verifying: ['verify_result'],
  accepted: ['dispatch'],
  dispatched: ['sign', 'urge'],
  returned: ['dispatch'],
  handling: ['feedback', 'decide_delay', 'decide_suspend', 'urge'],
  suspended: ['resume'],
  feedback: ['assign_check'],
  checking: ['check_pass'],
  evaluating: ['evaluate'],
  closed: ['reopen'],
}

export function foremost(
  of: Pick<LoopIncident, 'state' | 'delay_asked' | 'suspend_asked'>,
  may: string[],
): string | null {
  if (of.delay_asked && may.includes('decide_delay')) return 'decide_delay'
  if (of.suspend_asked && may.includes('decide_suspend')) return 'decide_suspend'
  return next[of.state]?.find(action => may.includes(action)) ?? null
}

/** The names of the fields that are still missing. */
export function missing(fields: Field[], body: ActionBody): (keyof ActionBody)[] {
  return fields
    .filter(field => {
      if (!field.required) return false
      const value = body[field.name]
      return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
    })
    .map(field => field.name)
}

/** Empty answers are not sent. */
export function filled(body: ActionBody): ActionBody {
  return Object.fromEntries(
    Object.entries(body).filter(
      ([, value]) =>
        value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0),
    ),
  )
}

export const fieldWord: Record<string, { zh: string; en: string }> = {
  reason: { zh: '理由', en: 'Reason' },
  text: { zh: '说明', en: 'Text' },
  note: { zh: '意见', en: 'Note' },
  photos: { zh: '照片', en: 'Photos' },
  worker: { zh: '人员', en: 'Person' },
  result: { zh: '结果', en: 'Result' },
  code: { zh: '原因', en: 'Cause' },
  tier: { zh: '层级', en: 'Tier' },
  category: { zh: '类别', en: 'Category' },
  urgency: { zh: '紧急程度', en: 'Urgency' },
  severity: { zh: '严重程度', en: 'Severity' },
  sensitivity: { zh: '敏感性', en: 'Sensitivity' },
  into: { zh: '并入案件', en: 'Merge into' },
  days: { zh: '延期工作日', en: 'Working days' },
  approve: { zh: '审批', en: 'Decision' },
  review_at: { zh: '复核日期', en: 'Review on' },
  grade: { zh: '满意度', en: 'Grade' },
  rater: { zh: '评价人', en: 'Rated by' },
  level: { zh: '督办级别', en: 'Level' },
  requirement: { zh: '要求', en: 'Requirement' },
  due: { zh: '回复期限', en: 'Reply by' },
  supervision: { zh: '督办事项', en: 'Supervision' },
  reply: { zh: '回复', en: 'Reply' },
  measures: { zh: '处置措施', en: 'Measures' },
}
