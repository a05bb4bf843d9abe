// Cases on the map: a few hundred features, so ordinary GeoJSON layers. Urgency
// is told by shape and colour, what is late by a ring and a word; what is new
// ripples once. Many at once are counted together from afar.

import type { Feature } from 'geojson'
import { type GeoJSONSource, type Map as MapLibre, Marker } from 'maplibre-gl'
import type { Incident, LonLat, Urgency } from '../api/types'
import type { SlaColour } from '../incident/sla'
import { rank, urgencies, urgencyLook } from '../ui/severity'
import { fonts } from './palette'
import { scaledBy } from './styles/ground'
import { shiftLayer } from './styles/shift'

const source = 'incidents'
const ratio = 3
/** More cases than this are counted together where they lie close. */
const together = 250
const single = ['!', ['has', 'point_count']] as unknown as boolean

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

export class IncidentLayer {
  readonly #map: MapLibre
  readonly #shift: number
  #clustered = false
  #selected: string | null = null
  #shown = ''

  constructor(map: MapLibre, shift: number) {
    this.#map = map
    this.#shift = shift
    for (const urgency of urgencies) map.addImage(`urgency-${urgency}`, icon(urgency), { pixelRatio: ratio })
    map.addSource(source, {
      type: 'geojson',
      data: { type: 'FeatureCollection', features: [] },
      promoteId: 'id',
      cluster: false,
      clusterProperties: { late: ['+', ['get', 'late']], worst: ['min', ['get', 'rank']] },
    })
    map.addLayer(
      shiftLayer(
        {
          id: 'incident-late',
          type: 'circle',
          source,
          filter: ['all', single, ['in', ['get', 'sla'], ['literal', ['red', 'yellow', 'paused']]]] as never,
          paint: {
            'circle-radius': scaledBy([11, 9], [14, 14], [17, 18]),
            'circle-color': ['match', ['get', 'sla'], 'red', 'rgba(255, 77, 79, 0.3)', 'rgba(0, 0, 0, 0)'],
            'circle-stroke-color': ['match', ['get', 'sla'], 'red', '#ff4d4f', 'yellow', '#f0a202', '#7d95b3'],
            'circle-stroke-width': ['match', ['get', 'sla'], 'red', 2.5, 1.5],
          },
        },
        shift,
      ),
    )
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
          filter: single as never,
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
    map.addLayer(
      shiftLayer(
        {
          id: 'incident-cluster',
          type: 'circle',
          source,
          filter: ['has', 'point_count'],
          paint: {
            'circle-radius': [
              'interpolate',
              ['linear'],
              ['get', 'point_count'],
              2,
              ['*', 13, ['global-state', 'u']],
              200,
              ['*', 26, ['global-state', 'u']],
            ],
            'circle-color': ['case', ['>', ['get', 'late'], 0], '#5c1c20', '#15304f'],
            'circle-stroke-color': ['case', ['>', ['get', 'late'], 0], '#ff4d4f', '#a9c0d8'],
            'circle-stroke-width': 2,
          },
        },
        shift,
      ),
    )
    map.addLayer(
      shiftLayer(
        {
          id: 'incident-count',
          type: 'symbol',
          source,
          filter: ['has', 'point_count'],
          layout: {
            'text-field': ['to-string', ['get', 'point_count']],
            'text-font': fonts,
            'text-size': scaledBy([11, 13], [17, 16]),
            'text-allow-overlap': true,
            'text-ignore-placement': true,
          },
          paint: { 'text-color': '#ffffff' },
        },
        shift,
      ),
    )
  }

  show(incidents: Iterable<{ incident: Incident; sla: SlaColour }>): void {
    const features: Feature[] = []
    for (const { incident, sla } of incidents) {
      if (!incident.point) continue
      features.push({
        type: 'Feature',
        properties: {
          id: incident.id,
          urgency: incident.urgency,
          rank: rank(incident.urgency),
          sla,
          late: sla === 'red' ? 1 : 0,
        },
        geometry: { type: 'Point', coordinates: incident.point },
      })
    }
    const text = JSON.stringify(features)
    if (text === this.#shown) return
    this.#shown = text
    const geojson = this.#map.getSource<GeoJSONSource>(source)
    geojson?.setData({ type: 'FeatureCollection', features })
    const many = features.length > together
    if (many !== this.#clustered) {
      this.#clustered = many
      geojson?.setClusterOptions({
        cluster: many,
        clusterMaxZoom: Math.round(15 + this.#shift),
        clusterRadius: 34 * 2 ** this.#shift,
      })
    }
    if (this.#selected) this.select(this.#selected)
  }

  select(id: string | null): void {
    this.#selected = id
    this.#map.removeFeatureState({ source })
    if (id) this.#map.setFeatureState({ source, id }, { selected: true })
  }

  visible(on: boolean): void {
    for (const layer of ['incident-mark', 'incident-halo', 'incident-late', 'incident-cluster', 'incident-count'])
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
