// The screen's state lives in the URL: a planned reload, a bookmark or a copied
// address shows the same view. Only what differs from the ordinary is written.
import type { LonLat, Urgency } from '@core/api/types'
import { type Measure, measures } from '@core/map/styles/territory'
import { urgencies } from '@core/ui/severity'
import { type Camera, type LayerName, layerNames, type Target } from './scene'

export interface UrlState {
  camera: Camera | null
  measure: Measure
  /** Layers switched off. */
  hidden: LayerName[]
  /** Urgencies switched off. */
  muted: Urgency[]
  base: string | null
  selected: Target | null
}

const own = ['c', 'm', 'off', 'u', 'b', 's']

export function readUrl(search: string): UrlState {
  const q = new URLSearchParams(search)
  const list = <T extends string>(key: string, known: readonly T[]): T[] =>
    (q.get(key)?.split(',') ?? []).filter((name): name is T => (known as readonly string[]).includes(name))
  return {
    camera: readCamera(q.get('c')),
    measure: measures.find(m => m === q.get('m')) ?? 'online',
    hidden: list('off', layerNames),
    muted: list('u', urgencies),
    base: q.get('b'),
    selected: readTarget(q.get('s')),
  }
}

function readCamera(text: string | null): Camera | null {
  const parts = text?.split(',').map(Number)
  if (parts?.length !== 3 || !parts.every(Number.isFinite)) return null
  const [lon, lat, zoom] = parts as [number, number, number]
  if (Math.abs(lon) > 180 || Math.abs(lat) > 85 || zoom < 0 || zoom > 24) return null
  return { center: [lon, lat] as LonLat, zoom }
}

function readTarget(text: string | null): Target | null {
  const [kind, id] = text?.split(':') ?? []
  if (!id) return null
  if (kind === 'incident') return { kind, id }
  if ((kind === 'grid' || kind === 'worker') && Number.isInteger(Number(id))) return { kind, id: Number(id) }
  return null
}

/** The query string for a state; parameters of others (lang) stay. */
export function writeUrl(search: string, state: UrlState): string {
  const q = new URLSearchParams(search)
  for (const key of own) q.delete(key)
  const { camera, selected } = state
  if (camera) q.set('c', `${camera.center[0].toFixed(5)},${camera.center[1].toFixed(5)},${camera.zoom.toFixed(2)}`)
  if (state.measure !== 'online') q.set('m', state.measure)
  if (state.hidden.length) q.set('off', state.hidden.join())
  if (state.muted.length) q.set('u', state.muted.join())
  if (state.base) q.set('b', state.base)
  if (selected) q.set('s', `${selected.kind}:${selected.id}`)
  const text = q.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
  return text ? `?${text}` : ''
}
