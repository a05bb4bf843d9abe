import { setLocale } from '@core/i18n/t'
import { done } from '@core/patrol/computing'
import { band, bandColour, bands, cellBand } from '@core/patrol/coverage'
import { kindOf, minutesOf, pieces, refusedFixes, stretches, tally } from '@core/patrol/day'
import { compareFrac, figure, ordered, perHundred, ranking, ratio, share, written } from '@core/patrol/figures'
import type { BoardRow, Fixes, Frac, Interval } from '@core/patrol/shape'
import { filled, fourteen, halfLook, isDay, monday, plusDays, required, weekDays, weekNumber } from '@core/patrol/week'
import { adviceFor, say, words } from '@core/patrol/words'
import { afterEach, describe, expect, it } from 'vitest'

afterEach(() => setLocale('zh-CN'))

describe('weeks', () => {
  it.each([
    ['a Monday is its own', '2026-11-23', '2026-11-23'],
    ['a Sunday belongs to the Monday before', '2026-11-29', '2026-11-23'],
    ['over a year', '2027-01-01', '2026-12-28'],
    ['over a leap day', '2028-03-01', '2028-02-28'],
  ])('%s', (_what, day, first) => expect(monday(day)).toBe(first))
  it('has seven days', () => {
    expect(weekDays('2026-12-28')).toEqual([
      '2026-12-28',
      '2026-12-29',
      '2026-12-30',
      '2026-12-31',
      '2027-01-01',
      '2027-01-02',
      '2027-01-03',
    ])
  })
  it.each([
    ['2026-12-28', 2026, 53],
    ['2026-11-23', 2026, 48],
    ['2027-01-04', 2027, 1],
    ['2024-12-30', 2025, 1],
  ])('%s is week %i-%i', (week, year, n) => expect(weekNumber(week)).toEqual({ year, n }))
  it('knows a day from another text', () => {
    expect(isDay('2026-02-28')).toBe(true)
    expect(isDay('2026-02-30')).toBe(false)
    expect(isDay('heute')).toBe(false)
    expect(plusDays('2026-02-28', 1)).toBe('2026-03-01')
  })
})

describe('a half-day is drawn by what was walked, then by why nothing was asked', () => {
  const today = '2026-11-25'
  it.each([
    ['enough', { day: '2026-11-24', minutes: 120, qualified: true }, 'full'],
    ['enough on leave is still walked', { day: '2026-11-24', minutes: 130, qualified: true, leave: true }, 'full'],
    ['a minute short', { day: '2026-11-24', minutes: 119, qualified: false }, 'part'],
    ['nothing', { day: '2026-11-24', minutes: 0, qualified: false }, 'none'],
    ['nothing yet today', { day: '2026-11-25', minutes: 0, qualified: false }, 'none'],
    ['tomorrow', { day: '2026-11-26', minutes: 0, qualified: false }, 'ahead'],
    ['leave', { day: '2026-11-26', minutes: 0, qualified: false, leave: true, rest: true }, 'leave'],
    ['a Sunday', { day: '2026-11-29', minutes: 0, qualified: false, rest: true }, 'rest'],
  ])('%s', (_what, half, look) => expect(halfLook(half, today)).toBe(look))
  it('there are fourteen, whatever came', () => {
    const all = fourteen('2026-11-23', [{ day: '2026-11-25', half: 'pm', minutes: 12, qualified: false }])
    expect(all).toHaveLength(14)
    expect(all[5]).toMatchObject({ day: '2026-11-25', half: 'pm', minutes: 12 })
    expect(all.filter(one => one.minutes > 0)).toHaveLength(1)
  })
  it('is filled by its share', () => {
    expect(filled(60, 120)).toBe(0.5)
    expect(filled(300, 120)).toBe(1)
    expect(filled(10, 0)).toBe(0)
  })
})

describe('what a week asks for', () => {
  it.each([
    ['a plain week', 3, 5, 0, 3],
    ['a week of six working days asks no more', 3, 6, 0, 3],
    ['four days: ceil(2.4)', 3, 4, 0, 3],
    ['three days: ceil(1.8)', 3, 3, 0, 2],
    ['one day: ceil(0.6)', 3, 1, 0, 1],
    ['the golden week', 3, 0, 0, 0],
    ['five days, four halves of leave: ceil(1.8)', 3, 5, 4, 2],
    ['leave all week', 3, 5, 10, 0],
  ])('%s', (_what, quota, days, leave, want) => expect(required(quota, days, leave)).toBe(want))
  it('a fixed rule asks for all of it', () => expect(required(3, 0, 0, false)).toBe(3))
})

const f = (n: number, d: number): Frac => ({ n, d })

