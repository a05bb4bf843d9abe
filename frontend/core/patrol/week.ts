// Weeks of the business zone, Monday to Sunday, as days written YYYY-MM-DD, and
// the fourteen half-days in one.
import type { Half, HalfDay } from './shape'

const ms = 86_400_000
const at = (day: string): number => Date.parse(`${day}T00:00:00Z`)

export const plusDays = (day: string, n: number): string => new Date(at(day) + n * ms).toISOString().slice(0, 10)
/** 1 is Monday, 7 is Sunday. */
export const weekday = (day: string): number => ((Math.floor(at(day) / ms) + 3) % 7) + 1
export const monday = (day: string): string => plusDays(day, 1 - weekday(day))
export const weekDays = (week: string): string[] => [0, 1, 2, 3, 4, 5, 6].map(n => plusDays(week, n))
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && Number.isFinite(at(text)) && plusDays(text, 0) === text

/** The number that the calendar gives the week: it belongs to the year of its Thursday. */
export function weekNumber(week: string): { year: number; n: number } {
  const thursday = plusDays(monday(week), 3)
  const year = Number(thursday.slice(0, 4))
  return { year, n: 1 + Math.floor((at(thursday) - at(`${year}-01-01`)) / ms / 7) }
}

export const halves = ['am', 'pm'] as const

export type Look = 'full' | 'part' | 'none' | 'leave' | 'rest' | 'ahead'

/**
 * How a half-day is drawn. What was walked is shown also where nothing was asked;
 * only an empty half says why it may be empty.
 */
export function halfLook(half: Pick<HalfDay, 'day' | 'minutes' | 'qualified' | 'rest' | 'leave'>, today: string): Look {
  if (half.qualified) return 'full'
  if (half.minutes > 0) return 'part'
  if (half.leave) return 'leave'
  if (half.rest) return 'rest'
  return half.day > today ? 'ahead' : 'none'
}

/** The fourteen in their order, Monday's morning first; what the server left out is an empty half. */
export function fourteen(week: string, given: readonly HalfDay[]): HalfDay[] {
  const found = new Map(given.map(one => [`${one.day} ${one.half}`, one]))
  return weekDays(week).flatMap(day =>
    halves.map(half => found.get(`${day} ${half}`) ?? { day, half: half as Half, minutes: 0, qualified: false }),
  )
}

/** How full of what it needs: 0 to 1. */
export const filled = (minutes: number, needed: number): number =>
  needed > 0 ? Math.min(1, Math.max(0, minutes / needed)) : 0

/**
 * How many half-days so many working halves ask for: the share of ten, rounded
 * up, never more than the quota and nothing of nothing. The server decides; this
 * only explains its figure, and says so when it came to another one.
 */
export function required(quota: number, workingDays: number, leaveHalves: number, prorate = true): number {
  const halves = prorate ? 2 * workingDays : 10
  return Math.min(quota, Math.ceil((quota * Math.max(0, halves - leaveHalves)) / 10))
}
