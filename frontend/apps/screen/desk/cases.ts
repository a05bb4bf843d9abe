// What a screen can say of cases by itself.
import type { LoopIncident, QueueCode } from '@core/api/loop'
import type { Incident } from '@core/api/types'
import { byNeed, needOf } from '@core/incident/need'

/** The row of a case: the list's shape, without what only its page has. */
export function rowOf(detail: LoopIncident): Incident {
  const { journal: _j, nearest: _n, orders: _o, clocks: _c, whistles, ...rest } = detail
  const row = { ...rest } as Record<string, unknown>
  for (const key of [
    'feedbacks',
    'verifications',
    'delays',
    'suspensions',
    'evaluations',
    'supervisions',
    'archive',
    'may',
    'similar',
  ])
    delete row[key]
  const open = Array.isArray(whistles)
    ? whistles.filter(whistle => !['closed', 'refused'].includes(whistle.state)).length
    : whistles
  return { ...row, whistles: open } as unknown as Incident
}

/** What this screen can say of a queue by itself. */
export function inQueue(code: QueueCode, incident: Incident, now: number): boolean {
  const need = needOf(incident, now)
  if (need === 'over') return false
  switch (code) {
    case 'late':
    case 'soon':
      return need === code
    case 'open':
      return true
    case 'returned':
      return incident.state === 'returned'
    case 'unsigned':
      return incident.state === 'dispatched'
    case 'triage':
      return incident.state === 'reported' || incident.state === 'verifying'
    case 'dispatch':
      return incident.state === 'accepted' || incident.state === 'returned'
    case 'check':
      return incident.state === 'feedback' || incident.state === 'checking'
    case 'evaluate':
      return incident.state === 'evaluating'
    case 'approve':
      return Boolean(incident.delay_asked || incident.suspend_asked)
    case 'supervised':
      return Boolean(incident.supervise)
    case 'suspended':
      return incident.state === 'suspended'
    case 'noground':
      return !incident.grid
    default:
      return false
  }
}

/** Today's cases worth everybody's attention: tier two and up or critical, with a place. */
export function focusOf(incidents: Iterable<Incident>, now: number, today: (at: string) => boolean): Incident[] {
  return byNeed(
    [...incidents].filter(
      i =>
        today(i.reported_at) &&
        i.point &&
        !i.drill &&
        i.sensitivity !== 'high' &&
        ((i.tier ?? 0) >= 2 || i.urgency === 'critical'),
    ),
    now,
  ).map(n => n.incident)
}