describe('computing', () => {
  it.each([
    ['nothing is known', 0, 0, 0],
    ['all waits', 0, 8, 0],
    ['two of eight', 2, 6, 0.25],
    ['all is done', 8, 0, 1],
  ])('%s', (_what, computed, waiting, want) => expect(done({ computed, waiting, settled: waiting === 0 })).toBe(want))
})

describe('figures', () => {
  it('nothing over nothing is a dash', () => {
    expect(share(f(0, 0))).toBe('—')
    expect(ratio(f(0, 0))).toBe('—')
    expect(perHundred(f(0, 0))).toBe('—')
    expect(share(null)).toBe('—')
  })
  it('nothing of something is 0', () => {
    expect(share(f(0, 8))).toBe('0%')
    expect(ratio(f(0, 8))).toBe('0 / 8')
  })
  it.each([
    [f(1, 8), 1, '12.5%'],
    [f(1, 8), 0, '13%'],
    [f(2, 3), 1, '66.7%'],
    [f(8, 8), 0, '100%'],
  ])('%o in %i digits is %s', (one, digits, text) => expect(share(one, digits)).toBe(text))
  it('problems are told per hundred visits', () => expect(perHundred(f(11, 230))).toBe('4.78'))
})

const row = (code: string, more: Partial<BoardRow>): BoardRow => ({
  grid: Number(code),
  code,
  name: `网格${code}`,
  org: 1,
  org_name: '东湖社区',
  workers: 1,
  half_days: [],
  qualified: 0,
  required: 3,
  state: 'unmet',
  coverage: { area: f(0, 0), household: f(0, 0), object: f(0, 0), checkpoint: f(0, 0) },
  visits: 0,
  found: 0,
  found_rate: f(0, 0),
  out_of_grid: f(0, 0),
  distance_m: 0,
  night: 0,
  doubts: { open: 0, total: 0 },
  trend: [],
  recomputed_at: null,
  why: [],
  rule_version: '',
  computed: 5,
  waiting: 0,
  settled: true,
  ...more,
})

describe('the ranking of grids', () => {
  const rows = [
    row('1', { qualified: 1 }),
    row('2', { qualified: 2 }),
    row('3', { qualified: 4, state: 'met' }),
    row('4', { required: 0, state: 'exempt', qualified: 2 }),
    row('5', { qualified: 2 }),
  ]
  it('is 1-2-2-4 by raw fractions, and who has no value has no place', () => {
    expect(ranking(rows, 'quota').map(one => [one.row.code, one.place])).toEqual([
      ['3', 1],
      ['2', 2],
      ['5', 2],
      ['1', 4],
      ['4', null],
    ])
  })
  it('less out of grid is better', () => {
    const two = [row('1', { out_of_grid: f(30, 100) }), row('2', { out_of_grid: f(1, 100) })]
    expect(ranking(two, 'outside').map(one => one.row.code)).toEqual(['2', '1'])
  })
  it('compares what rounding would make equal', () => {
    expect(share(f(333, 1000))).toBe(share(f(1, 3)))
    expect(compareFrac(f(333, 1000), f(1, 3))).toBeLessThan(0)
  })
  it('puts those without a value last, up and down', () => {
    expect(ordered(rows, 'quota', true).at(-1)?.code).toBe('4')
    expect(ordered(rows, 'quota', false).at(-1)?.code).toBe('4')
    expect(ordered(rows, 'quota', false)[0]?.code).toBe('1')
  })
  it('more than asked is no more than all of it, but is written', () => {
    expect(figure(rows[2]!, 'quota')).toEqual(f(3, 3))
    expect(written(rows[2]!, 'quota')).toBe('4 / 3')
    expect(written(rows[3]!, 'quota')).toBe('—')
  })
})

