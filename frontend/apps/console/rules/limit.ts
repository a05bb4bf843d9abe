// Limits as people write them: the API counts minutes in 工作时 and 自然时.
import type { Unit } from '@core/api/loop'
import { t } from '../texts'

export interface Limit {
  n: number
  unit: Unit
}

/** The units of the editor: minutes are hours written small. */
export type Written = 'wd' | 'wh' | 'h' | 'min' | 'same_day'
export const writtenUnits: readonly Written[] = ['same_day', 'wd', 'wh', 'h', 'min']

const tidy = (n: number): string => String(Math.round(n * 100) / 100)

export function limitText({ n, unit }: Limit): string {
  switch (unit) {
    case 'same_day':
      return t('limit.same_day')
    case 'wd':
      return t('limit.wd', { n })
    case 'wh':
      return n % 30 === 0 ? t('limit.wh', { n: tidy(n / 60) }) : t('limit.wmin', { n })
    case 'h':
      return n % 60 === 0 ? t('limit.h', { n: tidy(n / 60) }) : t('limit.min', { n })
  }
}

export function written({ n, unit }: Limit): { n: number | null; unit: Written } {
  if (unit === 'same_day') return { n: null, unit }
  if (unit === 'wd') return { n, unit }
  if (unit === 'h' && n % 60 !== 0) return { n, unit: 'min' }
  return { n: n / 60, unit }
}

export function limitOf(n: number, unit: Written): Limit {
  switch (unit) {
    case 'same_day':
      return { n: 0, unit }
    case 'wd':
      return { n: Math.round(n), unit }
    case 'min':
      return { n: Math.round(n), unit: 'h' }
    default:
      return { n: Math.round(n * 60), unit }
  }
}
