import { readFileSync } from 'node:fs'
import type { LoopIncident, QueueCode } from '@core/api/loop'
import type { Incident } from '@core/api/types'
import { shared } from '@core/i18n/shared'
import { describe, expect, it } from 'vitest'
import { alarming } from '../../apps/screen/desk/alarms'
import { outline } from '../../apps/screen/desk/area'
import { focusOf, inQueue, rowOf } from '../../apps/screen/desk/cases'
import { same } from '../../apps/screen/desk/dispatch'
import { linesOf } from '../../apps/screen/desk/flow'
import { sliceOf } from '../../apps/screen/desk/rows'
import { desk } from '../../apps/screen/desk/texts'
import { at, incident, now } from './case'

describe('the part of a long list that is on the screen', () => {
  const heights = Array.from({ length: 20_000 }, () => 76)
  it('is a handful of rows wherever one has scrolled to', () => {
    for (const top of [0, 5_000, 760_000, 19_990 * 76]) {
      const { from, to, above, total } = sliceOf(heights, top, 900)
      expect(to - from).toBeLessThan(24)
      expect(above).toBe(from * 76)
      expect(above).toBeLessThanOrEqual(top)
      expect(to * 76 >= Math.min(top + 900, total)).toBe(true)
    }
  })
  it('is nothing of nothing', () => {
    expect(sliceOf([], 0, 900)).toEqual({ from: 0, to: 0, above: 0, total: 0 })
  })
})

describe('what a screen can say of a queue by itself', () => {
  it.each<[QueueCode, Partial<Incident>]>([
    ['late', { stage_due: at(-1) }],
    ['soon', { stage_due: at(5), stage_warn: at(-1) }],
    ['returned', { state: 'returned' }],
    ['unsigned', { state: 'dispatched' }],
    ['triage', { state: 'reported' }],
    ['dispatch', { state: 'accepted' }],
    ['check', { state: 'feedback' }],
    ['evaluate', { state: 'evaluating' }],
    ['approve', { suspend_asked: true }],
    ['supervised', { supervise: 'red' }],
    ['suspended', { state: 'suspended', paused: true }],
    ['noground', { grid: null }],
  ])('%s', (code, more) => {
    expect(inQueue(code, incident({ grid: 3, ...more }), now)).toBe(true)
    expect(inQueue(code, incident({ grid: 3 }), now)).toBe(false)
    expect(inQueue(code, incident({ ...more, state: 'closed' }), now)).toBe(false)
  })
})

describe('a case as a row', () => {
  it('leaves behind what only its page has and counts the open whistles', () => {
    const detail = {
      ...incident(),
      journal: [],
      orders: [],
      clocks: [],
      may: [],
      whistles: [{ state: 'raised' }, { state: 'closed' }, { state: 'refused' }],
    } as unknown as LoopIncident
    const row = rowOf(detail) as unknown as Record<string, unknown>
    expect(row.whistles).toBe(1)
    for (const key of ['journal', 'orders', 'clocks', 'may']) expect(row).not.toHaveProperty(key)
  })
})

describe('today’s focus', () => {
  const today = (when: string): boolean => when.startsWith('2026-11-26')
  it('is today, tier two and up or critical, with a place, no drill, nothing sensitive', () => {
    const point: [number, number] = [114, 22]
    const list = [
      incident({ id: 'two', tier: 2, point }),
      incident({ id: 'critical', urgency: 'critical', state: 'reported', tier: 1, point }),
      incident({ id: 'one', tier: 1, point }),
      incident({ id: 'nowhere', tier: 3 }),
      incident({ id: 'drill', tier: 3, point, drill: true }),
      incident({ id: 'quiet', tier: 3, point, sensitivity: 'high' }),
      incident({ id: 'yesterday', tier: 3, point, reported_at: '2026-11-25T02:00:00Z' }),
    ]
    expect(focusOf(list, now, today).map(i => i.id)).toEqual(['critical', 'two'])
  })
})

describe('an alarm takes the screen', () => {
  it.each([
    ['a new one', { state: 'new', level: 'critical' }, true],
    ['taken and not over', { state: 'acked', level: 'urgent' }, true],
    ['over', { state: 'resolved', level: 'critical' }, false],
    ['a false one', { state: 'false', level: 'critical' }, false],
    ['a device that is gone', { state: 'new', level: 'urgent', class: 'offline' }, false],
    ['a disarmed device', { state: 'new', level: 'critical', quiet: true }, false],
    ['a trifle', { state: 'new', level: 'notice' }, false],
  ])('%s', (_, alarm, takes) => {
    expect(alarming(alarm as unknown as Parameters<typeof alarming>[0])).toBe(takes)
  })
})

describe('the history of a case', () => {
  it('is told newest first, with who, from where to where, and why', () => {
    const lines = linesOf([
      { region: 1, seq: 1, at: at(-60), kind: 'incident.reported', subject: 'a', body: { reporter_name: '王桂芳' } },
      {
        region: 1,
        seq: 2,
        at: at(-30),
        kind: 'incident.returned',
        subject: 'a',
        body: {
          deed: {
            action: 'return',
            by_name: '徐刚',
            from: 'dispatched',
            to: 'returned',
            org_name: '执法队',
            reason: '非本部门职责',
          },
        },
      },
    ])
    expect(lines.map(l => l.what)).toEqual(['退回', '上报'])
    expect(lines[0]).toMatchObject({
      who: '徐刚',
      from: '已派遣待签收',
      to: '已退回',
      why: '执法队 · 非本部门职责',
      tone: 'bad',
    })
    expect(lines[1]).toMatchObject({ who: '王桂芳', to: '' })
  })
})

describe('areas and people', () => {
  it('a circle becomes a closed ring', () => {
    const ring = outline({ circle: { center: [114, 22], radius_m: 500 } }).coordinates[0] as [number, number][]
    expect(ring[0]![0]).toBeCloseTo(ring.at(-1)![0], 9)
    expect(ring.length).toBeGreaterThan(48)
  })
  it('a worker is himself whatever organisation is named with him', () => {
    expect(same({ worker: 1, org: 2 }, { worker: 1 })).toBe(true)
    expect(same({ org: 2 }, { org: 2, worker: 1 })).toBe(false)
    expect(same({ org: 2 }, { org: 2 })).toBe(true)
  })
})

describe('the desk’s words', () => {
  it('are no other panel’s: one key, one meaning', () => {
    const own = readFileSync(new URL('../../apps/screen/texts.ts', import.meta.url), 'utf8')
    const others = new Set([...own.matchAll(/^ {2}'([\w.-]+)':/gm)].map(m => m[1]!).concat(Object.keys(shared)))
    expect(Object.keys(desk).filter(key => others.has(key))).toEqual([])
  })
})
