import { describe, expect, it } from 'vitest'
import { Hold } from '../../apps/worker/hold'
import { worthKeeping } from '../../apps/worker/recorder'

describe('hold to call for help', () => {
  it('fires once when it was held long enough', () => {
    const hold = new Hold(1500)
    hold.press(100)
    expect(hold.ripe(1599)).toBe(false)
    expect(hold.progress(850)).toBeCloseTo(0.5)
    expect(hold.ripe(1600)).toBe(true)
    expect(hold.ripe(1700)).toBe(false)
  })

  it('does not fire after it was let go, and begins anew', () => {
    const hold = new Hold(1500)
    hold.press(0)
    hold.release()
    expect(hold.ripe(5000)).toBe(false)
    hold.press(5000)
    expect(hold.ripe(6000)).toBe(false)
    expect(hold.ripe(6500)).toBe(true)
  })

  it('is not shortened by a second finger', () => {
    const hold = new Hold(1500)
    hold.press(0)
    hold.press(1000)
    expect(hold.progress(1500)).toBe(1)
  })
})

describe('which positions a track needs', () => {
  const at = (seconds: number, north = 0) => ({
    at: seconds * 1000,
    lon: 114.2,
    lat: 22.68 + north / 111_195,
    accuracy: 5,
  })

  it.each([
    ['the first', null, at(0), true],
    ['the same instant again', at(10), at(10), false],
    ['an older one', at(10), at(9), false],
    ['too soon', at(0), at(4, 20), false],
    ['five seconds and ten metres', at(0), at(5, 10), true],
    ['five seconds on the spot', at(0), at(5, 1), false],
    ['a quarter of a minute on the spot', at(0), at(15), true],
  ])('%s', (_sentence, before, next, kept) => {
    expect(worthKeeping(before, next)).toBe(kept)
  })
})

describe('while a call for help is open', () => {
  const at = (seconds: number) => ({ at: seconds * 1000, lon: 114.2, lat: 22.68, accuracy: 5 })
  it.each([
    ['every three seconds, standing too', 3, 3_000, true],
    ['and not oftener', 2, 3_000, false],
    ['as usual afterwards', 3, 0, false],
  ])('%s', (_, seconds, dense, kept) => {
    expect(worthKeeping(at(0), at(seconds), dense)).toBe(kept)
  })
})
