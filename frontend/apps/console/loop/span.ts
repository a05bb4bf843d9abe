// The words of a countdown, and its tone.
import { leftText, type Sla, type SlaColour } from '@core/incident'
import { t } from '../texts'

/** "余 3 小时 12 分", "逾期 2 天"; the word of the colour where nothing runs. */
export const countdown = (sla: Sla): string => (sla.left === null ? t(`sla.${sla.colour}`) : leftText(sla))

export const slaTone: Record<SlaColour, string> = {
  red: 'bad',
  yellow: 'warn',
  green: 'good',
  paused: 'muted',
  none: 'muted',
}
