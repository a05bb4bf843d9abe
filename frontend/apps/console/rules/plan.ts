// A calendar's plan as the editor changes it: every change makes a new one.
export interface Period {
  from: string
  to: string
}
export interface Season {
  name: string
  from: string
  to: string
  periods: Period[]
  by_weekday?: Record<number, Period[]>
}
export interface Special {
  date: string
  work: boolean
  name?: string
  periods?: Period[]
}
export interface Plan {
  round_the_clock?: boolean
  weekdays?: number[]
  periods?: Period[]
  by_weekday?: Record<number, Period[]>
  seasons?: Season[]
  holidays: boolean
  days?: Special[]
}
export interface Calendar {
  id: number
  org?: number | null
  org_name?: string
  org_kind?: string
  name: string
  plan: Plan
  version: number
}
export interface DayInfo {
  date: string
  weekday: number
  working: boolean
  kind: 'weekday' | 'weekend' | 'holiday' | 'makeup' | 'own'
  name?: string
  periods: Period[] | null
  minutes: number
  provisional?: boolean
}
export interface HolidayList {
  year: number
  status: 'published' | 'provisional'
  source?: string
  days: { date: string; off: boolean; name: string }[]
  version?: number
  imported_at?: string
}

/** Sets a day of the calendar's own, or with null takes it back. */
export function setDay(plan: Plan, date: string, work: boolean | null, name = ''): Plan {
  const days = (plan.days ?? []).filter(one => one.date !== date)
  if (work !== null) days.push({ date, work, ...(name && { name }) })
  return { ...plan, days: days.toSorted((a, b) => a.date.localeCompare(b.date)) }
}

export const ownDay = (plan: Plan, date: string): Special | undefined => plan.days?.find(one => one.date === date)

/** "08:30" to minutes; NaN when it is none. */
export function minutesOf(text: string): number {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text)
  return match ? Number(match[1]) * 60 + Number(match[2]) : Number.NaN
}

export type PeriodFault = 'bad' | 'empty' | 'overlap'

/** What is wrong with the periods of a day. One may run past midnight, and then it is the last. */
export function periodFault(periods: readonly Period[]): PeriodFault | null {
  if (periods.length === 0) return 'empty'
  let until = -1
  for (const [i, { from, to }] of periods.entries()) {
    const [start, end] = [minutesOf(from), minutesOf(to)]
    if (Number.isNaN(start) || Number.isNaN(end) || start === end) return 'bad'
    if (start < until) return 'overlap'
    if (end < start && i < periods.length - 1) return 'overlap'
    until = end < start ? end + 1440 : end
  }
  return null
}

/** The weeks of a month, Monday first; days of the neighbours fill the corners. */
export function weeksOf(month: string): string[][] {
  const first = new Date(`${month}-01T00:00:00Z`)
  const start = new Date(first)
  start.setUTCDate(1 - ((first.getUTCDay() + 6) % 7))
  const weeks: string[][] = []
  for (const day = new Date(start); weeks.length < 6; ) {
    const week: string[] = []
    for (let i = 0; i < 7; i++) {
      week.push(day.toISOString().slice(0, 10))
      day.setUTCDate(day.getUTCDate() + 1)
    }
    weeks.push(week)
    if (day.toISOString().slice(0, 7) > month) break
  }
  return weeks
}

export function shiftMonth(month: string, by: number): string {
  const day = new Date(`${month}-01T00:00:00Z`)
  day.setUTCMonth(day.getUTCMonth() + by)
  return day.toISOString().slice(0, 7)
}
