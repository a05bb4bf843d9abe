// Grids and communities. A grid's colour is the chosen measure, handed over as
// feature state: recolouring 133 grids touches no tile. Lines stay quieter than
// the roads until something is hovered or selected.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl'
import { fonts, type Palette, palette } from '../palette'
import { scaledBy } from './ground'

export type Measure = 'online' | 'incidents' | 'households' | 'none'
export const measures: readonly Measure[] = ['online', 'incidents', 'households', 'none']

/** From little to much; `v` of the feature state runs from 0 to 1. Also the legend's ramp. */
export const ramps: Record<Exclude<Measure, 'none'>, readonly string[]> = {
  online: ['#6a3345', '#34436b', '#1f5c8a', '#2b82b5'],
  incidents: ['#12355c', '#3c3f6e', '#7a4a6e', '#c8633f'],
  households: ['#12355c', '#17507a', '#2277a3', '#3aa6c8'],
}

type Expr = ExpressionSpecification

const state = (name: string, otherwise: number | boolean): Expr =>
  ['coalesce', ['feature-state', name], otherwise] as unknown as Expr
const unmeasured: Expr = ['==', state('v', -1), -1] as unknown as Expr

// Both keep the kind of their expression whatever the measure (by state, by zoom
// and state): MapLibre draws one more frame with the old tiles' attributes, and
// a constant where it expects an interpolation stops that frame with an error.
export function gridFill(measure: Measure): Expr {
  const ramp = measure === 'none' ? [palette.grid, palette.grid] : ramps[measure]
  return [
    'interpolate',
    ['linear'],
    state('v', 0),
    ...ramp.flatMap((colour, i) => [i / (ramp.length - 1), colour]),
  ] as unknown as Expr
}

export function gridOpacity(measure: Measure): Expr {
  const level = (selected: number, hover: number, empty: number, rest: number): Expr =>
    [
      'case',
      state('selected', false),
      selected,
      state('hover', false),
      hover,
      unmeasured,
      empty,
      rest,
    ] as unknown as Expr
  if (measure === 'none')
    return [
      'interpolate',
      ['linear'],
      ['zoom'],
      13,
      level(0.24, 0.14, 0, 0),
      16.5,
      level(0.2, 0.12, 0, 0),
    ] as unknown as Expr
  return [
    'interpolate',
    ['linear'],
    ['zoom'],
    13,
    level(0.7, 0.58, 0.03, 0.42),
    16.5,
    level(0.4, 0.34, 0.02, 0.2),
  ] as unknown as Expr
}

export function territoryLayers(source: string, tones: Palette = palette): LayerSpecification[] {
  const grid = { source, 'source-layer': 'grid' } as const
  return [
    {
      id: 'grid-fill',
      type: 'fill',
      ...grid,
      paint: { 'fill-color': gridFill('online'), 'fill-opacity': gridOpacity('online'), 'fill-antialias': false },
    },
    {
      id: 'grid-line',
      type: 'line',
      ...grid,
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': tones.grid,
        'line-opacity': ['interpolate', ['linear'], ['zoom'], 12, 0.15, 14, 0.4, 17, 0.6],
        'line-width': scaledBy([12, 0.4], [15, 0.9], [18, 1.6]),
      },
    },
    {
      id: 'community-line',
      type: 'line',
      source,
      'source-layer': 'community',
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': tones.community,
        'line-opacity': 0.75,
        'line-width': scaledBy([11, 0.8], [14, 1.5], [17, 2.5]),
      },
    },
    {
      id: 'grid-focus',
      type: 'line',
      ...grid,
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': ['case', state('selected', false), tones.ink, tones.gridStrong] as unknown as Expr,
        'line-opacity': ['case', state('selected', false), 1, state('hover', false), 0.8, 0] as unknown as Expr,
        'line-width': ['case', state('selected', false), 2.4, 1.4] as unknown as Expr,
      },
    },
  ]
}

/** Names: communities first and large, their grids when there is room. */
export function territoryLabels(territory: string, gridLabels: string, tones: Palette = palette): LayerSpecification[] {
  return [
    {
      id: 'grid-name',
      type: 'symbol',
      source: gridLabels,
      minzoom: 14.05,
      layout: {
        'text-field': [
          'format',
          ['get', 'short'],
          {},
          ['get', 'note'],
          { 'font-scale': 0.9, 'text-color': tones.labelQuiet },
        ],
        'text-font': fonts,
        'text-size': scaledBy([14, 11], [16, 14], [18, 16]),
        'text-max-width': 8,
        'text-padding': 3,
        'text-line-height': 1.3,
      },
      paint: {
        'text-color': tones.label,
        'text-halo-color': tones.halo,
        'text-halo-width': 1.4,
        'text-opacity': ['interpolate', ['linear'], ['zoom'], 14.05, 0, 14.3, 0.9],
      },
    },
    {
      id: 'community-name',
      type: 'symbol',
      source: territory,
      'source-layer': 'community_label',
      maxzoom: 17,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([11, 12], [14, 17], [16, 20]),
        'text-letter-spacing': 0.12,
        'text-padding': 10,
        'text-max-width': 12,
      },
      paint: {
        'text-color': tones.ink,
        'text-halo-color': tones.halo,
        'text-halo-width': 2,
        'text-opacity': ['interpolate', ['linear'], ['zoom'], 15.5, 1, 17, 0.35],
      },
    },
  ]
}
