// The queues in the groups that the desk shows them in.
import type { Queue, QueueCode } from '@core/api/loop'

export const queueCodes: readonly QueueCode[] = [
  'mine',
  'late',
  'soon',
  'returned',
  'unsigned',
  'triage',
  'dispatch',
  'check',
  'evaluate',
  'approve',
  'supervised',
  'suspended',
  'open',
  'noground',
]

export type GroupCode = 'mine' | 'late' | 'back' | 'stage' | 'other'
const groups: Record<GroupCode, readonly QueueCode[]> = {
  mine: ['mine', 'approve'],
  late: ['late', 'soon', 'unsigned'],
  back: ['returned', 'supervised'],
  stage: ['triage', 'dispatch', 'check', 'evaluate'],
  other: ['suspended', 'open', 'noground'],
}

/** The strip: what must not be forgotten. */
export const reminders: readonly QueueCode[] = ['soon', 'late', 'returned', 'unsigned', 'open']

export interface QueueGroup {
  code: GroupCode
  queues: Queue[]
}

export function grouped(queues: readonly Queue[]): QueueGroup[] {
  const made = (Object.keys(groups) as GroupCode[]).map(code => ({
    code,
    queues: groups[code].flatMap(name => queues.filter(queue => queue.code === name)),
  }))
  // a queue of a newer server still has a place
  const known = new Set<string>(Object.values(groups).flat())
  made.at(-1)!.queues.push(...queues.filter(queue => !known.has(queue.code)))
  return made.filter(group => group.queues.length > 0)
}