describe('a day as it is drawn', () => {
  // a fix each minute, a step of 0.001° to the east
  const fixes: Fixes = {
    at: [0, 60, 120, 180, 240, 300].map(s => s * 1000),
    lon: [0, 1, 9, 3, 4, 5].map(n => 114 + n / 1000),
    lat: [0, 0, 9, 0, 0, 0].map(n => 22 + n / 1000),
    speed: [null, null, null, null, null, null],
    accuracy: [5, 5, 5, 5, 5, 5],
    flags: [0, 0, 0, 0, 0, 0],
    why: ['good', 'good', 'teleport', 'good', 'good', 'good'],
  }
  const span = (from: number, to: number, counted: boolean, why: string, half: 'am' | 'pm' = 'am'): Interval => ({
    from: from * 1000,
    to: to * 1000,
    counted,
    why,
    half,
  })
  it('is cut where the judgement changes, through accepted fixes alone, without holes', () => {
    const made = pieces(fixes, [
      span(0, 60, true, 'ok'),
      span(60, 180, false, 'gap'),
      span(180, 210, true, 'ok'),
      span(210, 300, false, 'outside'),
    ])
    expect(made.map(one => one.kind)).toEqual(['counted', 'gap', 'counted', 'missed'])
    for (let i = 1; i < made.length; i++) {
      const [end, start] = [made[i - 1]!.line.at(-1)!, made[i]!.line[0]!]
      expect(end[0]).toBeCloseTo(start[0], 9)
    }
    expect(made[2]!.line.at(-1)![0]).toBeCloseTo(114.0035, 9) // half a minute: half a step
    expect(made[3]!.line).toHaveLength(3)
    expect(made.flatMap(one => one.line).every(point => point[1] === 22)).toBe(true) // never through the teleport
  })
  it('shows what was refused, with its reason', () => {
    expect(refusedFixes(fixes)).toEqual([{ i: 2, why: 'teleport', point: [114.009, 22.009] }])
  })
  it('draws nothing through a single fix', () => {
    expect(pieces({ ...fixes, at: [0], lon: [1], lat: [1], why: ['good'] }, [span(0, 1, true, 'ok')])).toEqual([])
  })
  it.each([
    [true, 'ok', 'counted'],
    [true, 'indoor', 'indoor'],
    [false, 'gap', 'gap'],
    [false, 'off_duty', 'gap'],
    [false, 'outside', 'missed'],
  ])('counted %s because %s is %s', (counted, why, kind) => expect(kindOf({ counted, why })).toBe(kind))
  it('adds up each reason, the counted first', () => {
    const list = [
      span(0, 10, false, 'gap'),
      span(10, 20, true, 'ok'),
      span(20, 60, false, 'outside'),
      span(60, 61, true, 'ok', 'pm'),
    ]
    expect(tally(list).map(one => [one.why, one.ms, one.n])).toEqual([
      ['ok', 11_000, 2],
      ['outside', 40_000, 1],
      ['gap', 10_000, 1],
    ])
    expect(tally(list, 'pm').map(one => one.ms)).toEqual([1_000])
  })
  it('reads neighbours of one judgement as one stretch', () => {
    const list = [
      span(0, 10, true, 'ok'),
      span(10, 20, true, 'ok'),
      span(20, 30, false, 'gap'),
      span(40, 50, false, 'gap'),
    ]
    expect(stretches(list).map(one => [one.from / 1000, one.to / 1000, one.why, one.first, one.last])).toEqual([
      [0, 20, 'ok', 0, 1],
      [20, 30, 'gap', 2, 2],
      [40, 50, 'gap', 3, 3],
    ])
  })
  it('119.9 minutes are not 120', () => expect(minutesOf(7_199_999)).toBe(119))
})

describe('the age of a place', () => {
  const now = Date.parse('2026-11-26T04:00:00Z')
  it.each([
    [null, 'never'],
    ['', 'never'],
    ['2026-11-26T03:00:00Z', 'day'],
    ['2026-11-25T04:00:00Z', 'week'],
    ['2026-11-18T00:00:00Z', 'fortnight'],
    ['2026-11-01T00:00:00Z', 'month'],
    ['2026-01-01T00:00:00Z', 'older'],
  ])('%s is %s', (last, name) => expect(band(last, now)).toBe(name))
  it('where nobody can walk there is no age', () => {
    expect(cellBand('unwalkable', null, now)).toBe('unwalkable')
    expect(cellBand('missed', null, now)).toBe('never')
    expect(cellBand('missed', '2026-11-18T00:00:00Z', now)).toBe('fortnight')
  })
  it('falls in luminance from band to band, so that it is read without hue', () => {
    const luminance = (hex: string): number => {
      const [r, g, b] = [1, 3, 5].map(i => {
        const v = Number.parseInt(hex.slice(i, i + 2), 16) / 255
        return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
      }) as [number, number, number]
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const ages = bands.filter(name => name !== 'never').map(name => luminance(bandColour[name]))
    for (let i = 1; i < ages.length; i++) expect(ages[i - 1]! / ages[i]!).toBeGreaterThan(1.3)
  })
})

describe('words', () => {
  it('says it in the language of the page, and shows an unknown code as it is', () => {
    expect(say('state', 'met')).toBe('达标')
    expect(say('why', 'brand_new')).toBe('brand_new')
    setLocale('en')
    expect(say('state', 'met')).toBe('Met')
  })
  it('every reason for which time does not count has advice', () => {
    const whys = Object.keys(words)
      .filter(key => key.startsWith('why.'))
      .map(key => key.slice(4))
    const silent = whys.filter(why => !adviceFor(why))
    expect(silent).toEqual(['ok', 'indoor', 'no_record'])
  })
})
