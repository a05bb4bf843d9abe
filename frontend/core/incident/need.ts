// What needs somebody to act, in order: the list on the wall begins with it.
import type { Incident } from '../api/types'
import { rank } from '../ui/severity'
import { isOver } from './life'
import { slaOf } from './sla'

/** The groups of the list, from the top. */
export const needs = ['now', 'late', 'soon', 'back', 'open', 'paused', 'over'] as const
export type Need = (typeof needs)[number]

/**
 * now: critical and nobody has it in hand. late: past its due instant. soon: past
 * its warning. back: came back (退回) or waits to be taken up. open: running.
 * paused: 挂账. over: closed in any way.
 */
export function needOf(incident: Incident, now: number): Need {
  if (isOver(incident.state)) return 'over'
  const { colour } = slaOf(incident, now)
  if (colour === 'paused' || incident.state === 'suspended') return 'paused'
  if (incident.urgency === 'critical' && waiting(incident.state)) return 'now'
  if (colour === 'red') return 'late'
  if (colour === 'yellow') return 'soon'
  if (incident.state === 'returned' || incident.suspend_asked || incident.delay_asked) return 'back'
  return 'open'
}

/** Nobody has it in hand yet. */
export const waiting = (state: string): boolean =>
  ['reported', 'verifying', 'accepted', 'dispatched', 'returned'].includes(state)

export interface Needy {
  incident: Incident
  need: Need
  /** Within the group: the smaller, the earlier. */
  order: number
}

export function weigh(incident: Incident, now: number): Needy {
  const need = needOf(incident, now)
  const reported = Date.parse(incident.reported_at)
  let order: number
  switch (need) {
    case 'now':
    case 'over':
      order = -reported // the newest first
      break
    case 'late':
    case 'soon':
      order = slaOf(incident, now).due ?? reported
      break
    case 'paused':
      order = incident.review_at ? Date.parse(incident.review_at) : reported
      break
    default: {
      // the urgent first, then whose clock runs out first, then the oldest
      const due = slaOf(incident, now).due
      order = rank(incident.urgency) * 1e13 + (due ?? reported)
    }
  }
  return { incident, need, order }
}

/** Sorted by need; the sort is stable and total, so that rows do not jump about. */
export function byNeed(incidents: Iterable<Incident>, now: number): Needy[] {
  const list: Needy[] = []
  for (const incident of incidents) list.push(weigh(incident, now))
  return list.sort(
    (a, b) =>
      needs.indexOf(a.need) - needs.indexOf(b.need) ||
      a.order - b.order ||
      (a.incident.id < b.incident.id ? -1 : a.incident.id > b.incident.id ? 1 : 0),
  )
}
