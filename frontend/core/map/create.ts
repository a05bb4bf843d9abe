// One map for the page's whole life.
import { type LngLatBoundsLike, Map as MapLibre, type StyleSpecification, setWorkerUrl } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import { type Palette, palette } from './palette'
import { baseEnd, labelStart, territoryEnd } from './sources'

setWorkerUrl(workerUrl)

export interface MapOptions {
  container: HTMLElement
  bounds?: LngLatBoundsLike
  center?: [number, number]
  zoom?: number
  bearing?: number
  /** Design pixels per CSS pixel, for texts and line widths. */
  unit: number
  label: string
  /** The caller resizes the map himself. */
  ownSize?: boolean
  /** By night unless told. */
  tones?: Palette
}

/** Everything else is added under one of these marks or above them all. */
function emptyStyle(unit: number, tones: Palette): StyleSpecification {
  return {
    version: 8,
    state: { u: { default: unit } },
    sources: {},
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': tones.ground } },
      { id: baseEnd, type: 'background', layout: { visibility: 'none' }, paint: {} },
      { id: territoryEnd, type: 'background', layout: { visibility: 'none' }, paint: {} },
      { id: labelStart, type: 'background', layout: { visibility: 'none' }, paint: {} },
    ],
  }
}

/** WebGL 2 is what the map and the overlay need; without it the page shows tables. */
export function canDraw(): boolean {
  const canvas = document.createElement('canvas')
  const gl = canvas.getContext('webgl2')
  gl?.getExtension('WEBGL_lose_context')?.loseContext()
  return gl !== null
}

export async function createMap(options: MapOptions): Promise<MapLibre> {
  // MapLibre draws characters with the page's fonts, once: ours must be there first.
  await Promise.race([
    document.fonts.load('24px "Gridward Sans"', '网格'),
    new Promise(resolve => setTimeout(resolve, 4000)),
  ]).catch(() => undefined)
  const map = new MapLibre({
    container: options.container,
    style: emptyStyle(options.unit, options.tones ?? palette),
    bounds: options.center ? undefined : options.bounds,
    center: options.center,
    zoom: options.zoom,
    bearing: options.bearing,
    trackResize: !options.ownSize,
    attributionControl: false, // shown in the page's own foot line
    maxCanvasSize: [16384, 16384], // walls are wider than the default 4096
    fadeDuration: 0, // places all labels at once; a fade would spread them over seconds on a weak wall PC
    maxPitch: 0,
    pitchWithRotate: false,
    dragRotate: false,
    touchPitch: false,
    maxZoom: 19.5,
    minZoom: 8,
    localIdeographFontFamily: false,
    renderWorldCopies: false,
  })
  map.touchZoomRotate.disableRotation()
  map.keyboard.disableRotation()
  map.getCanvas().setAttribute('role', 'application')
  map.getCanvas().setAttribute('aria-label', options.label)
  await new Promise<void>(resolve => {
    if (map.isStyleLoaded()) resolve()
    else map.once('load', () => resolve())
  })
  return map
}
