import { density, quiet } from '@core/trail/density'
import { EventBook, type EventKind, eventKinds, type PlayEvent } from '@core/trail/events'
import { describe, expect, it } from 'vitest'

const event = (at: number, kind: EventKind, worker?: number): PlayEvent => ({
  at,
  kind,
  worker,
  title: `${kind} ${at}`,
})
const all = { kinds: new Set(eventKinds), workers: null }

describe('events', () => {
  const book = new EventBook([
    event(5000, 'visit', 2),
    event(1000, 'enter', 1),
    event(3000, 'incident'),
    event(3000, 'sos', 1),
    event(9000, 'gap', 2),
  ])

  it('are in the order of their time', () => {
    expect(book.all.map(one => one.at)).toEqual([1000, 3000, 3000, 5000, 9000])
  })

  it.each([
    ['from before the day to the first', -1, 1000],
    ['from an event to the one after it', 1000, 3000],
    ['from between to the next', 3500, 5000],
  ])('next: %s', (_what, t, to) => {
    expect(book.next(t, all)?.at).toBe(to)
  })

  it('there is none after the last and none before the first', () => {
    expect(book.next(9000, all)).toBeNull()
    expect(book.previous(1000, all)).toBeNull()
  })

  it('back from an event is the one before it', () => {
    expect(book.previous(5000, all)?.at).toBe(3000)
  })

  it('back at ×64 gets past what has just begun', () => {
    expect(book.previous(5000 + 20, all)?.at).toBe(5000)
    const far = new EventBook([event(0, 'visit'), event(1_000_000, 'visit')])
    expect(far.previous(1_000_000 + 64 * 300, all, 64)?.at).toBe(0)
    expect(far.previous(1_000_000 + 64 * 900, all, 64)?.at).toBe(1_000_000)
  })

  it('only of the chosen kinds and people; what is nobody’s is everybody’s', () => {
    const choice = { kinds: new Set<EventKind>(['visit', 'gap', 'incident']), workers: new Set([1]) }
    expect(book.next(0, choice)?.kind).toBe('incident')
    expect(book.next(3000, choice)).toBeNull()
  })

  it('around the playhead: what was, then what comes', () => {
    expect(book.around(3000, all, 2, 1).map(one => one.at)).toEqual([3000, 3000, 5000])
  })
})

describe('density', () => {
  it('counts the people heard, by share of a bin', () => {
    const made = density([[{ from: 0, to: 50 }], [{ from: 25, to: 100 }]], 0, 100, 4)
    expect([...made]).toEqual([1, 2, 1, 1])
  })

  it('of no time is empty', () => {
    expect([...density([[{ from: 0, to: 1 }]], 5, 5, 3)]).toEqual([0, 0, 0])
  })

  it('finds the stretches in which nobody was heard', () => {
    const heard = [
      [{ from: 10, to: 20 }],
      [
        { from: 15, to: 30 },
        { from: 90, to: 95 },
      ],
    ]
    expect(quiet(heard, 0, 100, 10)).toEqual([
      { from: 0, to: 10 },
      { from: 30, to: 90 },
    ])
  })
})
