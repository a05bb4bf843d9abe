// The ground under evidence: the base map, the grids' lines and the communities'
// names, and on it whatever GeoJSON the page lays there.
import { get } from '@core/api/client'
import type { LonLat, MapSources } from '@core/api/types'
import { canDraw, createMap } from '@core/map/create'
import { outlines } from '@core/map/outlines'
import { BaseMap } from '@core/map/sources'
import type { Feature } from 'geojson'
import type { GeoJSONSource, LayerSpecification, Map as MapLibre } from 'maplibre-gl'
import { onBeforeUnmount, onMounted, type Ref, ref, shallowRef } from 'vue'

export type Box = [west: number, south: number, east: number, north: number]

export function boxOf(points: Iterable<LonLat>): Box | null {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const [lon, lat] of points) {
    west = Math.min(west, lon)
    east = Math.max(east, lon)
    south = Math.min(south, lat)
    north = Math.max(north, lat)
  }
  return west <= east ? [west, south, east, north] : null
}

export interface Layered {
  sources: readonly string[]
  layers: LayerSpecification[]
  label: string
}

/** A map for the life of the component, in the element that is given. */
export function useGround(box: Ref<HTMLElement | null>, what: Layered, ready: (map: MapLibre) => void) {
  const map = shallowRef<MapLibre | null>(null)
  const drawable = ref(true)
  const about = shallowRef<MapSources | null>(null)
  let gone = false

  onMounted(async () => {
    if (!canDraw()) {
      drawable.value = false
      return
    }
    const sources = await get<MapSources>('/map-sources').catch(() => null)
    if (!sources || gone || !box.value) {
      drawable.value = gone
      return
    }
    about.value = sources
    const made = await createMap({ container: box.value, bounds: sources.bounds, unit: 1, label: what.label })
    if (gone) {
      made.remove()
      return
    }
    const base = sources.sources.find(one => one.id === sources.default)
    if (base) await new BaseMap(made).show(base, sources.sources).catch(() => undefined)
    if (gone) return
    outlines(made)
    for (const id of what.sources)
      made.addSource(id, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    for (const layer of what.layers) made.addLayer(layer)
    map.value = made
    ready(made)
  })
  onBeforeUnmount(() => {
    gone = true
    map.value?.remove()
    map.value = null
  })

  const lay = (id: string, features: Feature[]): void => {
    ;(map.value?.getSource(id) as GeoJSONSource | undefined)?.setData({ type: 'FeatureCollection', features })
  }
  const fit = (around: Box | null, padding = 48): void => {
    if (around) map.value?.fitBounds(around, { padding, maxZoom: 17.5, duration: 0 })
  }
  return { map, drawable, about, lay, fit }
}
