// What each action asks for. The server says which ones there are (`may`); a
// newer server's action, unknown here, asks for a reason.
import type { DelayRequest, LoopIncident, Order, Supervision, Suspension } from '@core/api/loop'
import { rejectCodes, returnCodes } from '@core/incident'
import { urgencies } from '@core/ui/severity'
import type { Field, Values } from '../form'
import { t, word } from '../texts'

export interface Form {
  fields: Field[]
  lead?: string
  danger?: boolean
  /** What the form starts with. */
  values?: Values
  /** Turns what the fields gave into the body of the request. */
  make?: (body: Record<string, unknown>) => Record<string, unknown>
  /** Has a dialog of its own. */
  own?: 'dispatch' | 'reassign' | 'add_assist' | 'merge'
}

const codes = (prefix: string, list: readonly string[]) => list.map(value => ({ value, label: word(prefix, value) }))
const numbered = (prefix: string, list: readonly number[]) =>
  list.map(value => ({ value, label: word(prefix, String(value)) }))

const reason = (required = true): Field => ({
  key: 'reason',
  label: t('f.reason'),
  kind: 'area',
  required,
  min: 2,
  max: 500,
})
const text = (required = false): Field => ({ key: 'text', label: t('f.text'), kind: 'area', required, max: 2000 })
const photos = (label = t('f.photos')): Field => ({ key: 'photos', label, kind: 'photos' })
const tier = (required = true): Field => ({
  key: 'tier',
  label: t('tier'),
  kind: 'choice',
  required,
  half: true,
  options: numbered('tier.full', [1, 2, 3, 4]),
})
const urgency = (): Field => ({
  key: 'urgency',
  label: t('incident.urgency'),
  kind: 'choice',
  half: true,
  options: codes('urgency', urgencies),
})
const category = (): Field => ({ key: 'category', label: t('incident.category'), kind: 'category', half: true })
const grade = (key: string, label: string, required = false): Field => ({ key, label, kind: 'grade', required })
const decision: Field[] = [
  {
    key: 'approve',
    label: t('f.decision'),
    kind: 'choice',
    required: true,
    options: [
      { value: 'yes', label: t('f.decision.yes') },
      { value: 'no', label: t('f.decision.no') },
    ],
  },
  { key: 'note', label: t('f.note'), kind: 'area', max: 500 },
]
const decided = (made: Record<string, unknown>) => ({ ...made, approve: made.approve === 'yes' })

/** The first day on which a suspended case could be looked at again: in a week, at nine. */
export function reviewDay(now: number): number {
  const day = new Date(now + 7 * 86_400_000)
  day.setHours(9, 0, 0, 0)
  return day.getTime()
}

export interface About {
  incident: Pick<LoopIncident, 'tier' | 'urgency' | 'category' | 'severity' | 'sensitivity'> & {
    supervisions?: Supervision[]
    delays?: DelayRequest[]
    suspensions?: Suspension[]
  }
  order?: Order
  now: number
}

/** The demands that wait for an answer. */
export const unanswered = (list: readonly Supervision[] | undefined): Supervision[] =>
  (list ?? []).filter(one => one.kind === 'supervise' && !one.replied_at)

const asked = (ask: DelayRequest | Suspension | undefined, what: string): string | undefined =>
  ask ? `${ask.asked_name}：${ask.reason}（${what}）` : undefined

