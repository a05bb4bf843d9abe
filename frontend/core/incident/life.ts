// The life of a case: which of the six steps a state belongs to, and how far
// along its bar a case has come. The same table as the server's incident package.
import type { IncidentState } from '../api/loop'

export type Step = 1 | 2 | 3 | 4 | 5 | 6
export const steps: readonly Step[] = [1, 2, 3, 4, 5, 6]
export const stepMark: Record<Step, string> = { 1: '①', 2: '②', 3: '③', 4: '④', 5: '⑤', 6: '⑥' }

const stepOfState: Record<IncidentState, Step> = {
  reported: 1,
  verifying: 1,
  accepted: 2,
  dispatched: 2,
  returned: 2,
  handling: 3,
  suspended: 3,
  feedback: 3,
  checking: 4,
  evaluating: 5,
  closed: 6,
  archived: 6,
  rejected: 6,
  void: 6,
  merged: 6,
}

export const states = Object.keys(stepOfState) as IncidentState[]

export const knownState = (state: string): state is IncidentState => state in stepOfState

export const stepOf = (state: string): Step => (knownState(state) ? stepOfState[state] : 1)

/** The end of a life: nothing is owed any more. */
export const isOver = (state: string): boolean => stepOf(state) === 6

/** Ended without having been handled: 不予受理, 作废, 并案. */
export const cutShort = (state: string): boolean => state === 'rejected' || state === 'void' || state === 'merged'

export type StepLook = 'done' | 'now' | 'ahead' | 'skipped'

/**
 * How each of the six steps is drawn. A case that was cut short never passed the
 * steps between its beginning and its end: they stay empty.
 */
export function bar(state: string): StepLook[] {
  const now = stepOf(state)
  return steps.map(step => {
    if (cutShort(state)) return step === 1 ? 'done' : step === 6 ? 'now' : 'skipped'
    if (step < now) return 'done'
    if (step > now) return 'ahead'
    return state === 'archived' ? 'done' : 'now'
  })
}
