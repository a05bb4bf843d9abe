import type { Incident } from '@core/api/types'
import { IncidentStore } from '@core/live/incident-store'
import { Roll } from '@core/live/roll'
import { describe, expect, it } from 'vitest'

const now = Date.parse('2026-11-26T02:00:00Z')
const incident = (id: string, version = 1, more: Partial<Incident> = {}): Incident => ({
  id,
  region: 1,
  case_no: id,
  version,
  state: 'handling',
  kind: 'incident',
  source: 'patrol',
  title: id,
  urgency: 'normal',
  org: 1,
  reported_at: new Date(now - 3_600_000).toISOString(),
  updated_at: new Date(now - 60_000 + version).toISOString(),
  ...more,
})

function opened(limit = 100) {
  const acts: (() => void)[] = []
  const store = new IncidentStore({ limit, now: () => now, later: act => acts.push(act) })
  return { store, settle: () => acts.splice(0).forEach(act => void act()) }
}

describe('the cases a screen knows', () => {
  it('never go back to an older version', () => {
    const { store } = opened()
    expect(store.put(incident('a', 3))).toBe(true)
    expect(store.put(incident('a', 2, { state: 'reported' }))).toBe(false)
    expect(store.get('a')).toMatchObject({ version: 3, state: 'handling' })
    expect(store.put(incident('a', 4, { state: 'feedback' }))).toBe(true)
    expect(store.get('a')?.state).toBe('feedback')
  })
  it('take what the clock changes without a new version, once', () => {
    const { store } = opened()
    store.put(incident('a'))
    expect(store.put(incident('a', 1, { supervise: 'yellow' }))).toBe(true)
    expect(store.put(incident('a', 1, { supervise: 'yellow' }))).toBe(false)
  })
  it('keep the photos that an event does not mention', () => {
    const { store } = opened()
    store.put(incident('a', 1, { photos: [{ id: 'p', kind: 'near', mime: 'image/jpeg' }] }))
    store.put(incident('a', 2))
    expect(store.get('a')?.photos).toHaveLength(1)
  })
  it('tell a burst of changes once', () => {
    const { store, settle } = opened()
    let told = 0
    store.changed.subscribe(() => told++)
    for (let i = 0; i < 500; i++) store.put(incident(`i${i % 50}`, 1 + i))
    settle()
    expect(told).toBe(1)
  })
  it('stay within their bound and drop what is needed least', () => {
    const { store, settle } = opened(20)
    store.put(incident('late', 1, { case_due: new Date(now - 1).toISOString() }))
    for (let i = 0; i < 200; i++) store.put(incident(`closed${i}`, 1, { state: 'closed' }))
    for (let i = 0; i < 30; i++) store.put(incident(`open${i}`))
    settle()
    expect(store.size).toBe(20)
    expect(store.get('late')).toBeDefined()
    expect([...store.values()].some(i => i.state === 'closed')).toBe(false)
  })
  it('are read again after a gap without losing news that came meanwhile', () => {
    const { store } = opened()
    store.put(incident('gone', 1, { updated_at: new Date(now - 9_000).toISOString() }))
    store.put(incident('news', 1, { updated_at: new Date(now + 1_000).toISOString() }))
    store.replace([incident('kept')], now)
    expect([...store.values()].map(i => i.id).sort()).toEqual(['kept', 'news'])
  })
})

describe('a roll', () => {
  it('takes each number once and stays bounded', () => {
    const roll = new Roll<{ id: string; state: string }>(3)
    expect(roll.put({ id: 'a', state: 'new' }, 5)).toBe(true)
    expect(roll.put({ id: 'a', state: 'old' }, 4)).toBe(false)
    expect(roll.put({ id: 'a', state: 'acked' }, 6)).toBe(true)
    for (let i = 0; i < 20; i++) roll.put({ id: `x${i}`, state: 'new' }, 10 + i)
    expect(roll.list.get()).toHaveLength(3)
  })
  it('keeps what events said after the page was read', () => {
    const roll = new Roll<{ id: string; state: string }>()
    roll.put({ id: 'a', state: 'acked' }, 9)
    roll.put({ id: 'b', state: 'new' }, 3)
    roll.replace(
      [
        { id: 'a', state: 'new' },
        { id: 'c', state: 'new' },
      ],
      5,
    )
    expect(roll.list.get()).toEqual([
      { id: 'a', state: 'acked' },
      { id: 'c', state: 'new' },
    ])
  })
})
