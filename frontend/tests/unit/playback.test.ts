import { systemsOf } from '@core/api/playback'
import { common } from '@core/trail/spans'
import { describe, expect, it } from 'vitest'
import { asksOf, castOf, offsetOf, queryOf } from '../../apps/console/playback/ask'

const now = Date.parse('2026-11-26T20:00:00Z') // the 27th in Shanghai

describe('who is played', () => {
  it.each([
    ['one worker of a link', { workers: '17', day: '2026-11-20' }, 'workers', [17]],
    ['several, each once, nonsense left out', { workers: '17,18,x,17,-3' }, 'workers', [17, 18]],
    ['an organisation', { org: '4' }, 'org', []],
    ['a grid', { grid: '9' }, 'grid', []],
    ['nobody yet', {}, 'workers', []],
  ] as const)('%s', (_what, query, by, workers) => {
    const cast = castOf(query, now)
    expect(cast.by).toBe(by)
    expect(cast.workers).toEqual(workers)
  })

  it('the day is today in the business zone unless the link names one', () => {
    expect(castOf({}, now).day).toBe('2026-11-27')
    expect(castOf({ day: '2026-11-20' }, now).day).toBe('2026-11-20')
    expect(castOf({ day: 'yesterday' }, now).day).toBe('2026-11-27')
  })

  it('an address gives back what it was made of, and never the purpose', () => {
    const query = { workers: '17', day: '2026-11-20', day2: '2026-11-13' }
    expect(queryOf(castOf(query, now))).toEqual(query)
    expect(JSON.stringify(queryOf(castOf({ ...query, purpose: '督查' }, now)))).not.toContain('督查')
  })

  it('two days are asked for one by one, of one person only', () => {
    const two = castOf({ workers: '17', day: '2026-11-20', day2: '2026-11-13' }, now)
    expect(asksOf(two, ' 督查 ')).toEqual([
      { workers: [17], day: '2026-11-20', purpose: '督查' },
      { workers: [17], day: '2026-11-13', purpose: '督查' },
    ])
    expect(asksOf({ ...two, workers: [17, 18] }, '督查')).toHaveLength(1)
    expect(asksOf({ ...two, day2: two.day }, '督查')).toHaveLength(1)
  })
})

describe('an instant of a link', () => {
  it.each([
    ['10:30', 37_800_000],
    ['08:05:09', 29_109_000],
    ['25:00', null],
    ['half past', null],
    [undefined, null],
  ])('%s', (text, offset) => {
    expect(offsetOf(text)).toBe(offset)
  })
})

describe('an export', () => {
  it('as GPX knows WGS-84 only', () => {
    expect(systemsOf('gpx')).toEqual(['EPSG:4326', 'EPSG:4490'])
    expect(systemsOf('csv')).toContain('GCJ-02')
  })
})

describe('two days on one clock', () => {
  it('are quiet where both are', () => {
    const a = [
      { from: 0, to: 10 },
      { from: 20, to: 40 },
    ]
    expect(common(a, [{ from: 5, to: 30 }])).toEqual([
      { from: 5, to: 10 },
      { from: 20, to: 30 },
    ])
    expect(common(a, [])).toEqual([])
  })
})
