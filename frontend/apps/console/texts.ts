import { shared } from '@core/i18n/shared'
import { texts } from '@core/i18n/t'
import { book as cases } from '@core/incident/book'
import { assess } from './texts/assess'
import { devices } from './texts/devices'
import { doubts } from './texts/doubts'
import { frame } from './texts/frame'
import { lists } from './texts/lists'
import { loop } from './texts/loop'
import { patrol } from './texts/patrol'
import { playback } from './texts/playback'
import { registers } from './texts/registers'
import { rules } from './texts/rules'
import { statistics } from './texts/statistics'
import { tracks } from './texts/tracks'
import { visits } from './texts/visits'
import { watch } from './texts/watch'

export const book = {
  ...cases,
  ...frame,
  ...devices,
  ...tracks,
  ...lists,
  ...loop,
  ...watch,
  ...registers,
  ...rules,
  ...statistics,
  ...assess,
  ...patrol,
  ...playback,
  ...visits,
  ...doubts,
}

export const t = texts(book)
export type ConsoleKey = keyof typeof book

/** The text of a code that comes from the server; a code from a newer server is shown as it is. */
export function word(prefix: string, code: string): string {
  const key = `${prefix}.${code}`
  return key in book || key in shared ? t(key as ConsoleKey) : code
}
