// What the wall's map shows: the base map, the territory, people, cases, and
// the camera that nobody but the viewer moves.
import type { Grid, Incident, LonLat, MapSource, MapSources, Sos } from '@core/api/types'
import { circle } from '@core/geo/mercator'
import type { SlaColour } from '@core/incident/sla'
import { FleetStore } from '@core/live/fleet-store'
import { flag } from '@core/live/point-buffer'
import { Store } from '@core/live/store'
import { type AreaTool, drawArea } from '@core/map/area-draw'
import { BinsLayer } from '@core/map/bins-layer'
import { createMap } from '@core/map/create'
import { DeskLayer } from '@core/map/desk-layer'
import { HeatLayer } from '@core/map/heat-layer'
import { IncidentLayer } from '@core/map/incident-layer'
import { LiveOverlay } from '@core/map/live-overlay'
import { SosLayer } from '@core/map/sos-layer'
import { BaseMap, ownAddress, territoryEnd } from '@core/map/sources'
import { shiftExpression, shiftLayer, zoomShift } from '@core/map/styles/shift'
import { gridFill, gridOpacity, type Measure, territoryLabels, territoryLayers } from '@core/map/styles/territory'
import type { Feature, Polygon } from 'geojson'
import type { GeoJSONSource, Map as MapLibre, MapMouseEvent, PaddingOptions } from 'maplibre-gl'
import { t } from './texts'

export type Target = { kind: 'grid'; id: number } | { kind: 'worker'; id: number } | { kind: 'incident'; id: string }

export interface Camera {
  center: LonLat
  zoom: number
}

export const layerNames = ['people', 'incidents', 'grids', 'labels'] as const
export type LayerName = (typeof layerNames)[number]

const territory = 'territory'
const gridLabels = 'grid-labels'
const focus = 'focus'
const trailLength = 600_000
const reach = 16

export interface SceneOptions {
  container: HTMLElement
  sources: MapSources
  camera: Camera | null
  unit: number
  padding: PaddingOptions
  /** The viewer pointed at something, or at nothing (with the place). */
  picked: (target: Target | null, at: LonLat) => void
  moved: (camera: Camera) => void
  viewChanged: (bbox: [number, number, number, number], zoom: number) => void
}

export class Scene {
  readonly map: MapLibre
  readonly fleet: FleetStore
  readonly overlay: LiveOverlay
  readonly incidents: IncidentLayer
  readonly bins: BinsLayer
  readonly sos: SosLayer
  readonly desk: DeskLayer
  readonly heat: HeatLayer
  readonly base: BaseMap
  /** An area is being drawn: clicks belong to it. */
  readonly drawing = new Store<AreaTool | null>(null)
  /** The viewer has taken the camera: nothing else may move it. */
  readonly held = new Store(false)
  readonly followed = new Store<number | null>(null)
  readonly #options: SceneOptions
  readonly #shift: number
  #hidden = new Set<LayerName>()
  #grids: Grid[] = []
  #measure: Measure = 'online'
  #hover: number | null = null
  #selected: Target | null = null
  #callers: Sos[] = []
  #trail: { worker: number; points: { at: number; point: LonLat }[] } | null = null
  #stopDrawing: (() => void) | null = null
  /** CSS pixels of the map's free part that cards cover for now. */
  #covered = { left: 0, right: 0 }

  static async open(options: SceneOptions): Promise<Scene> {
    const map = await createMap({
      container: options.container,
      bounds: options.sources.bounds,
      center: options.camera?.center,
      zoom: options.camera?.zoom,
      unit: options.unit,
      label: t('map.label'),
    })
    return new Scene(map, options)
  }

