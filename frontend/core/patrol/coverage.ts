// How long ago a place was last visited, as a few bands that also a colour-blind
// eye tells apart: from light to dark in one hue order (viridis-like), and the
// never-visited marked by a shape of its own.
import type { CellState, Cells } from './shape'

export const bands = ['day', 'week', 'fortnight', 'month', 'older', 'never'] as const
export type Band = (typeof bands)[number]

const day = 86_400_000
/** A band holds what is younger than this. */
const until: Record<Exclude<Band, 'older' | 'never'>, number> = {
  day,
  week: 7 * day,
  fortnight: 14 * day,
  month: 31 * day,
}

/** Light is fresh, dark is long ago; luminance falls from band to band. Filled areas alone: a line or a sign has an edge. */
export const bandColour: Record<Band, string> = {
  day: '#fde725',
  week: '#7ad151',
  fortnight: '#22a884',
  month: '#2f7aa8',
  older: '#4a4fa0',
  never: '#ff6b4a',
}

export function band(last: string | null | undefined, now: number): Band {
  const at = last ? Date.parse(last) : Number.NaN
  if (!Number.isFinite(at)) return 'never'
  const age = now - at
  for (const name of ['day', 'week', 'fortnight', 'month'] as const) if (age < until[name]) return name
  return 'older'
}

/** A cell in which nobody can walk has no age. */
export const cellBand = (state: CellState, last: string | null, now: number): Band | 'unwalkable' =>
  state === 'unwalkable' ? 'unwalkable' : state === 'missed' && !last ? 'never' : band(last, now)

export function countBands(cells: Cells, now: number): Record<Band | 'unwalkable', number> {
  const counts = { day: 0, week: 0, fortnight: 0, month: 0, older: 0, never: 0, unwalkable: 0 }
  for (const { properties } of cells.features) counts[cellBand(properties.state, properties.last_at, now)]++
  return counts
}
