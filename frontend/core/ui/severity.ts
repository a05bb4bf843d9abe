// Severity is never told by colour alone: every urgency has its shape and its word.
import type { Presence, Urgency } from '../api/types'

export const urgencies: readonly Urgency[] = ['critical', 'urgent', 'normal', 'notice']

export interface Look {
  colour: string
  /** An SVG path in a 24-unit box. */
  path: string
}

export const urgencyLook: Record<Urgency, Look> = {
  critical: { colour: '#ff6b4a', path: 'M12 1.5 22.5 12 12 22.5 1.5 12z' },
  urgent: { colour: '#f0a202', path: 'M12 2.5 22.5 21h-21z' },
  normal: { colour: '#f0e442', path: 'M4 4h16v16H4z' },
  notice: { colour: '#56b4e9', path: 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z' },
}

export const rank = (urgency: Urgency): number => urgencies.indexOf(urgency)

export const presenceColour: Record<Presence, string> = {
  online: '#2fbf8f',
  idle: '#4aa3d8',
  stale: '#c9a24a',
  offline: '#8a97a8',
  sos: '#ff4d4f',
}
