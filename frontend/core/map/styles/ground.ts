// The ground from our own vector tiles: areas, roads by rank, names that give
// way by zoom. Without a glyphs URL MapLibre draws every character from the
// page's own fonts, so an intranet needs no glyph server.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl'
import { fonts, palette as night, type Palette } from '../palette'

type Expr = ExpressionSpecification

/** Sizes that grow with the zoom and follow the wall's unit: a 4K wall is 1080p enlarged. */
export const scaledBy = (...stops: [number, number][]): Expr =>
  [
    'interpolate',
    ['linear'],
    ['zoom'],
    ...stops.flatMap(([zoom, size]) => [zoom, ['*', size, ['global-state', 'u']]]),
  ] as unknown as Expr

const width = (...stops: [number, number][]): Expr =>
  [
    'interpolate',
    ['exponential', 1.5],
    ['zoom'],
    ...stops.flatMap(([zoom, w]) => [zoom, ['*', w, ['global-state', 'u']]]),
  ] as unknown as Expr

const classIn = (...classes: string[]): Expr => ['in', ['get', 'class'], ['literal', classes]]
const named: Expr = ['!=', ['coalesce', ['get', 'name'], ''], '']

const motorways = ['motorway', 'motorway_link', 'trunk', 'trunk_link']
const majors = ['primary', 'primary_link', 'secondary', 'secondary_link']
const middles = ['tertiary', 'tertiary_link']
const minors = ['unclassified', 'residential', 'living_street', 'road', 'pedestrian']
const services = ['service', 'services', 'construction']
const paths = ['footway', 'path', 'cycleway', 'steps', 'track', 'bridleway', 'corridor']

/** Labels lie above the grids; everything else lies below them. */
export function groundLayers(
  source: string,
  palette: Palette = night,
): { below: LayerSpecification[]; labels: LayerSpecification[] } {
  const area = { source, 'source-layer': 'area' } as const
  const road = { source, 'source-layer': 'road' } as const
  const place = { source, 'source-layer': 'place' } as const
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const

  const line = (
    id: string,
    classes: string[],
    colour: string,
    stops: [number, number][],
    minzoom = 0,
  ): LayerSpecification => ({
    id,
    type: 'line',
    ...road,
    minzoom,
    filter: classIn(...classes),
    layout: round,
    paint: { 'line-color': colour, 'line-width': width(...stops) },
  })

  const below: LayerSpecification[] = [
    {
      id: 'ground-land',
      type: 'fill',
      ...area,
      filter: classIn('residential', 'school', 'industrial'),
      paint: {
        'fill-color': [
          'match',
          ['get', 'class'],
          'school',
          palette.school,
          'industrial',
          palette.industrial,
          palette.residential,
        ],
      },
    },
    { id: 'ground-green', type: 'fill', ...area, filter: classIn('green'), paint: { 'fill-color': palette.green } },
    { id: 'ground-water', type: 'fill', ...area, filter: classIn('water'), paint: { 'fill-color': palette.water } },
    line(
      'ground-path',
      paths,
      palette.path,
      [
        [15, 0.5],
        [18, 1.6],
      ],
      15,
    ),
    line(
      'ground-road-service',
      services,
      palette.roadMinor,
      [
        [14, 0.6],
        [16, 1.6],
        [18, 6],
      ],
      14,
    ),
    line(
      'ground-road-minor',
      minors,
      palette.roadMinor,
      [
        [12, 0.5],
        [14, 1.6],
        [16, 4],
        [18, 12],
      ],
      12,
    ),
    line('ground-road-middle', middles, palette.roadMiddle, [
      [11, 0.6],
      [14, 2.2],
      [16, 5.5],
      [18, 15],
    ]),
    line('ground-road-case', [...majors, ...motorways], palette.roadCase, [
      [11, 2],
      [14, 5],
      [16, 10],
      [18, 24],
    ]),
    line('ground-road-major', majors, palette.roadMajor, [
      [10, 0.8],
      [14, 3],
      [16, 7],
      [18, 18],
    ]),
    line('ground-road-motorway', motorways, palette.motorway, [
      [9, 1],
      [14, 3.5],
      [16, 8],
      [18, 20],
    ]),
    {
      id: 'ground-building',
      type: 'fill',
      ...area,
      minzoom: 13.5,
      filter: classIn('building'),
      paint: {
        'fill-color': palette.building,
        'fill-outline-color': palette.buildingEdge,
        'fill-opacity': ['interpolate', ['linear'], ['zoom'], 13.5, 0, 14.5, 0.9],
      },
    },
  ]

  const quiet = { 'text-color': palette.labelQuiet, 'text-halo-color': palette.halo, 'text-halo-width': 1.3 } as const
  const labels: LayerSpecification[] = [
    {
      id: 'ground-road-name',
      type: 'symbol',
      ...road,
      minzoom: 14.2,
      filter: ['all', named, classIn(...motorways, ...majors, ...middles, ...minors)],
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 420,
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([14, 11], [17, 14]),
        'text-letter-spacing': 0.18,
        'text-padding': 8,
        'text-max-angle': 30,
      },
      paint: quiet,
    },
    {
      id: 'ground-area-name',
      type: 'symbol',
      ...area,
      minzoom: 15,
      filter: named,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([15, 11], [18, 13]),
        'text-max-width': 7,
        'text-padding': 6,
      },
      paint: { ...quiet, 'text-color': ['match', ['get', 'class'], 'water', palette.labelWater, palette.labelQuiet] },
    },
    {
      id: 'ground-place-name',
      type: 'symbol',
      ...place,
      minzoom: 15.5,
      filter: named,
      layout: {
        'text-field': ['get', 'name'],
        'text-font': fonts,
        'text-size': scaledBy([15, 11], [18, 13]),
        'text-max-width': 7,
        'text-padding': 6,
        'symbol-sort-key': ['to-number', ['get', 'rank'], 9],
      },
      paint: quiet,
    },
  ]
  return { below, labels }
}
