// Counts instead of points when many people are seen from afar.

import type { Feature } from 'geojson'
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import type { HexBin } from '../live/fleet-store'
import { fonts, palette } from './palette'
import { scaledBy } from './styles/ground'

const source = 'bins'

export class BinsLayer {
  readonly #map: MapLibre

  constructor(map: MapLibre, before: string) {
    this.#map = map
    map.addSource(source, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    map.addLayer(
      {
        id: 'bin-fill',
        type: 'fill',
        source,
        paint: {
          'fill-color': [
            'case',
            ['>', ['get', 'sos'], 0],
            '#ff4d4f',
            ['interpolate', ['linear'], ['get', 'heat'], 0, '#123a5a', 0.5, '#1f7f9f', 1, '#5fd4f4'],
          ],
          'fill-opacity': ['interpolate', ['linear'], ['get', 'heat'], 0, 0.35, 1, 0.72],
        },
      },
      before,
    )
    map.addLayer(
      {
        id: 'bin-edge',
        type: 'line',
        source,
        paint: { 'line-color': '#5fd4f4', 'line-opacity': 0.25, 'line-width': 1 },
      },
      before,
    )
    map.addLayer({
      id: 'bin-count',
      type: 'symbol',
      source,
      layout: {
        'text-field': ['to-string', ['get', 'workers']],
        'text-font': fonts,
        'text-size': scaledBy([10, 12], [14, 16]),
        'text-padding': 1,
      },
      paint: { 'text-color': palette.ink, 'text-halo-color': palette.halo, 'text-halo-width': 1.5 },
    })
  }

  show(bins: HexBin[]): void {
    const most = Math.max(1, ...bins.map(bin => bin.workers))
    const features: Feature[] = bins.map(bin => ({
      type: 'Feature',
      properties: { workers: bin.workers, active: bin.active, sos: bin.sos, heat: Math.sqrt(bin.workers / most) },
      geometry: { type: 'Polygon', coordinates: [bin.ring] },
    }))
    this.#map.getSource<GeoJSONSource>(source)?.setData({ type: 'FeatureCollection', features })
  }

  visible(on: boolean): void {
    for (const layer of ['bin-fill', 'bin-edge', 'bin-count'])
      this.#map.setLayoutProperty(layer, 'visibility', on ? 'visible' : 'none')
  }
}