  private constructor(map: MapLibre, options: SceneOptions) {
    this.map = map
    this.#options = options
    map.addSource(territory, {
      type: 'vector',
      tiles: [ownAddress('/tiles/territory/{z}/{x}/{y}.mvt')],
      minzoom: 8,
      maxzoom: 16,
    })
    map.addSource(gridLabels, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    map.addSource(focus, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    const shift = zoomShift(options.unit)
    this.#shift = shift
    for (const layer of territoryLayers(territory)) map.addLayer(shiftLayer(layer, shift), territoryEnd)
    this.bins = new BinsLayer(map, 'grid-line', shift)
    for (const layer of territoryLabels(territory, gridLabels)) map.addLayer(shiftLayer(layer, shift))
    map.addLayer({
      id: 'focus-area',
      type: 'fill',
      source: focus,
      filter: ['==', '$type', 'Polygon'],
      paint: { 'fill-color': '#5fd4f4', 'fill-opacity': 0.1 },
    })
    map.addLayer({
      id: 'focus-trail',
      type: 'line',
      source: focus,
      filter: ['==', '$type', 'LineString'],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': '#5fd4f4', 'line-width': 3, 'line-opacity': 0.7, 'line-dasharray': [0.2, 2] },
    })
    this.heat = new HeatLayer(map, 'focus-area')
    this.incidents = new IncidentLayer(map, shift)
    this.sos = new SosLayer(map, shift)
    this.desk = new DeskLayer(map, shift, 'incident-late')
    this.base = new BaseMap(map, shift)

    const origin: LonLat = options.sources.center
    const epoch = performance.now()
    this.fleet = new FleetStore(origin, () => this.overlay?.now() ?? (performance.now() - epoch) / 1000)
    this.overlay = new LiveOverlay(map, this.fleet.points)
    this.overlay.unit = options.unit
    this.fleet.bins.subscribe(bins => this.bins.show(bins))
    // two fills over each other say nothing: the counts take the measure's place
    this.fleet.mode.subscribe(() => {
      this.#paintMeasure()
      this.#showNames()
    })
    this.fleet.version.subscribe(() => this.#peopleMoved())

    this.setPadding(options.padding)
    if (!options.camera) this.refit(false)
    else this.held.set(true)

    map.on('movestart', event => {
      if ((event as { originalEvent?: Event }).originalEvent) {
        this.held.set(true)
        this.followed.set(null)
      }
    })
    map.on('moveend', () => {
      const { lng, lat } = map.getCenter()
      if (this.held.get()) options.moved({ center: [lng, lat], zoom: map.getZoom() })
      this.look()
    })
    map.on('mousemove', event => this.#hovering(event))
    map.on('mouseout', () => this.#hoverGrid(null))
    map.on('click', event => {
      if (this.drawing.get()) return
      if (this.#openCluster(event)) return
      const target = this.#at(event)
      options.picked(target, [event.lngLat.lng, event.lngLat.lat])
    })
  }

  /** Tells the server what is in view. */
  look(): void {
    const b = this.map.getBounds()
    this.#options.viewChanged([b.getWest(), b.getSouth(), b.getEast(), b.getNorth()], this.map.getZoom() - this.#shift)
  }

  setUnit(unit: number): void {
    this.overlay.unit = unit
    this.map.setGlobalStateProperty('u', unit)
  }

  setPadding(padding: PaddingOptions): void {
    this.map.setPadding(padding)
  }

  /** Cards came or went: the camera stays, the next flight lands in what is left. */
  cover(left: number, right: number): void {
    this.#covered = { left, right }
  }

  get #offset(): [number, number] {
    return [(this.#covered.left - this.#covered.right) / 2, 0]
  }

  /** The composition changed: fit again unless the viewer holds the camera. */
  resized(unit: number, padding: PaddingOptions): void {
    // another screen altogether: the style's thresholds are made for one; the URL brings the view back
    if (Math.abs(zoomShift(unit) - this.#shift) > 0.6) location.reload()
    this.setUnit(unit)
    this.setPadding(padding)
    this.map.resize()
    if (!this.held.get()) this.refit(false)
  }

  /** Back to the whole territory; the camera is nobody's again. */
  refit(smooth = true): void {
    this.followed.set(null)
    this.held.set(false)
    this.map.fitBounds(this.#options.sources.bounds, {
      animate: smooth,
      duration: 700,
      padding: 8 * this.overlay.unit,
      maxZoom: 17,
    })
  }

  /** The viewer asked to see this place. */
  fly(point: LonLat, zoom = 16.5): void {
    this.held.set(true)
    this.map.flyTo({
      center: point,
      zoom: Math.max(zoom + this.#shift, this.map.getZoom()),
      offset: this.#offset,
      duration: 900,
      essential: false,
    })
  }

  /** Turns to an alarm, while nobody holds the camera and without holding it. */
  glance(point: LonLat): void {
    this.map.flyTo({ center: point, zoom: 16 + this.#shift, offset: this.#offset, duration: 900, essential: false })
  }

  flyBox(box: [number, number, number, number]): void {
    this.held.set(true)
    const edge = 60 * this.overlay.unit
    const { left, right } = this.#covered
    this.map.fitBounds(box, {
      padding: { top: edge, bottom: edge, left: edge + left, right: edge + right },
      maxZoom: 17,
      duration: 900,
    })
  }

  follow(worker: number | null): void {
    this.followed.set(worker)
    if (worker !== null) {
      this.held.set(true)
      const person = this.fleet.worker(worker)
      if (person?.placed) this.fly([person.lon, person.lat])
    }
  }

  async showBase(source: MapSource, all: MapSource[]): Promise<void> {
    await this.base.show(source, all)
  }

  /** The territory was redrawn: fetch its tiles again. */
  refreshTerritory(epoch: string | number): void {
    const source = this.map.getSource(territory) as { setTiles?: (tiles: string[]) => void } | undefined
    source?.setTiles?.([`${ownAddress('/tiles/territory/{z}/{x}/{y}.mvt')}?e=${epoch}`])
  }

  showGrids(grids: Grid[]): void {
    this.#grids = grids
    this.#paintGrids()
  }

  showMeasure(measure: Measure): void {
    this.#measure = measure
    this.#paintMeasure()
    this.#paintGrids()
  }

  #paintMeasure(): void {
    const measure = this.fleet.mode.get() === 'bins' ? 'none' : this.#measure
    this.map.setPaintProperty('grid-fill', 'fill-color', gridFill(measure))
    this.map.setPaintProperty('grid-fill', 'fill-opacity', shiftExpression(gridOpacity(measure), this.#shift))
  }

  showLayer(name: LayerName, on: boolean): void {
    if (on) this.#hidden.delete(name)
    else this.#hidden.add(name)
    const visibility = on ? 'visible' : 'none'
    switch (name) {
      case 'people':
        this.overlay.visible = on
        this.overlay.touch()
        this.bins.visible(on)
        break
      case 'incidents':
        this.incidents.visible(on)
        break
      case 'grids':
        for (const id of ['grid-fill', 'grid-line', 'grid-focus', 'community-line'])
          this.map.setLayoutProperty(id, 'visibility', visibility)
        break
      case 'labels':
        this.#showNames()
        break
    }
  }

  /** A grid's name gives way to the counts of people in it. */
  #showNames(): void {
    const on = !this.#hidden.has('labels')
    this.map.setLayoutProperty('community-name', 'visibility', on ? 'visible' : 'none')
    this.map.setLayoutProperty('grid-name', 'visibility', on && this.fleet.mode.get() === 'points' ? 'visible' : 'none')
  }

  select(target: Target | null): void {
    const before = this.#selected
    if (before?.kind === 'grid')
      this.map.setFeatureState({ source: territory, sourceLayer: 'grid', id: before.id }, { selected: false })
    if (before?.kind === 'worker') this.#mark(before.id, false)
    this.#selected = target
    this.incidents.select(target?.kind === 'incident' ? target.id : null)
    if (target?.kind === 'grid')
      this.map.setFeatureState({ source: territory, sourceLayer: 'grid', id: target.id }, { selected: true })
    if (target?.kind === 'worker') {
      this.#mark(target.id, true)
      if (this.#trail?.worker !== target.id) this.#trail = { worker: target.id, points: [] }
    } else this.#trail = null
    this.#drawFocus()
    if (target?.kind !== 'worker') this.followed.set(null)
    this.overlay.touch()
  }

  showSos(callers: Sos[]): void {
    this.#callers = callers
    this.overlay.alarm = callers.length > 0
    this.#placeCallers()
    this.overlay.touch()
  }

  /** Where they are now, if people are shown one by one; else where they called from. */
  #placeCallers(): void {
    this.sos.show(
      this.#callers.flatMap(({ worker, name, point }) => {
        const person = this.fleet.mode.get() === 'points' ? this.fleet.worker(worker) : undefined
        const at = person?.placed ? ([person.lon, person.lat] as LonLat) : point
        return at ? [{ name, point: at }] : []
      }),
    )
  }

  #mark(worker: number, on: boolean): void {
    const person = this.fleet.worker(worker)
    if (person) this.fleet.points.mark(person.handle, flag.selected, on)
  }

  #peopleMoved(): void {
    if (this.#callers.length > 0) this.#placeCallers()
    const selected = this.#selected
    if (selected?.kind === 'worker') {
      const person = this.fleet.worker(selected.id)
      if (person?.placed) {
        this.fleet.points.mark(person.handle, flag.selected, true)
        const trail = this.#trail
        const last = trail?.points.at(-1)
        if (trail && (!last || person.at > last.at)) {
          trail.points.push({ at: person.at, point: [person.lon, person.lat] })
          while (trail.points.length > 1 && trail.points[0]!.at < person.at - trailLength) trail.points.shift()
          this.#drawFocus()
        }
        if (this.followed.get() === selected.id)
          this.map.easeTo({ center: [person.lon, person.lat], duration: 900, essential: false })
      }
    }
    this.overlay.touch()
  }

  #drawFocus(): void {
    const features: Feature[] = []
    const selected = this.#selected
    if (selected?.kind === 'worker') {
      const person = this.fleet.worker(selected.id)
      if (person?.placed && person.accuracy > 3) {
        features.push({
          type: 'Feature',
          properties: {},
          geometry: {
            type: 'Polygon',
            coordinates: [circle([person.lon, person.lat], Math.min(person.accuracy, 500))],
          },
        })
      }
      const path = this.#trail?.points.map(p => p.point) ?? []
      if (path.length > 1)
        features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: path } })
    }
    this.map.getSource<GeoJSONSource>(focus)?.setData({ type: 'FeatureCollection', features })
  }

  showIncidents(incidents: { incident: Incident; sla: SlaColour }[]): void {
    this.incidents.show(incidents)
  }

  /** Draws one area; the answer is null when the viewer gave it up. */
  async draw(tool: AreaTool): Promise<Polygon | null> {
    this.#stopDrawing?.()
    this.drawing.set(tool)
    this.map.doubleClickZoom.disable()
    return new Promise((resolve, reject) => {
      drawArea(this.map, tool, shape => {
        this.#stopDrawing = null
        // the click that ended it reaches the map as well
        setTimeout(() => {
          this.drawing.set(null)
          this.map.doubleClickZoom.enable()
        }, 50)
        resolve(shape)
      }).then(
        stop => {
          this.#stopDrawing = stop
        },
        error => {
          this.drawing.set(null)
          reject(error)
        },
      )
    })
  }

  stopDrawing(): void {
    this.#stopDrawing?.()
  }

  /** A count of cases was pointed at: nearer, until they stand alone. */
  #openCluster(event: MapMouseEvent): boolean {
    const hit = this.map.queryRenderedFeatures(event.point, { layers: ['incident-cluster'] })[0]
    if (hit?.geometry.type !== 'Point') return false
    this.fly(hit.geometry.coordinates as LonLat, this.map.getZoom() - this.#shift + 1.6)
    return true
  }

  #paintGrids(): void {
    const values = measureValues(this.#grids, this.#measure)
    const features: Feature[] = []
    this.#grids.forEach((grid, i) => {
      const v = values[i]!
      this.map.setFeatureState({ source: territory, sourceLayer: 'grid', id: grid.id }, { v: v.share })
      const short = grid.name.startsWith(grid.org_name) ? grid.name.slice(grid.org_name.length) : grid.name
      features.push({
        type: 'Feature',
        properties: { id: grid.id, short, note: v.note ? `\n${v.note}` : '' },
        geometry: { type: 'Point', coordinates: grid.label },
      })
    })
    this.map.getSource<GeoJSONSource>(gridLabels)?.setData({ type: 'FeatureCollection', features })
  }

  #at(event: MapMouseEvent): Target | null {
    const { x, y } = event.point
    const handle = this.overlay.pick(x, y, reach * Math.max(1, this.overlay.unit))
    const box = 10 * this.overlay.unit
    const incident = this.map.queryRenderedFeatures(
      [
        [x - box, y - box],
        [x + box, y + box],
      ],
      { layers: ['incident-mark'] },
    )[0]
    if (incident) return { kind: 'incident', id: String(incident.properties.id) }
    const person = handle === null ? undefined : this.fleet.person(handle)
    if (person) return { kind: 'worker', id: person.id }
    const grid = this.map.queryRenderedFeatures(event.point, { layers: ['grid-fill'] })[0]
    return grid ? { kind: 'grid', id: Number(grid.id) } : null
  }

  #hovering(event: MapMouseEvent): void {
    const grid = this.map.queryRenderedFeatures(event.point, { layers: ['grid-fill'] })[0]
    this.#hoverGrid(grid ? Number(grid.id) : null)
    this.map.getCanvas().style.cursor = grid ? 'pointer' : ''
  }

