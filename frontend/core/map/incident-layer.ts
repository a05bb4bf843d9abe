// Cases on the map: a few hundred features, so ordinary GeoJSON layers. Urgency
// is told by shape and colour; what is new ripples once.

import type { Feature } from 'geojson'
import { type GeoJSONSource, type Map as MapLibre, Marker } from 'maplibre-gl'
import type { Incident, LonLat, Urgency } from '../api/types'
import { rank, urgencies, urgencyLook } from '../ui/severity'
import { scaledBy } from './styles/ground'
import { shiftLayer } from './styles/shift'

const source = 'incidents'
const ratio = 3

function icon(urgency: Urgency): ImageData {
  const look = urgencyLook[urgency]
  const side = 32 * ratio
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = side
  const ink = canvas.getContext('2d')!
  ink.scale(ratio, ratio)
  ink.translate(4, 4)
  const path = new Path2D(look.path)
  ink.lineJoin = 'round'
  ink.strokeStyle = '#050d1a'
  ink.lineWidth = 5
  ink.stroke(path)
  ink.fillStyle = look.colour
  ink.fill(path)
  ink.strokeStyle = 'rgb(255 255 255 / 0.85)'
  ink.lineWidth = 1.2
  ink.stroke(path)
  return ink.getImageData(0, 0, side, side)
}

export const incidentLayers = ['incident-mark'] as const

export class IncidentLayer {
  readonly #map: MapLibre

  constructor(map: MapLibre, shift: number) {
    this.#map = map
    for (const urgency of urgencies) map.addImage(`urgency-${urgency}`, icon(urgency), { pixelRatio: ratio })
    map.addSource(source, { type: 'geojson', data: { type: 'FeatureCollection', features: [] }, promoteId: 'id' })
    map.addLayer({
      id: 'incident-halo',
      type: 'circle',
      source,
      paint: {
        'circle-radius': ['case', ['boolean', ['feature-state', 'selected'], false], 20, 0],
        'circle-color': 'rgba(95, 212, 244, 0.16)',
        'circle-stroke-color': '#5fd4f4',
        'circle-stroke-width': ['case', ['boolean', ['feature-state', 'selected'], false], 2, 0],
      },
    })
    map.addLayer(
      shiftLayer(
        {
          id: 'incident-mark',
          type: 'symbol',
          source,
          layout: {
            'icon-image': ['concat', 'urgency-', ['get', 'urgency']],
            'icon-size': scaledBy([11, 0.5], [14, 0.78], [17, 1]),
            'icon-allow-overlap': true,
            'icon-ignore-placement': true,
            'symbol-sort-key': ['-', 10, ['get', 'rank']],
          },
        },
        shift,
      ),
    )
  }

  show(incidents: Iterable<Incident>): void {
    const features: Feature[] = []
    for (const incident of incidents) {
      if (!incident.point) continue
      features.push({
        type: 'Feature',
        properties: { id: incident.id, urgency: incident.urgency, rank: rank(incident.urgency) },
        geometry: { type: 'Point', coordinates: incident.point },
      })
    }
    this.#map.getSource<GeoJSONSource>(source)?.setData({ type: 'FeatureCollection', features })
  }

  select(id: string | null): void {
    this.#map.removeFeatureState({ source })
    if (id) this.#map.setFeatureState({ source, id }, { selected: true })
  }

  visible(on: boolean): void {
    for (const layer of ['incident-mark', 'incident-halo'])
      this.#map.setLayoutProperty(layer, 'visibility', on ? 'visible' : 'none')
  }

  /** One ripple where something has just happened. */
  ripple(point: LonLat, urgency: Urgency): void {
    const element = document.createElement('div')
    element.className = 'map-ripple'
    element.style.setProperty('--ripple', urgencyLook[urgency].colour)
    element.setAttribute('aria-hidden', 'true')
    const ring = document.createElement('i')
    element.append(ring, document.createElement('i'))
    const marker = new Marker({ element }).setLngLat(point).addTo(this.#map)
    setTimeout(() => marker.remove(), 4_000)
  }
}
