// How times and figures are written, in the business zone whatever the machine's own.
import { locale, t } from './t'

export const zone = 'Asia/Shanghai'

const made = new Map<string, Intl.DateTimeFormat>()

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options)
  let f = made.get(key)
  if (!f) {
    f = new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: 'h23', ...options })
    made.set(key, f)
  }
  return f
}

/** What stands between the things of a list. */
export const comma = (): string => (locale() === 'en' ? ', ' : '、')

/** What stands between the parts of a sentence. */
export const pause = (): string => (locale() === 'en' ? ', ' : '，')
/** What stands before what is told of something. */
export const colon = (): string => (locale() === 'en' ? ': ' : '：')

const two = { hour: '2-digit', minute: '2-digit' } as const

export type Instant = number | string | Date
const date = (at: Instant): Date => (at instanceof Date ? at : new Date(at))

/** 14:32:08 */
export const clock = (at: Instant): string => formatter({ ...two, second: '2-digit' }).format(date(at))
/** 14:32 */
export const hourMinute = (at: Instant): string => formatter(two).format(date(at))
/** 2026年11月22日 星期日 */
export const longDay = (at: Instant): string => {
  const d = date(at)
  return `${formatter({ year: 'numeric', month: 'long', day: 'numeric' }).format(d)} ${formatter({ weekday: 'long' }).format(d)}`
}
/** 11-22 14:32:08 */
export const dateTime = (at: Instant): string =>
  formatter({ month: '2-digit', day: '2-digit', ...two, second: '2-digit' })
    .format(date(at))
    .replace('/', '-')
/** 2026-11-22, the business day */
export const day = (at: Instant): string =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    date(at),
  )

/** 12,345 */
export const count = (n: number): string => n.toLocaleString('en-US')
/** 96.4%, or — when there is nothing to divide by */
export const percent = (share: number | null | undefined, digits = 0): string =>
  share == null || !Number.isFinite(share) ? '—' : `${(share * 100).toFixed(digits)}%`

/** 3 分钟前 */
export function ago(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 3) return t('ago.now')
  if (s < 60) return t('ago.seconds', { n: s })
  if (s < 3600) return t('ago.minutes', { n: Math.floor(s / 60) })
  if (s < 86400) return t('ago.hours', { n: Math.floor(s / 3600) })
  return t('ago.days', { n: Math.floor(s / 86400) })
}
