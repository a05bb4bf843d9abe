import { setLocale } from '@core/i18n/t'
import { afterEach, describe, expect, it } from 'vitest'
import {
  approx,
  bandTone,
  openable,
  type Plan,
  points,
  type Score,
  shares,
  signed,
  spread,
  sums,
  weightText,
} from '../../apps/console/assess/model'
import { assess } from '../../apps/console/texts/assess'

afterEach(() => setLocale('zh-CN'))

const plan: Plan = {
  special: 1000,
  bands: [
    { name: '优秀', at_least: 9000 },
    { name: '良好', at_least: 8000 },
    { name: '合格', at_least: 6000 },
    { name: '不合格', at_least: 0 },
  ],
  dimensions: [
    {
      code: 'a',
      name: '走访',
      weight: 3500,
      items: [
        { code: 'x', name: '定额', weight: 6250, source: 'quota' },
        { code: 'y', name: '对象', weight: 3750, source: 'object_coverage' },
      ],
    },
    {
      code: 'b',
      name: '处置',
      weight: 6500,
      items: [{ code: 'z', name: '按期', weight: 10_000, source: 'grid_on_time' }],
    },
  ],
}
const score = (band: string) => ({ result: { band } }) as Score

describe('weights', () => {
  it('come to a hundred per cent, or do not', () => {
    expect(sums(plan)).toEqual({ dimensions: 10_000, items: [10_000, 10_000], right: true })
    const off = structuredClone(plan)
    off.dimensions[0]!.items[0]!.weight = 6000
    expect(sums(off)).toMatchObject({ items: [9750, 10_000], right: false })
  })
  it('are shown as shares of the whole, which sum to all of it', () => {
    expect(shares(plan).map(one => weightText(one.share))).toEqual(['21.88%', '13.13%', '65%'])
    expect(shares(plan).reduce((sum, one) => sum + one.share, 0)).toBe(10_000)
  })
  it.each([
    [3500, '35%'],
    [1250, '12.5%'],
    [333, '3.33%'],
    [0, '0%'],
  ])('%i is %s', (weight, text) => {
    expect(weightText(weight)).toBe(text)
  })
})

describe('figures', () => {
  it('a fraction is a number for bars alone', () => {
    expect(approx('175/2')).toBe(87.5)
    expect(approx('-1/4')).toBe(-0.25)
    expect(approx('')).toBeNull()
  })
  it('nothing is a dash, and not a nought', () => {
    expect([points(null), points(undefined), points(0), points(87.5)]).toEqual(['—', '—', '0.00', '87.50'])
    expect([signed(2.5), signed(-1.25), signed(0), signed(null)]).toEqual(['+2.50', '−1.25', '0.00', '—'])
  })
})

describe('grades', () => {
  it('have a colour by their place, and none when there is no score', () => {
    expect(plan.bands.map(band => bandTone(plan, band.name))).toEqual(['b0', 'b1', 'b2', 'b3'])
    expect(bandTone(plan, '')).toBe('bnone')
  })
  it('are counted, those without a score apart', () => {
    expect(spread(plan, [score('优秀'), score('合格'), score('优秀'), score('')]).map(one => one.n)).toEqual([
      2, 0, 1, 0, 1,
    ])
    expect(spread(plan, [score('优秀')])).toHaveLength(4)
  })
})

describe('what may be opened', () => {
  it('are this month and before, across the turn of the year', () => {
    const all = openable('2026-02-10')
    expect(all.filter(one => one.kind === 'month').map(one => one.label)).toEqual([
      '2026-02',
      '2026-01',
      '2025-12',
      '2025-11',
      '2025-10',
      '2025-09',
    ])
    expect(all.filter(one => one.kind === 'quarter').map(one => one.label)).toEqual([
      '2026-Q1',
      '2025-Q4',
      '2025-Q3',
      '2025-Q2',
      '2025-Q1',
    ])
    expect(all.filter(one => one.kind === 'year').map(one => one.label)).toEqual(['2026', '2025'])
  })
})

describe('the words', () => {
  it.each(Object.entries(assess))('%s has the same holes in both languages', (_key, [zh, en]) => {
    const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]!).sort()
    expect(holes(en)).toEqual(holes(zh))
  })
})
