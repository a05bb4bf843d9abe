// Datums at the edge of the screen: coordinates inside are WGS-84 (equal to
// CGCS2000 within centimetres); GCJ-02 and BD-09 appear only when somebody
// copies a coordinate for another system, or a tile provider draws in one.

export type Datum = 'wgs84' | 'gcj02' | 'bd09'
export type LonLat = readonly [number, number]

const { PI } = Math
const axis = 6_378_245
const eccentricity = 0.006_693_421_622_965_943

const shiftLat = (x: number, y: number): number =>
  -100 +
  2 * x +
  3 * y +
  0.2 * y * y +
  0.1 * x * y +
  0.2 * Math.sqrt(Math.abs(x)) +
  ((20 * Math.sin(6 * x * PI) + 20 * Math.sin(2 * x * PI)) * 2) / 3 +
  ((20 * Math.sin(y * PI) + 40 * Math.sin((y / 3) * PI)) * 2) / 3 +
  ((160 * Math.sin((y / 12) * PI) + 320 * Math.sin((y * PI) / 30)) * 2) / 3

const shiftLon = (x: number, y: number): number =>
  300 +
  x +
  2 * y +
  0.1 * x * x +
  0.1 * x * y +
  0.1 * Math.sqrt(Math.abs(x)) +
  ((20 * Math.sin(6 * x * PI) + 20 * Math.sin(2 * x * PI)) * 2) / 3 +
  ((20 * Math.sin(x * PI) + 40 * Math.sin((x / 3) * PI)) * 2) / 3 +
  ((150 * Math.sin((x / 12) * PI) + 300 * Math.sin((x / 30) * PI)) * 2) / 3

/** The shift applies inside this box only. */
export const inChina = ([lon, lat]: LonLat): boolean =>
  lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271

export function toGcj02(p: LonLat): [number, number] {
  const [lon, lat] = p
  if (!inChina(p)) return [lon, lat]
  let dLat = shiftLat(lon - 105, lat - 35)
  let dLon = shiftLon(lon - 105, lat - 35)
  const radLat = (lat / 180) * PI
  const magic = 1 - eccentricity * Math.sin(radLat) ** 2
  const root = Math.sqrt(magic)
  dLat = (dLat * 180) / (((axis * (1 - eccentricity)) / (magic * root)) * PI)
  dLon = (dLon * 180) / ((axis / root) * Math.cos(radLat) * PI)
  return [lon + dLon, lat + dLat]
}

/** The inverse has no formula: it is found by walking back the difference. */
export function fromGcj02(p: LonLat): [number, number] {
  if (!inChina(p)) return [p[0], p[1]]
  let [lon, lat] = p
  for (let i = 0; i < 10; i++) {
    const there = toGcj02([lon, lat])
    const dLon = there[0] - p[0]
    const dLat = there[1] - p[1]
    lon -= dLon
    lat -= dLat
    if (Math.abs(dLon) < 1e-10 && Math.abs(dLat) < 1e-10) break
  }
  return [lon, lat]
}

const bdTurn = (PI * 3000) / 180

export function toBd09(p: LonLat): [number, number] {
  const [x, y] = toGcj02(p)
  const z = Math.sqrt(x * x + y * y) + 0.00002 * Math.sin(y * bdTurn)
  const theta = Math.atan2(y, x) + 0.000003 * Math.cos(x * bdTurn)
  return [z * Math.cos(theta) + 0.0065, z * Math.sin(theta) + 0.006]
}

export function to(datum: Datum, p: LonLat): [number, number] {
  if (datum === 'gcj02') return toGcj02(p)
  if (datum === 'bd09') return toBd09(p)
  return [p[0], p[1]]
}

/** 114.206612, 22.687438 */
export const coordinateText = (p: LonLat): string => `${p[0].toFixed(6)}, ${p[1].toFixed(6)}`
