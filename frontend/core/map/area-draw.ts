// Draws one area with the mouse: a box, a circle, a polygon. Loaded when first
// used; gone from the map as soon as the area is drawn.
import type { Polygon } from 'geojson'
import type { Map as MapLibre } from 'maplibre-gl'

export type AreaTool = 'box' | 'circle' | 'polygon'

const modes: Record<AreaTool, string> = { box: 'rectangle', circle: 'circle', polygon: 'polygon' }

/** Starts drawing. The answer ends it; `done` is told once, null when it was given up. */
export async function drawArea(
  map: MapLibre,
  tool: AreaTool,
  done: (shape: Polygon | null) => void,
): Promise<() => void> {
  const [terra, { TerraDrawMapLibreGLAdapter }] = await Promise.all([
    import('terra-draw'),
    import('terra-draw-maplibre-gl-adapter'),
  ])
  const styles = {
    fillColor: '#5fd4f4',
    fillOpacity: 0.16,
    outlineColor: '#5fd4f4',
    outlineWidth: 2,
  } as const
  const draw = new terra.TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map, prefixId: 'area' }),
    modes: [
      new terra.TerraDrawRectangleMode({ styles, drawInteraction: 'click-move-or-drag' }),
      new terra.TerraDrawCircleMode({ styles, drawInteraction: 'click-move-or-drag' }),
      new terra.TerraDrawPolygonMode({ styles: { ...styles, closingPointColor: '#ffffff' } }),
    ],
  })
  let over = false
  const end = (shape: Polygon | null): void => {
    if (over) return
    over = true
    // not within its own event
    queueMicrotask(() => {
      draw.stop()
      done(shape)
    })
  }
  draw.start()
  draw.setMode(modes[tool])
  draw.on('finish', id => {
    const geometry = draw.getSnapshotFeature(id)?.geometry
    end(geometry?.type === 'Polygon' ? (geometry as Polygon) : null)
  })
  return () => end(null)
}
