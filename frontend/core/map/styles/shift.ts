// A wall of 4K shows what a screen of 1080p shows, enlarged: its map stands one
// zoom level deeper, so every threshold of the style moves with it. Without this
// a larger wall would show more names and smaller hexagons instead of larger ones.
import type { LayerSpecification } from 'maplibre-gl'

/** Zoom levels by which a design pixel of `unit` CSS pixels moves the style. */
export const zoomShift = (unit: number): number => Math.log2(unit)

function shifted(value: unknown, by: number): unknown {
  if (!Array.isArray(value)) return value
  const curve = value[0] === 'interpolate' ? 2 : value[0] === 'step' ? 1 : -1
  const input = curve > 0 ? value[curve] : null
  if (!Array.isArray(input) || input[0] !== 'zoom') return value.map(part => shifted(part, by))
  // ['interpolate', kind, ['zoom'], stop, output, …] and ['step', ['zoom'], output, stop, output, …]: stops at 3, 5, 7 …
  return value.map((part, i) => (i >= 3 && i % 2 === 1 ? (part as number) + by : i > curve ? shifted(part, by) : part))
}

/** The same layer with every zoom in it moved. */
export function shiftLayer<L extends LayerSpecification>(layer: L, by: number): L {
  if (by === 0) return layer
  const next = { ...layer } as L & { minzoom?: number; maxzoom?: number; paint?: object; layout?: object }
  if (next.minzoom) next.minzoom = Math.min(24, Math.max(0, next.minzoom + by))
  if (next.maxzoom) next.maxzoom = Math.min(24, Math.max(0, next.maxzoom + by))
  for (const part of ['paint', 'layout'] as const) {
    const properties = next[part]
    if (properties)
      (next as Record<string, unknown>)[part] = Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [key, shifted(value, by)]),
      )
  }
  return next
}

/** One expression moved, for properties that are set later. */
export const shiftExpression = <E>(value: E, by: number): E => (by === 0 ? value : (shifted(value, by) as E))
