// What the desk lays over the map for a while: who could go to a case and who
// was chosen, the area that was drawn or the ring of a radius, cameras,
// resources, alarms.
import type { Feature, Geometry } from 'geojson'
import type { GeoJSONSource, LayerSpecification, Map as MapLibre } from 'maplibre-gl'
import type { LonLat } from '../api/types'
import { fonts } from './palette'
import { scaledBy } from './styles/ground'
import { shiftLayer } from './styles/shift'

const source = 'desk'
const ratio = 3

export type MarkKind = 'camera' | 'resource' | 'alarm'

export interface Link {
  from: LonLat
  to: LonLat
  /** Shown at the candidate: its rank. */
  label: string
  state: 'lead' | 'assist' | 'best' | 'other'
}

export interface Mark {
  kind: MarkKind
  point: LonLat
  name: string
  heading?: number | null
}

const paths: Record<MarkKind, { path: string; colour: string }> = {
  camera: { path: 'M3 7h11v10H3zM15 10.500l6-3.500v10l-6-3.500z', colour: '#8fd0ff' },
  resource: { path: 'M12 3 20.500 8v8L12 21 3.500 16V8z', colour: '#7fe0b8' },
  alarm: {
    path: 'M12 2.500a7 7 0 0 0-7 7v5L3 18h18l-2-3.500v-5a7 7 0 0 0-7-7zM9.500 19.500h5a2.500 2.500 0 0 1-5 0z',
    colour: '#ff8f8f',
  },
}

function icon(kind: MarkKind): ImageData {
  const side = 28 * ratio
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = side
  const ink = canvas.getContext('2d')!
  ink.scale(ratio, ratio)
  ink.translate(2, 2)
  const path = new Path2D(paths[kind].path)
  ink.lineJoin = 'round'
  ink.strokeStyle = '#050d1a'
  ink.lineWidth = 4
  ink.stroke(path)
  ink.fillStyle = paths[kind].colour
  ink.fill(path)
  return ink.getImageData(0, 0, side, side)
}

export class DeskLayer {
  readonly #map: MapLibre
  #links: Link[] = []
  #marks: Mark[] = []
  #shape: Geometry | null = null
  #shown = ''

  constructor(map: MapLibre, shift: number, before: string) {
    this.#map = map
    for (const kind of Object.keys(paths) as MarkKind[]) map.addImage(`desk-${kind}`, icon(kind), { pixelRatio: ratio })
    map.addSource(source, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    const add = (layer: LayerSpecification, under?: string): void => void map.addLayer(shiftLayer(layer, shift), under)
    add(
      {
        id: 'desk-shape',
        type: 'fill',
        source,
        filter: ['==', ['get', 'is'], 'shape'],
        paint: { 'fill-color': '#5fd4f4', 'fill-opacity': 0.12 },
      },
      before,
    )
    add(
      {
        id: 'desk-shape-edge',
        type: 'line',
        source,
        filter: ['==', ['get', 'is'], 'shape'],
        paint: { 'line-color': '#5fd4f4', 'line-width': 2, 'line-dasharray': [3, 2] },
      },
      before,
    )
    add(
      {
        id: 'desk-link',
        type: 'line',
        source,
        filter: ['==', ['get', 'is'], 'link'],
        layout: { 'line-cap': 'round', 'line-sort-key': ['get', 'weight'] },
        paint: {
          'line-color': [
            'match',
            ['get', 'state'],
            'lead',
            '#5fd4f4',
            'assist',
            '#7fe0b8',
            'best',
            '#d8ecfa',
            '#8aa6c2',
          ],
          'line-width': ['match', ['get', 'state'], 'lead', 4, 'assist', 3, 'best', 2.5, 1.5],
          'line-opacity': ['match', ['get', 'state'], 'lead', 1, 'assist', 0.95, 'best', 0.8, 0.55],
        },
      },
      before,
    )
    add({
      id: 'desk-rank-dot',
      type: 'circle',
      source,
      filter: ['==', ['get', 'is'], 'rank'],
      paint: {
        'circle-radius': scaledBy([12, 10], [17, 13]),
        'circle-color': ['match', ['get', 'state'], 'lead', '#5fd4f4', 'assist', '#2fbf8f', '#10294a'],
        'circle-stroke-color': ['match', ['get', 'state'], 'lead', '#e6f7ff', 'assist', '#d8fbec', '#a9c0d8'],
        'circle-stroke-width': 1.5,
        'circle-translate': [0, -20],
      },
    })
    add({
      id: 'desk-rank',
      type: 'symbol',
      source,
      filter: ['==', ['get', 'is'], 'rank'],
      layout: {
        'text-field': ['get', 'label'],
        'text-font': fonts,
        'text-size': scaledBy([12, 12], [17, 15]),
        'text-allow-overlap': true,
        'text-ignore-placement': true,
        'symbol-sort-key': ['get', 'weight'],
      },
      paint: {
        'text-color': ['match', ['get', 'state'], 'lead', '#04121f', 'assist', '#04121f', '#e6f0fa'],
        'text-translate': [0, -20],
      },
    })
    add({
      id: 'desk-mark',
      type: 'symbol',
      source,
      filter: ['==', ['get', 'is'], 'mark'],
      layout: {
        'icon-image': ['concat', 'desk-', ['get', 'kind']],
        'icon-size': scaledBy([12, 0.7], [17, 1]),
        'icon-allow-overlap': true,
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([14, 12], [17, 14]),
        'text-anchor': 'top',
        'text-offset': [0, 1],
        'text-optional': true,
        'text-max-width': 10,
      },
      paint: { 'text-color': '#d5e4f2', 'text-halo-color': '#081629', 'text-halo-width': 1.6 },
    })
  }

  showLinks(links: Link[]): void {
    this.#links = links
    this.#draw()
  }

  showMarks(marks: Mark[]): void {
    this.#marks = marks
    this.#draw()
  }

  showShape(shape: Geometry | null): void {
    this.#shape = shape
    this.#draw()
  }

  #draw(): void {
    const weights = { lead: 3, assist: 2, best: 1, other: 0 }
    const features: Feature[] = []
    if (this.#shape) features.push({ type: 'Feature', properties: { is: 'shape' }, geometry: this.#shape })
    for (const { from, to, state } of this.#links)
      features.push({
        type: 'Feature',
        properties: { is: 'link', state, weight: weights[state] },
        geometry: { type: 'LineString', coordinates: [from, to] },
      })
    for (const { from, label, state } of this.#links)
      features.push({
        type: 'Feature',
        properties: { is: 'rank', state, label, weight: weights[state] },
        geometry: { type: 'Point', coordinates: from },
      })
    for (const { kind, point, name } of this.#marks)
      features.push({
        type: 'Feature',
        properties: { is: 'mark', kind, name },
        geometry: { type: 'Point', coordinates: point },
      })
    const text = JSON.stringify(features)
    if (text === this.#shown) return // asked every second, drawn when something moved
    this.#shown = text
    this.#map.getSource<GeoJSONSource>(source)?.setData({ type: 'FeatureCollection', features })
  }
}
