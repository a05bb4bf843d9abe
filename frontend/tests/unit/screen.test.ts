import { untilHour } from '@core/ui/watchdog'
import { describe, expect, it } from 'vitest'
import { readUrl, writeUrl } from '../../apps/screen/url-state'

describe('the URL', () => {
  it('brings a state back', () => {
    const state = {
      camera: { center: [114.20901, 22.68754] as [number, number], zoom: 15.25 },
      measure: 'incidents' as const,
      hidden: ['labels' as const],
      muted: ['notice' as const, 'normal' as const].sort() as ('notice' | 'normal')[],
      base: 'tdt',
      selected: { kind: 'worker' as const, id: 38 },
    }
    const read = readUrl(writeUrl('', state))
    expect({ ...read, muted: [...read.muted].sort() }).toEqual(state)
  })
  it('is empty for the ordinary view and keeps what is not ours', () => {
    expect(
      writeUrl('?lang=en&m=households', {
        camera: null,
        measure: 'online',
        hidden: [],
        muted: [],
        base: null,
        selected: null,
      }),
    ).toBe('?lang=en')
  })
  it.each(['?c=1,2', '?c=a,b,c', '?c=500,0,3', '?m=evil', '?off=everything', '?s=grid:abc', '?s=evil:1', '?s=worker'])(
    'nonsense is the ordinary view: %s',
    search => {
      expect(readUrl(search)).toEqual({
        camera: null,
        measure: 'online',
        hidden: [],
        muted: [],
        base: null,
        selected: null,
      })
    },
  )
})

describe('the planned reload', () => {
  const hours = (iso: string): number => untilHour(4, Date.parse(iso)) / 3_600_000
  it('comes at four in the morning in the business zone', () => {
    expect(hours('2026-11-22T12:00:00Z')).toBeCloseTo(8, 5) // 20:00 there
    expect(hours('2026-11-22T20:00:01Z')).toBeCloseTo(24, 2) // just past four
  })
  it('never within the first hour of a page', () => {
    expect(hours('2026-11-22T19:30:00Z')).toBeCloseTo(24.5, 5)
  })
})
