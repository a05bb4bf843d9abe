// Web Mercator on the unit square, as MapLibre uses it: x to the east, y to the south.

export const mercatorX = (lon: number): number => (180 + lon) / 360

export const mercatorY = (lat: number): number =>
  (180 - (180 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360))) / 360

export const lonOf = (x: number): number => x * 360 - 180

export const latOf = (y: number): number =>
  (360 / Math.PI) * Math.atan(Math.exp(((180 - y * 360) * Math.PI) / 180)) - 90

const earthRadius = 6_371_008.8
const rad = Math.PI / 180

/** Metres between two points on the sphere. */
export function metresBetween(a: readonly [number, number], b: readonly [number, number]): number {
  const dLat = (b[1] - a[1]) * rad
  const dLon = (b[0] - a[0]) * rad
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * rad) * Math.cos(b[1] * rad) * Math.sin(dLon / 2) ** 2
  return 2 * earthRadius * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** A ring of so many metres around a point, for accuracy circles. */
export function circle(center: readonly [number, number], metres: number, steps = 48): [number, number][] {
  const dLat = metres / earthRadius / rad
  const dLon = dLat / Math.max(0.01, Math.cos(center[1] * rad))
  const ring: [number, number][] = []
  for (let i = 0; i <= steps; i++) {
    const a = (i / steps) * 2 * Math.PI
    ring.push([center[0] + dLon * Math.cos(a), center[1] + dLat * Math.sin(a)])
  }
  return ring
}
