// What is said of a case: its words by key, and the sentences made of them.
import type { Incident, Urgency } from '../api/types'
import { locale, texts } from '../i18n/t'
import { book } from './book'
import { type Step, stepMark } from './life'
import { type Sla, spanOf } from './sla'

export type Word = keyof typeof book

/** The words by their key. */
export const w = texts(book)

/** `w` over a key that the server made: what is not known is shown as it came. */
export function word(prefix: string, code: string | number | null | undefined): string {
  if (code === null || code === undefined || code === '') return ''
  const key = `${prefix}.${code}`
  return key in book ? w(key as Word) : String(code)
}

export const stateName = (state: string): string => word('state', state)
export const stepName = (step: Step): string => w(`step.${step}`)
export const stepTitle = (step: Step): string => `${stepMark[step]}${stepName(step)}`
/** An action's exact words: the server's own in Chinese, ours in another language. */
export const actionName = (may: { action: string; name?: string }): string =>
  locale() === 'zh-CN' && may.name ? may.name : word('action', may.action)
/** incident.fed_back → 反馈 */
export const deedName = (kind: string): string => word('deed', kind.replace(/^[a-z]+\./, ''))
export const tierName = (tier: number | null | undefined): string => word('tier', tier)
export const sourceName = (source: string | undefined): string => word('source', source)
export const queueName = (queue: { code: string; name?: string }): string =>
  locale() === 'zh-CN' && queue.name ? queue.name : word('queue', queue.code)

const ruleParts: Record<string, Word | undefined> = {
  一级: 'tier.1',
  二级: 'tier.2',
  三级: 'tier.3',
  四级: 'tier.4',
  返工: 'stage.rework',
}
const urgencies: Record<string, Urgency | undefined> = {
  特急: 'critical',
  紧急: 'urgent',
  一般: 'normal',
  提示: 'notice',
}

/** The rule that gave a limit: its conditions and its number, 二级 · 规则23. */
export function ruleName(text: string): string {
  if (locale() === 'zh-CN') return text
  return text
    .split(' · ')
    .map(part => {
      const number = /^规则(\d+)$/.exec(part)?.[1]
      if (number) return `rule ${number}`
      if (part === '默认') return 'default'
      const key = ruleParts[part]
      if (key) return w(key)
      return urgencies[part] ? w(`urgency.${urgencies[part]}`) : part
    })
    .join(' · ')
}

/** "2 小时 13 分": two units at the most. */
export function spanText(ms: number): string {
  const { days, hours, minutes, seconds } = spanOf(ms)
  if (days > 0) return w(hours > 0 && days < 10 ? 'span.days' : 'span.days.0', { d: days, h: hours })
  if (hours > 0) return w(minutes > 0 ? 'span.hours' : 'span.hours.0', { h: hours, m: minutes })
  if (minutes > 0) return w('span.minutes', { m: minutes })
  return w('span.seconds', { s: seconds })
}

/** "余 35 分钟", "逾期 2 小时 13 分", "挂账", or nothing. */
export function leftText(sla: Sla): string {
  if (sla.colour === 'paused') return w('sla.paused')
  if (sla.left === null) return ''
  return w(sla.left <= 0 ? 'left.over' : 'left.ahead', { span: spanText(sla.left) })
}

export interface Overlay {
  code: string
  text: string
  tone: 'bad' | 'warn' | 'plain' | 'drill'
}

/** What lies over a case's state: 督办, 吹哨, 演练, 返工, and what waits for a decision. */
export function overlaysOf(of: Incident): Overlay[] {
  const list: Overlay[] = []
  const add = (code: string, text: string, tone: Overlay['tone']): void => void list.push({ code, text, tone })
  if (of.drill) add('drill', w('overlay.drill'), 'drill')
  if (of.supervise) add('supervise', word('supervise', of.supervise), of.supervise === 'yellow' ? 'warn' : 'bad')
  if (typeof of.whistles === 'number' && of.whistles > 0)
    add('whistle', w('overlay.whistle', { n: of.whistles }), 'warn')
  if (of.delay_asked) add('delay', w('overlay.delay'), 'warn')
  if (of.suspend_asked) add('suspend', w('overlay.suspend'), 'warn')
  if (of.rework_count) add('rework', w('overlay.rework', { n: of.rework_count }), 'warn')
  if (of.return_count) add('return', w('overlay.return', { n: of.return_count }), 'warn')
  if (of.urge_count) add('urge', w('overlay.urge', { n: of.urge_count }), 'plain')
  if (of.delay_count && !of.delay_asked) add('delayed', w('overlay.delayed'), 'plain')
  if (of.provisional) add('provisional', w('overlay.provisional'), 'plain')
  if (of.sensitivity === 'high') add('sensitive', w('overlay.sensitive'), 'plain')
  if (of.reopened_from) add('reopened', w('overlay.reopened'), 'plain')
  return list
}
