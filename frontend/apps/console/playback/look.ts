// What events look like on the timeline, in the list and in the legend: a colour
// and a shape each, and a word.
import type { EventKind, PlayEvent } from '@core/trail/events'
import type { Being } from '@core/trail/lane'
import { scales, type Tint, unknownColour } from '@core/trail/scale'
import { t } from '../texts'

export interface EventLook {
  colour: string
  /** In a box of 12. */
  path: string
}

const diamond = 'M6 0.5 11.5 6 6 11.5 0.5 6z'
const triangle = 'M6 1 11.5 11h-11z'
const square = 'M1.5 1.5h9v9h-9z'
const disc = 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z'
const ring = 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1zM6 3.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8z'
const right = 'M1 6 7 1v3.4h4v3.2H7V11z'
const left = 'M11 6 5 1v3.4H1v3.2h4V11z'
const cross = 'M2.2 1 6 4.8 9.8 1 11 2.2 7.2 6 11 9.8 9.8 11 6 7.2 2.2 11 1 9.8 4.8 6 1 2.2z'
const bars = 'M1 4.5h3v3H1zM5.5 4.5h1.5v3H5.5zM8.5 4.5h2.5v3H8.5z'

export const eventLook: Record<EventKind, EventLook> = {
  sos: { colour: '#ff4d4f', path: diamond },
  incident: { colour: '#f0a202', path: triangle },
  order: { colour: '#f0e442', path: square },
  visit: { colour: '#2fbf8f', path: disc },
  enter: { colour: '#56b4e9', path: right },
  leave: { colour: '#9aa6ff', path: left },
  stay: { colour: '#cbdbeb', path: ring },
  gap: { colour: '#8a97a8', path: bars },
  session: { colour: '#5fd4f4', path: square },
  outlier: { colour: '#ff7a59', path: cross },
}

/** What one jumps to unless something else is chosen; where nothing of it happened, the next quieter kind. */
export function worthJumping(people: number, happened: (kind: EventKind) => boolean): EventKind[] {
  const loud: EventKind[] = people > 20 ? ['sos', 'incident', 'order'] : ['sos', 'incident', 'order', 'visit', 'gap']
  if (loud.some(happened)) return loud
  const quieter = (['visit', 'gap', 'stay', 'session'] as const).find(happened)
  return quieter ? [...loud, quieter] : loud
}

/** What an event is called: the server's own words, or the kind. */
export const eventTitle = (event: PlayEvent): string => event.title || t(`play.kind.${event.kind}`)

export const beingWord = (being: Being): string => t(`play.being.${being}`)

/** Colours and what they stand for, for the legend. */
export function steps(tint: Exclude<Tint, 'person'>): { colour: string; text: string }[] {
  const { limits, colours } = scales[tint]
  const figure = (limit: number): string =>
    tint === 'speed' ? String(Math.round(limit * 3.6)) : String(Math.round(limit))
  const made = colours.map((colour, i) => ({
    colour,
    text:
      i < limits.length
        ? t('play.scale.upto', { n: figure(limits[i]!) })
        : t('play.scale.over', { n: figure(limits.at(-1)!) }),
  }))
  return [...made, { colour: unknownColour, text: t('play.scale.unknown') }]
}
