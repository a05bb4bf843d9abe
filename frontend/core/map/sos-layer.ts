// Who calls for help: on top of everything, named, and there even when people
// are shown as counts.
import type { GeoJSONSource, LayerSpecification, Map as MapLibre } from 'maplibre-gl'
import type { LonLat } from '../api/types'
import { presenceColour } from '../ui/severity'
import { fonts } from './palette'
import { scaledBy } from './styles/ground'
import { shiftLayer } from './styles/shift'

const source = 'sos'

export interface Caller {
  name: string
  point: LonLat
}

export class SosLayer {
  readonly #map: MapLibre
  #shown = ''

  constructor(map: MapLibre, shift: number) {
    const add = (layer: LayerSpecification): void => void map.addLayer(shiftLayer(layer, shift))
    this.#map = map
    map.addSource(source, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    add({
      id: 'sos-halo',
      type: 'circle',
      source,
      paint: {
        'circle-radius': scaledBy([12, 18], [17, 30]),
        'circle-color': presenceColour.sos,
        'circle-opacity': 0.22,
        'circle-stroke-color': presenceColour.sos,
        'circle-stroke-width': 2,
      },
    })
    add({
      id: 'sos-dot',
      type: 'circle',
      source,
      paint: { 'circle-radius': scaledBy([12, 5], [17, 8]), 'circle-color': presenceColour.sos },
    })
    add({
      id: 'sos-name',
      type: 'symbol',
      source,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([12, 15], [17, 19]),
        'text-anchor': 'top',
        'text-offset': [0, 1.7],
        'text-allow-overlap': true,
      },
      paint: { 'text-color': '#ffffff', 'text-halo-color': '#a01018', 'text-halo-width': 3 },
    })
  }

  show(callers: Caller[]): void {
    const text = JSON.stringify(callers)
    if (text === this.#shown) return // asked every second, drawn when somebody moved
    this.#shown = text
    this.#map.getSource<GeoJSONSource>(source)?.setData({
      type: 'FeatureCollection',
      features: callers.map(({ name, point }) => ({
        type: 'Feature',
        properties: { name },
        geometry: { type: 'Point', coordinates: point },
      })),
    })
  }
}
