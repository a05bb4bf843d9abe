// What events look like on the timeline, in the list and in the legend: a colour
// and a shape each, and a word.
import { locale } from '@core/i18n/t'
import type { EventKind, PlayEvent } from '@core/trail/events'
import type { Being } from '@core/trail/lane'
import { scales, type Tint, unknownColour } from '@core/trail/scale'
import { type Look, look } from '../look'
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

const paths: Record<EventKind, string> = {
  sos: diamond,
  incident: triangle,
  order: square,
  visit: disc,
  enter: right,
  leave: left,
  stay: ring,
  gap: bars,
  session: square,
  outlier: cross,
}
const colours: Record<Look, Record<EventKind, string>> = {
  dark: {
    sos: '#ff4d4f',
    incident: '#f0a202',
    order: '#f0e442',
    visit: '#2fbf8f',
    enter: '#56b4e9',
    leave: '#9aa6ff',
    stay: '#cbdbeb',
    gap: '#8a97a8',
    session: '#5fd4f4',
    outlier: '#ff7a59',
  },
  light: {
    sos: '#d3262c',
    incident: '#a86a00',
    order: '#756a00',
    visit: '#16805c',
    enter: '#1f74ad',
    leave: '#5361c9',
    stay: '#475c73',
    gap: '#66758a',
    session: '#08769d',
    outlier: '#c8401f',
  },
}

export const eventLook = (kind: EventKind): EventLook => ({ colour: colours[look.value][kind], path: paths[kind] })
/** What the first day of a comparison is drawn in, and the second. */
export const dayColour = (i: number): string => colours[look.value][i === 0 ? 'session' : 'incident']

/** What one jumps to unless something else is chosen; where nothing of it happened, the next quieter kind. */
export function worthJumping(people: number, happened: (kind: EventKind) => boolean): EventKind[] {
  const loud: EventKind[] = people > 20 ? ['sos', 'incident', 'order'] : ['sos', 'incident', 'order', 'visit', 'gap']
  if (loud.some(happened)) return loud
  const quieter = (['visit', 'gap', 'stay', 'session'] as const).find(happened)
  return quieter ? [...loud, quieter] : loud
}

// the words that the server's titles begin with
const english: Record<string, string> = {
  派遣: 'Dispatched',
  签收: 'Signed',
  到达: 'Arrived',
  反馈: 'Fed back',
  走访: 'Visit',
  走访未遇: 'Visit, nobody met',
  走访被拒: 'Visit refused',
  走访发现问题: 'Visit, problem found',
  进入: 'Into',
  离开: 'Out of',
  巡查在岗: 'On duty: patrol',
  走访在岗: 'On duty: visits',
  应急在岗: 'On duty: emergency',
  事件任务在岗: 'On duty: case',
  窗口在岗: 'On duty: desk',
  一键求助: 'Call for help',
  停留: 'Stay',
  无定位: 'No position',
  坐标为零点: 'Null island',
  时钟异常: 'Wrong clock',
  定位被标记为不可信: 'Flagged as implausible',
  位置跳变: 'Jump',
  位置毛刺: 'Spike',
  定位冻结: 'Frozen',
  定位抖动: 'Jitter',
}

/** What an event is called: the server's own words, or the kind. */
export function eventTitle(event: PlayEvent): string {
  if (!event.title) return t(`play.kind.${event.kind}`)
  if (locale() !== 'en') return event.title
  const [word, ...rest] = event.title.split(' ')
  return [english[word!] ?? word, ...rest].join(' ').replace(/ (\d+) 分钟$/, ' $1 min')
}

export const beingWord = (being: Being): string => t(`play.being.${being}`)

/** Colours and what they stand for, for the legend. */
export function steps(tint: Exclude<Tint, 'person'>): { colour: string; text: string }[] {
  const { limits, colours: inks } = scales[tint]
  const figure = (limit: number): string =>
    tint === 'speed' ? String(Math.round(limit * 3.6)) : String(Math.round(limit))
  const made = inks[look.value].map((colour, i) => ({
    colour,
    text:
      i < limits.length
        ? t('play.scale.upto', { n: figure(limits[i]!) })
        : t('play.scale.over', { n: figure(limits.at(-1)!) }),
  }))
  return [...made, { colour: unknownColour[look.value], text: t('play.scale.unknown') }]
}
