import { groundLayers } from '@core/map/styles/ground'
import { shiftExpression, shiftLayer, zoomShift } from '@core/map/styles/shift'
import { gridOpacity, territoryLabels, territoryLayers } from '@core/map/styles/territory'
import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec'
import { describe, expect, it } from 'vitest'

const layers = (by: number) => {
  const { below, labels } = groundLayers('ground')
  return [...below, ...territoryLayers('territory'), ...labels, ...territoryLabels('territory', 'labels')].map(layer =>
    shiftLayer(layer, by),
  )
}

describe('the style', () => {
  it.each([0, 1, -0.47])('is valid when moved by %d levels', by => {
    const errors = validateStyleMin({
      version: 8,
      state: { u: { default: 1 } },
      sources: {
        ground: { type: 'vector', tiles: ['http://x/{z}/{x}/{y}'] },
        territory: { type: 'vector', tiles: ['http://x/{z}/{x}/{y}'] },
        labels: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } },
      },
      layers: layers(by),
    })
    // without a glyphs URL MapLibre draws every character itself; the published check does not know that yet
    expect(errors.filter(error => !error.message.includes('glyphs'))).toEqual([])
  })

  it('moves every stop and no output', () => {
    expect(shiftExpression(['interpolate', ['linear'], ['zoom'], 13, ['case', true, 13, 2], 16, 14], 1)).toEqual([
      'interpolate',
      ['linear'],
      ['zoom'],
      14,
      ['case', true, 13, 2],
      17,
      14,
    ])
    expect(shiftExpression(['step', ['zoom'], 10, 12, 11], 1)).toEqual(['step', ['zoom'], 10, 13, 11])
    expect(shiftExpression(['interpolate', ['linear'], ['get', 'heat'], 0, 1, 1, 2], 1)).toEqual([
      'interpolate',
      ['linear'],
      ['get', 'heat'],
      0,
      1,
      1,
      2,
    ])
  })

  it('a 4K wall stands one level deeper', () => {
    expect(zoomShift(2)).toBe(1)
    expect(shiftLayer(layers(0).find(l => l.id === 'grid-name')!, 1).minzoom).toBeCloseTo(15.05)
  })

  it('keeps the kind of the grid fill whatever the measure', () => {
    for (const measure of ['online', 'incidents', 'households', 'none'] as const)
      expect((gridOpacity(measure) as unknown[]).slice(0, 3)).toEqual(['interpolate', ['linear'], ['zoom']])
  })
})