export function formOf(action: string, about: About): Form {
  const { incident } = about
  switch (action) {
    case 'request_verify':
      return {
        fields: [
          { key: 'worker', label: t('f.verifier'), kind: 'worker' },
          { key: 'note', label: t('f.note'), kind: 'area', max: 500 },
        ],
      }
    case 'verify_result':
      return {
        fields: [
          {
            key: 'result',
            label: t('f.result'),
            kind: 'choice',
            required: true,
            options: codes('result', ['pass', 'not_found', 'duplicate']),
          },
          text(),
          photos(),
        ],
      }
    case 'accept':
      return {
        fields: [tier(), urgency(), { ...category(), half: false }],
        values: {
          tier: incident.tier ?? null,
          urgency: incident.urgency,
          category: incident.category ?? null,
        },
      }
    case 'reject':
      return {
        fields: [
          { key: 'code', label: t('f.code'), kind: 'choice', required: true, options: codes('code', rejectCodes) },
          reason(),
        ],
        danger: true,
      }
    case 'merge':
      return { fields: [], own: 'merge' }
    case 'self_handle':
      return { fields: [text(true), photos()] }
    case 'dispatch':
      return { fields: [], own: 'dispatch' }
    case 'reassign':
      return { fields: [], own: 'reassign' }
    case 'add_assist':
      return { fields: [], own: 'add_assist' }
    case 'request_delay':
      return {
        fields: [
          { key: 'days', label: t('f.days'), kind: 'number', required: true, min: 1, max: 60, initial: 1 },
          reason(),
        ],
      }
    case 'decide_delay': {
      const ask = incident.delays?.find(one => one.state === 'asked')
      return { fields: decision, make: decided, lead: asked(ask, t('f.days.of', { n: ask?.days ?? 0 })) }
    }
    case 'decide_suspend': {
      const ask = incident.suspensions?.find(one => one.state === 'asked')
      return {
        fields: decision,
        make: decided,
        lead: asked(ask, `${t('f.review')} ${ask?.review_at.slice(0, 10) ?? ''}`),
      }
    }
    case 'request_suspend':
    case 'suspend':
      return {
        fields: [
          { key: 'review_at', label: t('f.review'), kind: 'moment', required: true, help: t('f.review.help') },
          reason(),
        ],
        values: { review_at: reviewDay(about.now) },
      }
    case 'resume':
      return { fields: [reason(false)] }
    case 'assign_check':
      return {
        fields: [
          { key: 'worker', label: t('f.checker'), kind: 'worker' },
          { key: 'note', label: t('f.note'), kind: 'area', max: 500 },
        ],
      }
    case 'check_pass':
      return { fields: [text(), photos()] }
    case 'evaluate':
      return {
        fields: [
          {
            key: 'rater',
            label: t('f.rater'),
            kind: 'choice',
            required: true,
            initial: 'operator',
            options: codes('rater', ['resident', 'reporter', 'grid', 'station', 'operator']),
          },
          grade('grade', t('f.grade'), true),
          grade('speed', t('f.speed')),
          grade('effect', t('f.effect')),
          grade('attitude', t('f.attitude')),
          text(),
        ],
      }
    case 'force_close':
      return {
        fields: [reason(), { key: 'sure', label: t('f.confirm'), kind: 'yes', required: true, initial: null }],
        danger: true,
        lead: t('f.force.lead'),
        make: ({ sure: _, ...rest }) => rest,
      }
    case 'void':
      return { fields: [reason()], danger: true, lead: t('f.void.lead') }
    case 'reopen':
      return { fields: [reason()], lead: t('f.reopen.lead') }
    case 'urge':
      return { fields: [{ key: 'note', label: t('f.note'), kind: 'area', max: 500 }] }
    case 'supervise':
      return {
        fields: [
          {
            key: 'level',
            label: t('f.level'),
            kind: 'choice',
            required: true,
            half: true,
            initial: 'yellow',
            options: codes('supervise', ['yellow', 'red', 'listed']),
          },
          { key: 'due', label: t('f.due'), kind: 'moment', half: true },
          { key: 'requirement', label: t('f.requirement'), kind: 'area', required: true, min: 2, max: 500 },
        ],
      }
    case 'reply_supervision': {
      const open = unanswered(incident.supervisions)
      return {
        fields: [
          {
            key: 'supervision',
            label: t('f.supervision'),
            kind: 'choice',
            required: true,
            options: open.map(one => ({
              value: one.id,
              label: `${word('supervise', one.level || 'yellow')} · ${one.requirement || one.by_name}`,
            })),
          },
          { key: 'reply', label: t('f.reply'), kind: 'area', required: true, min: 2, max: 1000 },
        ],
        values: open[0] ? { supervision: open[0].id } : undefined,
      }
    }
    case 'set':
      return {
        fields: [
          { ...category(), half: false },
          urgency(),
          {
            key: 'severity',
            label: t('severity'),
            kind: 'choice',
            half: true,
            options: numbered('severity', [1, 2, 3, 4]),
          },
          {
            key: 'sensitivity',
            label: t('sensitivity'),
            kind: 'choice',
            options: codes('sensitivity', ['normal', 'high']),
          },
          reason(),
        ],
        values: {
          category: incident.category ?? null,
          urgency: incident.urgency,
          severity: incident.severity ?? null,
          sensitivity: incident.sensitivity ?? 'normal',
        },
      }
    // orders
    case 'sign':
      return { fields: [] }
    case 'return':
      return {
        fields: [
          { key: 'code', label: t('f.code'), kind: 'choice', required: true, options: codes('code', returnCodes) },
          reason(),
        ],
        danger: true,
      }
    case 'arrive':
      return { fields: [] }
    case 'feedback':
      return {
        fields: [
          {
            key: 'result',
            label: t('f.result'),
            kind: 'choice',
            required: true,
            initial: 'solved',
            options: codes('result', ['solved', 'partly', 'cannot', 'not_exist']),
          },
          { key: 'text', label: t('f.text'), kind: 'area', required: true, min: 2, max: 2000 },
          { key: 'measures', label: t('f.measures'), kind: 'area', max: 1000 },
          photos(t('f.photos.after')),
        ],
      }
    default:
      return { fields: [reason()] }
  }
}

/** What is done often first and bright; what ends or forces last and apart. */
const primary = [
  'accept',
  'dispatch',
  'verify_result',
  'sign',
  'arrive',
  'feedback',
  'check_pass',
  'check_fail',
  'assign_check',
  'evaluate',
  'decide_delay',
  'decide_suspend',
  'reply_supervision',
  'resume',
  'self_handle',
  'request_verify',
]
const grave = ['force_close', 'void', 'reject']

export function arrange<T extends { action: string }>(may: readonly T[]): { first: T[]; rest: T[]; grave: T[] } {
  const at = (one: T) => primary.indexOf(one.action)
  return {
    first: may.filter(one => at(one) >= 0).toSorted((a, b) => at(a) - at(b)),
    rest: may.filter(one => at(one) < 0 && !grave.includes(one.action)),
    grave: may.filter(one => grave.includes(one.action)),
  }
}
