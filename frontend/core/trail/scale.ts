// What a trail's colour says: how fast, or how sure. Six steps each, told apart
// also by those who see no red or no green; the middle of the accuracy scale is
// where a fix stops counting. By day every colour is dark enough for a light map.
import type { Light } from '../map/palette'

export type Tint = 'person' | 'speed' | 'accuracy'
export const tints: readonly Tint[] = ['person', 'speed', 'accuracy']

export interface Scale {
  /** Upper limits of all steps but the last, in m/s or m. */
  readonly limits: readonly number[]
  readonly colours: Record<Light, readonly string[]>
}

export const scales: Record<Exclude<Tint, 'person'>, Scale> = {
  // standing, strolling, walking, riding, driving, faster than anybody should
  speed: {
    limits: [0.3, 1.2, 2, 5.5, 16.7],
    colours: {
      dark: ['#5b6fd8', '#3fa7e0', '#5fd0b8', '#c3df6b', '#f7b733', '#ff7a59'],
      light: ['#3434a7', '#2181c4', '#075b4e', '#758f03', '#934f04', '#8c0d0f'],
    },
  },
  accuracy: {
    limits: [5, 10, 20, 50, 100],
    colours: {
      dark: ['#d6f2ff', '#8fd0f7', '#4a9be0', '#4767c4', '#f2b134', '#e8642c'],
      light: ['#06264a', '#1766a8', '#4088c8', '#5a3fa8', '#b07a10', '#9c2408'],
    },
  },
}

export const unknownColour: Record<Light, string> = { dark: '#8a97a8', light: '#66758a' }
export const unknownStep = 7

/** 0–5, or unknownStep. */
export function stepOf(scale: Scale, value: number): number {
  if (!(value >= 0)) return unknownStep
  let step = 0
  while (step < scale.limits.length && value > scale.limits[step]!) step++
  return step
}

/** People who can be told apart by colour; more than these are drawn alike. */
export const personColours: Record<Light, readonly string[]> = {
  dark: ['#5fd4f4', '#f0a202', '#2fbf8f', '#f0e442', '#e58ac0', '#ff7a59', '#9aa6ff', '#cbdbeb'],
  light: ['#0c7ca7', '#b07301', '#0c6744', '#625f00', '#b73891', '#bc3618', '#483ebc', '#3f4d5e'],
}

/** Of a crowd: nothing on the map's ground or borders is as warm. */
export const crowdColour: Record<Light, string> = { dark: '#ffd97a', light: '#b05a0a' }

export const personColour = (lane: number, lanes: number, light: Light = 'dark'): string => {
  const own = personColours[light]
  return lanes > own.length ? crowdColour[light] : own[lane % own.length]!
}
