// Where cases gather, one bucket of time after another.
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'

const source = 'heat'

export interface HeatCell {
  lon: number
  lat: number
  weight: number
}

export class HeatLayer {
  readonly #map: MapLibre

  constructor(map: MapLibre, before: string) {
    this.#map = map
    map.addSource(source, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    map.addLayer(
      {
        id: 'heat',
        type: 'heatmap',
        source,
        layout: { visibility: 'none' },
        paint: {
          'heatmap-weight': ['get', 'w'],
          'heatmap-intensity': ['interpolate', ['linear'], ['zoom'], 11, 0.8, 16, 1.6],
          'heatmap-radius': [
            'interpolate',
            ['exponential', 1.6],
            ['zoom'],
            11,
            ['*', 18, ['global-state', 'u']],
            16,
            ['*', 70, ['global-state', 'u']],
          ],
          // from the ground's blue over violet to white-hot: no red, which is for what is late
          'heatmap-color': [
            'interpolate',
            ['linear'],
            ['heatmap-density'],
            0,
            'rgba(18, 58, 90, 0)',
            0.15,
            'rgba(40, 110, 190, 0.55)',
            0.4,
            'rgba(120, 90, 220, 0.7)',
            0.7,
            'rgba(240, 150, 90, 0.8)',
            1,
            'rgba(255, 240, 200, 0.9)',
          ],
          'heatmap-opacity': 0.85,
        },
      },
      before,
    )
  }

  visible(on: boolean): void {
    this.#map.setLayoutProperty('heat', 'visibility', on ? 'visible' : 'none')
  }

  /** `most`: the weight that is hottest over the whole time, so that hours can be compared. */
  show(cells: HeatCell[], most: number): void {
    this.#map.getSource<GeoJSONSource>(source)?.setData({
      type: 'FeatureCollection',
      features: cells.map(({ lon, lat, weight }) => ({
        type: 'Feature',
        properties: { w: Math.min(1, weight / Math.max(1, most)) },
        geometry: { type: 'Point', coordinates: [lon, lat] },
      })),
    })
  }
}
