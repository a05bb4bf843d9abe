// The journal in words: who did what when, from which state to which.
import type { Deed } from '@core/api/loop'
import type { JournalEntry } from '@core/api/types'
import { deedName } from '@core/incident'
import { t, word } from '../texts'

export interface Line {
  key: string
  at: string
  who: string
  what: string
  /** To whom an order went. */
  whom: string
  from: string
  to: string
  /** Reason and remark, in the words that were typed. */
  said: string[]
  tone: 'plain' | 'good' | 'warn' | 'bad'
  seq: number
}

const tones: Record<string, Line['tone']> = {
  'incident.returned': 'warn',
  'incident.refused': 'warn',
  'incident.reworked': 'warn',
  'incident.rejected': 'warn',
  'incident.recalled': 'warn',
  'incident.due_soon': 'warn',
  'incident.urged': 'warn',
  'incident.supervised': 'bad',
  'incident.overdue': 'bad',
  'whistle.respond_overdue': 'bad',
  'whistle.arrive_overdue': 'bad',
  'incident.voided': 'bad',
  'incident.checked': 'good',
  'incident.evaluated': 'good',
  'incident.closed': 'good',
  'incident.archived': 'good',
  'incident.inherited': 'good',
}

/** In these the organisation named is the one that was told to act; in the others it is the one that acted. */
const given = new Set([
  'incident.dispatched',
  'incident.reassigned',
  'incident.assisted',
  'incident.reworked',
  'incident.recalled',
  'incident.waived',
  'incident.check_assigned',
  'incident.verify_requested',
])

const by = (entry: JournalEntry, deed: Deed | undefined): string =>
  [deed?.by_name, given.has(entry.kind) ? '' : deed?.org_name].filter(Boolean).join(' · ')

const stateWord = (state: string | undefined): string => (state ? word('state', state) : '')

export function line(entry: JournalEntry): Line {
  const body = (entry.body ?? {}) as { deed?: Deed; reporter_name?: string }
  const deed = body.deed
  const moved = deed?.from !== deed?.to
  return {
    key: `${entry.region}/${entry.seq}`,
    at: entry.at,
    who: by(entry, deed) || (entry.kind === 'incident.reported' ? body.reporter_name || '' : '') || t('deed.system'),
    what: entry.kind.startsWith('incident.') ? deedName(entry.kind) : word('journal', entry.kind),
    whom: given.has(entry.kind) ? [deed?.org_name, deed?.worker_name].filter(Boolean).join(' ') : '',
    from: moved ? stateWord(deed?.from) : '',
    to: moved ? stateWord(deed?.to) : '',
    said: [deed?.reason, deed?.note].filter((text): text is string => !!text),
    tone: tones[entry.kind] ?? 'plain',
    seq: entry.seq,
  }
}

/** The newest first, as somebody reads who wants to know how it stands. */
export const lines = (journal: readonly JournalEntry[] | undefined): Line[] =>
  (journal ?? []).map(line).toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq)