  #hoverGrid(id: number | null): void {
    if (id === this.#hover) return
    if (this.#hover !== null)
      this.map.setFeatureState({ source: territory, sourceLayer: 'grid', id: this.#hover }, { hover: false })
    if (id !== null) this.map.setFeatureState({ source: territory, sourceLayer: 'grid', id }, { hover: true })
    this.#hover = id
  }
}

/** Each grid's place on the ramp, 0–1 (-1 = does not take part), and what its label says. */
export function measureValues(grids: Grid[], measure: Measure): { share: number; note: string }[] {
  switch (measure) {
    case 'online':
      return grids.map(g => {
        // red means exactly what lowers 网格在线率: its people may be online and next door for a minute
        const covered = g.covered ?? g.online > 0
        return {
          share: !covered ? (g.is_execution ? 0 : -1) : Math.min(1, 0.55 + g.online * 0.15),
          note: g.online > 0 ? t('measure.note.online', { n: g.online }) : '',
        }
      })
    case 'incidents': {
      const most = Math.max(4, ...grids.map(g => g.incidents_today))
      return grids.map(g => ({
        share: g.incidents_today === 0 ? -1 : g.incidents_today / most,
        note: g.incidents_today > 0 ? t('measure.note.incidents', { n: g.incidents_today }) : '',
      }))
    }
    case 'households': {
      const known = grids.map(g => g.households ?? 0)
      const most = Math.max(1, ...known)
      return grids.map((g, i) => ({
        share: g.households == null ? -1 : known[i]! / most,
        note: g.households == null ? '' : t('measure.note.households', { n: g.households }),
      }))
    }
    default:
      return grids.map(() => ({ share: -1, note: '' }))
  }
}
