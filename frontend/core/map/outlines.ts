// The outlines of grids and communities with the communities' names: what every
// small map draws under its own things.
import type { Map as MapLibre } from 'maplibre-gl'
import type { Palette } from './palette'
import { labelStart, ownAddress, territoryEnd } from './sources'
import { territoryLabels, territoryLayers } from './styles/territory'

export function outlines(map: MapLibre, tones: Palette): void {
  map.addSource('territory', {
    type: 'vector',
    tiles: [ownAddress('/tiles/territory/{z}/{x}/{y}.mvt')],
    minzoom: 8,
    maxzoom: 16,
  })
  for (const layer of territoryLayers('territory', tones))
    if (layer.id === 'grid-line' || layer.id === 'community-line') map.addLayer(layer, territoryEnd)
  for (const layer of territoryLabels('territory', 'territory', tones))
    if (layer.id === 'community-name') map.addLayer(layer, labelStart)
}
