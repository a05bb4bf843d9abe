// Counts instead of points when many people are seen from afar.

import type { Feature } from 'geojson'
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import type { HexBin } from '../live/fleet-store'
import { fonts, palette } from './palette'
import { scaledBy } from './styles/ground'
import { shiftLayer } from './styles/shift'

const source = 'bins'
const counts = 'bin-counts'
/** A bins frame comes every tick; nobody reads counts that fast, and every change re-places all labels. */
const calm = 4_000

export class BinsLayer {
  readonly #map: MapLibre
  #shownAt = Number.NEGATIVE_INFINITY
  #waiting: ReturnType<typeof setTimeout> | null = null
  #next: HexBin[] = []

  constructor(map: MapLibre, before: string, shift: number) {
    this.#map = map
    for (const id of [source, counts])
      map.addSource(id, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
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
            ['interpolate', ['linear'], ['get', 'heat'], 0, '#123a5a', 0.5, '#1c6c90', 1, '#3fb4d8'],
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
    map.addLayer(
      shiftLayer(
        {
          id: 'bin-count',
          type: 'symbol',
          source: counts,
          layout: {
            'text-field': ['to-string', ['get', 'workers']],
            'text-font': fonts,
            'text-size': scaledBy([10, 12], [14, 16]),
            'text-padding': 1,
          },
          paint: { 'text-color': palette.ink, 'text-halo-color': palette.halo, 'text-halo-width': 1.5 },
        },
        shift,
      ),
    )
  }

  show(bins: HexBin[]): void {
    this.#next = bins
    // leaving the bins is shown at once
    if (bins.length === 0 || performance.now() - this.#shownAt >= calm) this.#draw()
    else this.#waiting ??= setTimeout(() => this.#draw(), calm)
  }

  #draw(): void {
    if (this.#waiting) clearTimeout(this.#waiting)
    this.#waiting = null
    this.#shownAt = performance.now()
    const bins = this.#next
    const most = Math.max(1, ...bins.map(bin => bin.workers))
    const cells: Feature[] = []
    const labels: Feature[] = []
    for (const bin of bins) {
      const properties = { workers: bin.workers, active: bin.active, sos: bin.sos, heat: Math.sqrt(bin.workers / most) }
      cells.push({ type: 'Feature', properties, geometry: { type: 'Polygon', coordinates: [bin.ring] } })
      labels.push({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: middle(bin.ring) } })
    }
    this.#map.getSource<GeoJSONSource>(source)?.setData({ type: 'FeatureCollection', features: cells })
    this.#map.getSource<GeoJSONSource>(counts)?.setData({ type: 'FeatureCollection', features: labels })
  }

  visible(on: boolean): void {
    for (const layer of ['bin-fill', 'bin-edge', 'bin-count'])
      this.#map.setLayoutProperty(layer, 'visibility', on ? 'visible' : 'none')
  }
}

function middle(ring: [number, number][]): [number, number] {
  // the ring repeats its first corner at the end
  const corners = ring.slice(0, -1)
  return [
    corners.reduce((sum, c) => sum + c[0], 0) / corners.length,
    corners.reduce((sum, c) => sum + c[1], 0) / corners.length,
  ]
}
