// Who is to be played, and which day, as the address says it. The purpose is
// never in an address: it is given anew each time.
import type { PlaybackAsk } from '@core/api/playback'
import { day as dayOf } from '@core/i18n/format'

export interface Cast {
  by: 'workers' | 'org' | 'grid'
  workers: number[]
  org: number | null
  grid: number | null
  day: string
  /** The other day of a comparison. */
  day2: string | null
}

type Query = Record<string, unknown>

const isDay = (text: unknown): text is string => typeof text === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(text)
const whole = (text: unknown): number | null => {
  const n = Number(text)
  return typeof text === 'string' && Number.isSafeInteger(n) && n > 0 ? n : null
}

export function castOf(query: Query, now: number): Cast {
  const workers = [
    ...new Set(
      String(query.workers ?? query.worker ?? '')
        .split(',')
        .flatMap(one => whole(one) ?? []),
    ),
  ]
  const org = whole(query.org)
  const grid = whole(query.grid)
  return {
    by: workers.length ? 'workers' : org ? 'org' : grid ? 'grid' : 'workers',
    workers,
    org,
    grid,
    day: isDay(query.day) ? query.day : dayOf(now),
    day2: isDay(query.day2) ? query.day2 : null,
  }
}

export function queryOf(cast: Cast): Record<string, string> {
  const query: Record<string, string> = { day: cast.day }
  if (cast.by === 'workers' && cast.workers.length) query.workers = cast.workers.join(',')
  if (cast.by === 'org' && cast.org) query.org = String(cast.org)
  if (cast.by === 'grid' && cast.grid) query.grid = String(cast.grid)
  if (cast.day2 && cast.by === 'workers' && cast.workers.length === 1) query.day2 = cast.day2
  return query
}

/** What the server is asked, once for each day. */
export function asksOf(cast: Cast, purpose: string): PlaybackAsk[] {
  const who =
    cast.by === 'workers'
      ? { workers: cast.workers }
      : cast.by === 'org'
        ? { org: cast.org ?? undefined }
        : { grid: cast.grid ?? undefined }
  const compared = cast.by === 'workers' && cast.workers.length === 1 && cast.day2 && cast.day2 !== cast.day
  return [cast.day, ...(compared ? [cast.day2!] : [])].map(day => ({ ...who, day, purpose: purpose.trim() }))
}

/** 10:30 or 10:30:05 of an address as an offset in ms, or null. */
export function offsetOf(text: unknown): number | null {
  const match = typeof text === 'string' ? /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text) : null
  if (!match) return null
  const [h, m, s] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  return h < 24 && m < 60 && s < 60 ? ((h * 60 + m) * 60 + s) * 1000 : null
}
