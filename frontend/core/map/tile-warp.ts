// Draws a standard Web Mercator tile out of tiles of another grid:
//   gcj02   AMap and Tencent draw in GCJ-02; one shifted patch per tile is right
//           to 1.2 px anywhere in China at zoom 10–18
//   c4490   天地图 `_c` and most prefecture map services tile in degrees
//           (EPSG:4490); eight strips per tile are right to 0.002 px

import { toGcj02 } from '../geo/crs'
import { latOf, lonOf, mercatorX, mercatorY } from '../geo/mercator'

export interface TileGrid {
  /** Side of a source tile in pixels. */
  tile: number
  strips: number
  /** The global source pixel of a WGS-84 point at source zoom z. */
  pixel(lon: number, lat: number, z: number): [number, number]
}

export const grids: Record<'gcj02' | 'c4490', TileGrid> = {
  gcj02: {
    tile: 256,
    strips: 1,
    pixel(lon, lat, z) {
      const [x, y] = toGcj02([lon, lat])
      const side = 256 * 2 ** z
      return [mercatorX(x) * side, mercatorY(y) * side]
    },
  },
  c4490: {
    tile: 256,
    strips: 8,
    pixel(lon, lat, z) {
      const side = 256 * 2 ** z
      return [((lon + 180) / 360) * side, ((90 - lat) / 360) * side]
    },
  },
}

export interface Patch {
  /** The source tile. */
  x: number
  y: number
  /** Where it goes on the 256×256 target, and the strip that may be painted. */
  left: number
  top: number
  width: number
  height: number
  stripTop: number
  stripHeight: number
}

/** Which source tiles make up a target tile, and where each goes. */
export function patches(grid: TileGrid, z: number, x: number, y: number): Patch[] {
  const n = 2 ** z
  const out: Patch[] = []
  for (let s = 0; s < grid.strips; s++) {
    const from = s / grid.strips
    const to = (s + 1) / grid.strips
    const [px, py] = grid.pixel(lonOf(x / n), latOf((y + from) / n), z)
    const [qx, qy] = grid.pixel(lonOf((x + 1) / n), latOf((y + to) / n), z)
    const sx = 256 / (qx - px)
    const sy = (256 * (to - from)) / (qy - py)
    for (let ty = Math.floor(py / grid.tile); ty <= Math.floor((qy - 1e-9) / grid.tile); ty++) {
      for (let tx = Math.floor(px / grid.tile); tx <= Math.floor((qx - 1e-9) / grid.tile); tx++) {
        out.push({
          x: tx,
          y: ty,
          left: (tx * grid.tile - px) * sx,
          top: from * 256 + (ty * grid.tile - py) * sy,
          width: grid.tile * sx,
          height: grid.tile * sy,
          stripTop: from * 256,
          stripHeight: (to - from) * 256,
        })
      }
    }
  }
  return out
}

const cacheSize = 128

/** Fetches source tiles and paints targets; neighbours share source tiles, so a small cache nearly halves the traffic. */
export class Warper {
  readonly #cache = new Map<string, Promise<ImageBitmap | null>>()

  async tile(grid: TileGrid, template: string, z: number, x: number, y: number): Promise<ArrayBuffer> {
    const canvas = new OffscreenCanvas(256, 256)
    const ink = canvas.getContext('2d')
    if (!ink) throw new Error('no 2d context')
    ink.imageSmoothingQuality = 'high'
    for (const p of patches(grid, z, x, y)) {
      const image = await this.#source(
        template.replace('{z}', String(z)).replace('{x}', String(p.x)).replace('{y}', String(p.y)),
      )
      if (!image) continue
      ink.save()
      ink.beginPath()
      ink.rect(0, p.stripTop, 256, p.stripHeight + 0.01)
      ink.clip()
      ink.drawImage(image, p.left, p.top, p.width, p.height)
      ink.restore()
    }
    return (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer()
  }

  #source(url: string): Promise<ImageBitmap | null> {
    let image = this.#cache.get(url)
    if (image) {
      this.#cache.delete(url)
    } else {
      // No signal here: the image is shared by up to four targets.
      image = fetch(url, { credentials: 'same-origin' })
        .then(async response => (response.ok ? createImageBitmap(await response.blob()) : null))
        .catch(() => null)
    }
    this.#cache.set(url, image) // newest last
    if (this.#cache.size > cacheSize) {
      const oldest = this.#cache.keys().next().value
      if (oldest !== undefined) this.#cache.delete(oldest)
    }
    return image
  }
}
