// Base maps are data, not code: the server lists them, the page switches
// between them by replacing the layers under the mark `baseEnd`. setStyle is never
// called, it would drop feature state and custom layers.
import { addProtocol, type LayerSpecification, type Map as MapLibre, type RasterLayerSpecification } from 'maplibre-gl'
import type { MapSource } from '../api/types'
import { type Palette, palette } from './palette'
import { groundLayers } from './styles/ground'
import { shiftLayer } from './styles/shift'
import { grids, Warper } from './tile-warp'

/** Marks in the stack of layers: what belongs to a base map lies under `baseEnd`, or, its labels, between the other two. */
export const baseEnd = 'mark-base-end'
export const territoryEnd = 'mark-territory-end'
export const labelStart = 'mark-label-start'
const prefix = 'base-'

const dark = { 'raster-brightness-max': 0.35, 'raster-saturation': -0.6, 'raster-contrast': 0.1 }

let protocolsReady = false

function readyProtocols(): void {
  if (protocolsReady) return
  protocolsReady = true
  const warper = new Warper()
  // warp://gcj02/14/13392/7134?/tiles/source/amap/{z}/{x}/{y}
  addProtocol('warp', async (request, abort) => {
    const match = /^warp:\/\/(gcj02|c4490)\/(\d+)\/(\d+)\/(\d+)\?(.*)$/.exec(request.url)
    if (!match) throw new Error(`not a warped tile: ${request.url}`)
    const data = await warper.tile(
      grids[match[1] as 'gcj02' | 'c4490'],
      decodeURIComponent(match[5]!),
      Number(match[2]),
      Number(match[3]),
      Number(match[4]),
    )
    if (abort.signal.aborted) throw new DOMException('aborted', 'AbortError')
    return { data }
  })
}

/** Tiles come from our own server only: keys stay there, and the policy allows nothing else. */
export function ownAddress(url: string): string {
  const resolved = new URL(url, location.origin)
  if (resolved.origin !== location.origin) throw new Error(`a map source must be proxied by the server: ${url}`)
  return decodeURI(resolved.href)
}

function tileTemplate(source: MapSource): string {
  const own = ownAddress(source.url)
  if (source.grid === 'webmercator') return own
  readyProtocols()
  // the inner braces are hidden from MapLibre, which fills the outer ones
  return `warp://${source.grid}/{z}/{x}/{y}?${encodeURIComponent(own)}`
}

export class BaseMap {
  readonly #map: MapLibre
  readonly #shift: number
  readonly #tones: Palette
  #shown: string | null = null

  constructor(map: MapLibre, shift = 0, tones: Palette = palette) {
    this.#map = map
    this.#shift = shift
    this.#tones = tones
  }

  get shown(): string | null {
    return this.#shown
  }

  async show(source: MapSource, all: MapSource[]): Promise<void> {
    this.#clear()
    this.#shown = source.id
    if (source.kind === 'none') return
    if (source.kind === 'raster') {
      this.#raster(source, baseEnd)
      const labels = all.find(other => other.id === source.labels)
      if (labels) this.#raster(labels, labelStart)
      return
    }
    if (source.kind === 'pmtiles') {
      const { PMTiles, Protocol } = await import('pmtiles')
      const url = ownAddress(source.url)
      const archive = new PMTiles(url)
      const header = await archive.getHeader()
      if (this.#shown !== source.id) return // another choice was made meanwhile
      const protocol = new Protocol()
      protocol.add(archive)
      addProtocol('pmtiles', protocol.tile)
      const vector = header.tileType === 1
      if (!vector) {
        this.#map.addSource(prefix + source.id, {
          type: 'raster',
          url: `pmtiles://${url}`,
          tileSize: source.tileSize || 256,
          attribution: source.attribution,
        })
        this.#map.addLayer(this.#rasterLayer(source), baseEnd)
        return
      }
      this.#map.addSource(prefix + source.id, {
        type: 'vector',
        url: `pmtiles://${url}`,
        attribution: source.attribution,
      })
      this.#vectorLayers(source)
      return
    }
    this.#map.addSource(prefix + source.id, {
      type: 'vector',
      tiles: [ownAddress(source.url)],
      minzoom: source.minzoom,
      maxzoom: source.maxzoom,
      attribution: source.attribution,
    })
    this.#vectorLayers(source)
  }

  #vectorLayers(source: MapSource): void {
    const { below, labels } = groundLayers(prefix + source.id, this.#tones)
    for (const layer of below)
      this.#map.addLayer(shiftLayer({ ...layer, id: prefix + layer.id } as LayerSpecification, this.#shift), baseEnd)
    for (const layer of labels)
      this.#map.addLayer(shiftLayer({ ...layer, id: prefix + layer.id } as LayerSpecification, this.#shift), labelStart)
  }

  #raster(source: MapSource, before: string): void {
    this.#map.addSource(prefix + source.id, {
      type: 'raster',
      tiles: [tileTemplate(source)],
      tileSize: source.grid === 'webmercator' ? source.tileSize || 256 : 256,
      minzoom: source.minzoom,
      maxzoom: source.maxzoom,
      attribution: source.attribution,
    })
    this.#map.addLayer(this.#rasterLayer(source), before)
  }

  #rasterLayer(source: MapSource): RasterLayerSpecification {
    return {
      id: `${prefix}${source.id}`,
      type: 'raster',
      source: prefix + source.id,
      // a provider's map is made for the day
      paint: { ...(this.#tones === palette ? { ...dark, ...source.dark } : {}), 'raster-fade-duration': 0 },
    }
  }

  #clear(): void {
    const style = this.#map.getStyle()
    for (const layer of style.layers) {
      if (layer.id.startsWith(prefix)) this.#map.removeLayer(layer.id)
    }
    for (const id of Object.keys(style.sources)) if (id.startsWith(prefix)) this.#map.removeSource(id)
  }
}
