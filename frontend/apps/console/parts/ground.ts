// The ground of every small map: the base map, the grids' lines and the communities'
// names, and on it whatever GeoJSON the page lays there.
import { get } from '@core/api/client'
import type { LonLat, MapSources } from '@core/api/types'
import { canDraw, createMap } from '@core/map/create'
import { outlines } from '@core/map/outlines'
import { type Palette, palettes } from '@core/map/palette'
import { BaseMap } from '@core/map/sources'
import type { Feature } from 'geojson'
import type { GeoJSONSource, LayerSpecification, Map as MapLibre, PaddingOptions } from 'maplibre-gl'
import { onBeforeUnmount, onMounted, type Ref, ref, shallowRef, watch } from 'vue'
import { look } from '../look'

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
  /** In the tones of the map below them. */
  layers: (tones: Palette) => LayerSpecification[]
  label: string
}

/** A map for the life of the component, in the element that is given; made anew when the page changes its look. */
export function useGround(box: Ref<HTMLElement | null>, what: Layered, ready: (map: MapLibre) => void) {
  const map = shallowRef<MapLibre | null>(null)
  const drawable = ref(true)
  const about = shallowRef<MapSources | null>(null)
  let newest = 0

  async function make(): Promise<void> {
    const mine = ++newest
    if (!canDraw()) {
      drawable.value = false
      return
    }
    const sources = about.value ?? (await get<MapSources>('/map-sources').catch(() => null))
    if (mine !== newest) return
    if (!sources || !box.value) {
      drawable.value = false
      return
    }
    about.value = sources
    const tones = palettes[look.value]
    const made = await createMap({ container: box.value, bounds: sources.bounds, unit: 1, label: what.label, tones })
    if (mine !== newest) {
      made.remove()
      return
    }
    const base = sources.sources.find(one => one.id === sources.default)
    if (base) await new BaseMap(made, 0, tones).show(base, sources.sources).catch(() => undefined)
    if (mine !== newest) {
      made.remove()
      return
    }
    outlines(made, tones)
    for (const id of what.sources)
      made.addSource(id, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    for (const layer of what.layers(tones)) made.addLayer(layer)
    map.value = made
    ready(made)
  }
  function drop(): void {
    newest++
    map.value?.remove()
    map.value = null
  }
  onMounted(make)
  watch(look, () => {
    drop()
    void make()
  })
  onBeforeUnmount(drop)

  const lay = (id: string, features: Feature[]): void => {
    ;(map.value?.getSource(id) as GeoJSONSource | undefined)?.setData({ type: 'FeatureCollection', features })
  }
  const fit = (around: Box | null, padding: number | PaddingOptions = 48, duration = 0): void => {
    if (around) map.value?.fitBounds(around, { padding, maxZoom: 17.5, duration })
  }
  return { map, drawable, about, lay, fit }
}
