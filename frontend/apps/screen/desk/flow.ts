// The history of a case as somebody reads it: what was done, by whom, from
// which state to which, and why.
import type { IncidentBody } from '@core/api/loop'
import type { JournalEntry } from '@core/api/types'
import type { WhistleKind } from '@core/api/watch'
import { deedName, stateName } from '@core/incident/words'

export interface Line {
  key: string
  at: string
  what: string
  who: string
  from: string
  to: string
  why: string
  tone: 'plain' | 'bad' | 'warn' | 'good'
}

const bad = ['overdue', 'reworked', 'returned', 'refused', 'rejected', 'voided']
const warn = ['due_soon', 'urged', 'supervised', 'suspended', 'delay_requested', 'suspend_requested', 'recalled']
const good = ['closed', 'checked', 'archived', 'fed_back']

export function linesOf(journal: readonly JournalEntry[]): Line[] {
  return journal
    .toSorted((a, b) => b.seq - a.seq)
    .map(entry => {
      const body = (entry.body ?? {}) as Partial<IncidentBody>
      const deed = body.deed
      const verb = entry.kind.replace(/^[a-z]+\./, '')
      const moved = deed?.from && deed.to && deed.from !== deed.to
      const target = [deed?.org_name, deed?.worker_name].filter(Boolean).join(' ')
      return {
        key: `${entry.region}:${entry.seq}`,
        at: entry.at,
        what: deedName(entry.kind),
        who: deed?.by_name ?? (verb === 'reported' ? (body.reporter_name ?? '') : ''),
        from: moved ? stateName(deed.from!) : '',
        to: moved ? stateName(deed.to!) : '',
        why: [target, deed?.reason, deed?.note].filter(Boolean).join(' · '),
        tone: bad.includes(verb) ? 'bad' : warn.includes(verb) ? 'warn' : good.includes(verb) ? 'good' : 'plain',
      }
    })
}

/** The whistles that may be raised over a case in this state; the server has the last word. */
export function kindsIn(state: string): readonly WhistleKind[] {
  if (['accepted', 'dispatched', 'returned', 'handling'].includes(state)) return ['mass', 'enforcement', 'emergency']
  return ['reported', 'verifying'].includes(state) ? ['emergency'] : []
}
