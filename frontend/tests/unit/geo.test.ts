import { fromGcj02, inChina, toBd09, toGcj02 } from '@core/geo/crs'
import { circle, latOf, lonOf, mercatorX, mercatorY, metresBetween } from '@core/geo/mercator'
import { grids, patches } from '@core/map/tile-warp'
import { describe, expect, it } from 'vitest'

describe('datums', () => {
  // eviltransform's published pairs
  it.each([
    ['Shanghai', [121.5272106, 31.1774276], [121.531541859215, 31.17530398364597]],
    ['Shenzhen', [113.912316, 22.543847], [113.9171764808363, 22.540796131694766]],
  ] as [string, [number, number], [number, number]][])('%s in GCJ-02 and back', (_, wgs, gcj) => {
    expect(metresBetween(toGcj02(wgs), gcj)).toBeLessThan(1)
    expect(metresBetween(fromGcj02(gcj), wgs)).toBeLessThan(0.1)
  })

  it('the inverse undoes the shift anywhere in China', () => {
    for (let lon = 76; lon < 134; lon += 7.3) {
      for (let lat = 19; lat < 53; lat += 4.7)
        expect(metresBetween(fromGcj02(toGcj02([lon, lat])), [lon, lat])).toBeLessThan(0.01)
    }
  })

  it('nothing is shifted abroad', () => {
    expect(inChina([2.35, 48.85])).toBe(false)
    expect(toGcj02([2.35, 48.85])).toEqual([2.35, 48.85])
  })

  it('BD-09 lies some hundred metres beyond GCJ-02', () => {
    const p = [114.209, 22.6875] as const
    const d = metresBetween(toGcj02(p), toBd09(p))
    expect(d).toBeGreaterThan(500)
    expect(d).toBeLessThan(1200)
  })
})

describe('Mercator', () => {
  it('there and back', () => {
    expect(lonOf(mercatorX(114.209))).toBeCloseTo(114.209, 9)
    expect(latOf(mercatorY(22.6875))).toBeCloseTo(22.6875, 9)
  })
  it('a circle keeps its radius', () => {
    for (const p of circle([114.209, 22.6875], 50)) expect(metresBetween(p, [114.209, 22.6875])).toBeCloseTo(50, 0)
  })
})

describe('warped tiles', () => {
  /** Where a WGS-84 point is painted on the target tile, against where it belongs. */
  function worstError(kind: 'gcj02' | 'c4490', z: number, x: number, y: number): number {
    const grid = grids[kind]
    const all = patches(grid, z, x, y)
    const n = 2 ** z
    let worst = 0
    for (let i = 0; i <= 16; i++) {
      for (let j = 0; j <= 16; j++) {
        const u = (i / 16) * 255.98 + 0.01
        const v = (j / 16) * 255.98 + 0.01
        const [px, py] = grid.pixel(lonOf((x + u / 256) / n), latOf((y + v / 256) / n), z)
        const patch = all.find(
          p =>
            v >= p.stripTop &&
            v <= p.stripTop + p.stripHeight &&
            Math.floor(px / grid.tile) === p.x &&
            Math.floor(py / grid.tile) === p.y,
        )
        // a point on the seam may belong to the neighbour by a hair
        if (!patch) continue
        const atX = patch.left + ((px - patch.x * grid.tile) * patch.width) / grid.tile
        const atY = patch.top + ((py - patch.y * grid.tile) * patch.height) / grid.tile
        worst = Math.max(worst, Math.hypot(atX - u, atY - v))
      }
    }
    return worst
  }

  it('GCJ-02 tiles are right within 1.5 pixels', () => {
    for (const z of [11, 14, 17]) {
      const x = Math.floor(mercatorX(114.209) * 2 ** z)
      const y = Math.floor(mercatorY(22.6875) * 2 ** z)
      expect(worstError('gcj02', z, x, y)).toBeLessThan(1.5)
    }
  })

  it('latitude–longitude tiles are right within a hundredth of a pixel', () => {
    for (const z of [10, 14, 17]) {
      const x = Math.floor(mercatorX(114.209) * 2 ** z)
      const y = Math.floor(mercatorY(22.6875) * 2 ** z)
      expect(worstError('c4490', z, x, y)).toBeLessThan(0.01)
    }
  })
})
