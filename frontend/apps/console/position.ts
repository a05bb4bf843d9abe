// Where this machine says it is, for 到场 and 报到; nothing when it will not say.
import type { LonLat } from '@core/api/types'

export interface Position {
  point: LonLat
  accuracy: number
}

export function position(wait = 8_000): Promise<Position | null> {
  return new Promise(resolve => {
    if (!navigator.geolocation) resolve(null)
    else
      navigator.geolocation.getCurrentPosition(
        at => resolve({ point: [at.coords.longitude, at.coords.latitude], accuracy: at.coords.accuracy }),
        () => resolve(null),
        { timeout: wait, enableHighAccuracy: true },
      )
  })
}
