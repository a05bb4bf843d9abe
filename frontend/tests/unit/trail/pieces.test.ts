import { merged, type Path, without } from '@core/trail/path'
import { nextPiece } from '@core/trail/pieces'
import { common, covers, holes, joined } from '@core/trail/spans'
import { describe, expect, it } from 'vitest'

const minute = 60_000
const span = (from: number, to: number) => ({ from: from * minute, to: to * minute })
const day = span(480, 960)

describe('which piece of a day is read next', () => {
  it.each([
    ['of five hundred people five minutes at first', [], 480, 500, span(480, 485)],
    ['of twenty people two hours', [], 480, 20, span(480, 605)],
    ['of one person all', [], 480, 1, day],
    ['from two minutes before the playhead on', [], 600, 500, span(598, 603)],
    ['then as long as what was read before it', [span(480, 490)], 482, 500, span(490, 500)],
    ['an hour at most', [span(480, 600)], 482, 500, span(600, 660)],
    ['never twice the same', [span(480, 490), span(495, 960)], 482, 500, span(490, 495)],
    ['a short rest with the piece before it', [span(480, 485), span(492, 960)], 482, 500, span(485, 492)],
    ['what lies before the playhead last', [span(700, 960)], 710, 500, span(480, 485)],
    ['nothing when all is asked for', [day], 700, 500, null],
  ] as const)('%s', (_what, asked, head, people, want) => {
    expect(nextPiece(asked, day, head * minute, people)).toEqual(want)
  })

  it('until all of it has been, whatever the playhead does', () => {
    for (let seed = 1; seed < 40; seed++) {
      let asked: { from: number; to: number }[] = []
      let n = 0
      for (let head = seed * 12; ; head = 480 + ((head * 7 + seed) % 480), n++) {
        const piece = nextPiece(asked, day, head * minute, 40 * seed)
        if (!piece) break
        expect(piece.to).toBeGreaterThan(piece.from)
        expect(asked.every(one => piece.to <= one.from || one.to <= piece.from)).toBe(true)
        asked = joined(asked, piece)
      }
      expect(asked).toEqual([day])
      expect(n).toBeLessThan(200)
    }
  })
})

describe('stretches of a day', () => {
  it('joined, left out, covered, in common', () => {
    const list = joined(joined(joined([], span(1, 2)), span(5, 6)), span(2, 3))
    expect(list).toEqual([span(1, 3), span(5, 6)])
    expect(joined(list, span(0, 9))).toEqual([span(0, 9)])
    expect(holes(list, 0, 8 * minute)).toEqual([span(0, 1), span(3, 5), span(6, 8)])
    expect(holes(list, 2 * minute, 4 * minute)).toEqual([span(3, 4)])
    expect(covers(list, minute, 3 * minute)).toBe(true)
    expect(covers(list, minute, 4 * minute)).toBe(false)
    expect(common(list, [span(2, 6)])).toEqual([span(2, 3), span(5, 6)])
  })
})

describe('parts of a way', () => {
  const path = (...t: number[]): Path => ({
    count: t.length,
    t: Int32Array.from(t),
    x: Float32Array.from(t),
    y: Float32Array.from(t),
    speed: Float32Array.from(t),
    accuracy: Float32Array.from(t),
  })
  it.each([
    [[], [1, 2]],
    [[1, 2], []],
    [
      [1, 2],
      [3, 4],
    ],
    [
      [3, 4],
      [1, 2],
    ],
    [
      [1, 4, 6],
      [2, 3, 4, 5, 9],
    ],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
    [
      [5, 9],
      [1, 5, 7, 9, 11],
    ],
  ])('%j and %j', (a, b) => {
    const made = merged(path(...a), path(...b))
    const want = [...new Set([...a, ...b])].toSorted((x, y) => x - y)
    expect([...made.t]).toEqual(want)
    expect([...made.x]).toEqual(want)
    expect(made.count).toBe(want.length)
    expect(made.accuracy).toHaveLength(want.length)
  })

  it('without strays', () => {
    expect([...without(path(1, 2, 3), new Set([1002]), { start: 1000, x: 0, y: 0 }).t]).toEqual([1, 3])
  })
})
