import { passwordFault } from '@core/ui/password'
import { describe, expect, it } from 'vitest'
import { dayRange, dayStart } from '../../apps/console/days'
import { foldedAtFirst, matching, sections } from '../../apps/console/menu'
import { places } from '../../apps/console/places'
import { purposeFault } from '../../apps/console/purpose'
import { countTones, covered, flagWords, lengthOf, plausible, runs, tone, words } from '../../apps/console/track'

const bit = (...names: (typeof flagWords)[number][]): number =>
  names.reduce((flags, name) => flags | (1 << flagWords.indexOf(name)), 0)

describe('the menu', () => {
  const all = sections(() => true)

  it('has every page that is not reached from another, once', () => {
    const names = all.flatMap(one => one.places.map(place => place.name))
    expect(names.toSorted()).toEqual(
      places
        .filter(one => !one.under)
        .map(one => one.name)
        .toSorted(),
    )
  })

  it('folds the seldom ones where they do not fit, and nothing where they do', () => {
    expect(foldedAtFirst(all)).toEqual(['rules', 'system'])
    expect(foldedAtFirst(sections(one => one.group === 'system' || one.group === 'rules'))).toEqual([])
  })

  it('shows no group without a page', () => {
    expect(sections(one => one.name === 'orgs').map(one => one.group)).toEqual(['system'])
  })

  it('finds pages by their names, and all of a group by its name', () => {
    const name = (one: unknown): string => (typeof one === 'string' ? one : (one as { name: string }).name)
    expect(matching(all, ' LEDGER ', name).flatMap(one => one.places.map(place => place.name))).toEqual(['ledger'])
    expect(matching(all, 'watch', name)[0]!.places.length).toBeGreaterThan(5)
    expect(matching(all, 'nothing like it', name)).toEqual([])
  })
})

describe('the purpose of a look', () => {
  it.each([
    ['', 'short'],
    ['  ', 'short'],
    ['查', 'short'],
    [' 查 ', 'short'],
    ['督查', null],
    ['𠮷𠮷', null], // two characters, four code units
    ['𠮷', 'short'],
    ['事'.repeat(200), null],
    ['事'.repeat(201), 'long'],
  ] as const)('%j is %s', (text, fault) => {
    expect(purposeFault(text)).toBe(fault)
  })
})

describe('what a fix is shown as', () => {
  it.each([
    ['nothing remarkable', 0, 'plain', true],
    ['late', bit('late'), 'late', true],
    ['inaccurate and late', bit('inaccurate', 'late'), 'vague', true],
    ['mock', bit('mock'), 'mock', true],
    ['too fast', bit('too_fast'), 'doubtful', false],
    ['far away and late', bit('out_of_region', 'late'), 'doubtful', false],
    ['an SOS, however fast', bit('sos', 'too_fast'), 'sos', true],
    ['an SOS from a wrong clock', bit('sos', 'future_clock'), 'sos', false],
    ['converted at the door', bit('converted'), 'plain', true],
  ] as const)('%s', (_sentence, flags, shown, joined) => {
    expect([tone(flags), plausible(flags)]).toEqual([shown, joined])
  })

  it('has the words in the order of the bits', () => {
    expect(words(0b101)).toEqual(['future_clock', 'null_island'])
    expect(words(1 << 14)).toEqual(['invalid_fix'])
  })

  it('counts each fix once', () => {
    expect(countTones([0, 0, bit('late'), bit('too_fast', 'late')])).toMatchObject({ plain: 2, late: 1, doubtful: 1 })
  })
})

describe('a day in runs and gaps', () => {
  const seconds = (...list: number[]) => list.map(s => s * 1000)

  it('joins what is close in time and leaves a gap open', () => {
    const split = runs({ at: seconds(0, 60, 180, 301, 310), flags: [0, 0, 0, 0, 0] })
    expect(split.runs.map(run => run.points)).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
    expect(split.gaps).toEqual([{ from: 180_000, to: 301_000, before: 2, after: 3 }])
  })

  it('does not call exactly two minutes a gap', () => {
    expect(runs({ at: seconds(0, 120), flags: [0, 0] }).gaps).toEqual([])
  })

  it('never joins an implausible fix, nor lets it bridge a gap', () => {
    const split = runs({ at: seconds(0, 100, 200), flags: [0, bit('too_fast'), 0] })
    expect(split.runs.map(run => run.points)).toEqual([[0], [2]])
    expect(split.gaps.length).toBe(1)
  })

  it('is empty for an empty day', () => {
    expect(runs({ at: [], flags: [] })).toEqual({ runs: [], gaps: [] })
  })

  it('counts a walk, not the noise of standing, and nothing across gaps', () => {
    const north = (metres: number) => 22.68 + metres / 111_195
    const fixes = { lon: [114, 114, 114, 114, 114], lat: [north(0), north(4), north(-4), north(50), north(5000)] }
    expect(lengthOf(fixes, [{ points: [0, 1, 2, 3] }, { points: [4] }])).toBeCloseTo(50, 0)
  })

  it('counts overlapping duty once', () => {
    expect(
      covered([
        { from: 0, to: 10 },
        { from: 5, to: 15 },
        { from: 20, to: 21 },
      ]),
    ).toBe(16)
  })
})

describe('days of the business zone', () => {
  it('begin at midnight in China', () => {
    expect(new Date(dayStart('2026-11-23')).toISOString()).toBe('2026-11-22T16:00:00.000Z')
  })

  it('take both ends in', () => {
    expect(dayRange('2026-02-27', '2026-02-28')).toEqual({
      from: '2026-02-26T16:00:00.000Z',
      to: '2026-02-28T16:00:00.000Z',
    })
    expect(dayRange('', '')).toEqual({ from: undefined, to: undefined })
  })
})

describe('passwords, by the rules of the server', () => {
  it.each([
    ['Short-1x', 'short'],
    ['alllowercaseletters', 'kinds'],
    ['lowercase12', 'kinds'],
    ['Lowercase12', null],
    ['密码Abcdefg-', null],
    ['Operator-2026', 'login'],
    ['网格员网格员网格员aB', null], // ten characters and more, three kinds
  ] as const)('%s: %s', (password, fault) => {
    expect(passwordFault('operator', password)).toBe(fault)
  })
})
