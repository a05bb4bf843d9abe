// What a trail's colour says: how fast, or how sure. Six steps each, told apart
// also by those who see no red or no green; the middle of the accuracy scale is
// where a fix stops counting.

export type Tint = 'person' | 'speed' | 'accuracy'
export const tints: readonly Tint[] = ['person', 'speed', 'accuracy']

export interface Scale {
  /** Upper limits of all steps but the last, in m/s or m. */
  readonly limits: readonly number[]
  readonly colours: readonly string[]
}

export const scales: Record<Exclude<Tint, 'person'>, Scale> = {
  // standing, strolling, walking, riding, driving, faster than anybody should
  speed: {
    limits: [0.3, 1.2, 2, 5.5, 16.7],
    colours: ['#5b6fd8', '#3fa7e0', '#5fd0b8', '#c3df6b', '#f7b733', '#ff7a59'],
  },
  accuracy: {
    limits: [5, 10, 20, 50, 100],
    colours: ['#d6f2ff', '#8fd0f7', '#4a9be0', '#4767c4', '#f2b134', '#e8642c'],
  },
}

export const unknownColour = '#8a97a8'
export const unknownStep = 7

/** 0–5, or unknownStep. */
export function stepOf(scale: Scale, value: number): number {
  if (!(value >= 0)) return unknownStep
  let step = 0
  while (step < scale.limits.length && value > scale.limits[step]!) step++
  return step
}

/** People who can be told apart by colour; more than these are drawn alike. */
export const personColours = [
  '#5fd4f4',
  '#f0a202',
  '#2fbf8f',
  '#f0e442',
  '#e58ac0',
  '#ff7a59',
  '#9aa6ff',
  '#cbdbeb',
] as const

/** Of a crowd: nothing on the map's ground or borders is as warm. */
export const crowdColour = '#ffd97a'

export const personColour = (lane: number, lanes: number): string =>
  lanes > personColours.length ? crowdColour : personColours[lane % personColours.length]!
