import { ApiError } from '@core/api/client'
import type { JournalEntry } from '@core/api/types'
import { describe, expect, it } from 'vitest'
import { cell, csv } from '../../apps/console/csv'
import { blank, body, type Field, faults, sort } from '../../apps/console/form'
import { arrange, formOf, unanswered } from '../../apps/console/loop/actions'
import { Choice, orgKey, type Pick, workerKey } from '../../apps/console/loop/choice'
import { line, lines } from '../../apps/console/loop/deeds'
import { grouped, queueCodes } from '../../apps/console/loop/queues'
import { channelBody } from '../../apps/console/rules/channel'
import { limitOf, limitText, written, writtenUnits } from '../../apps/console/rules/limit'
import { ownDay, periodFault, setDay, shiftMonth, weeksOf } from '../../apps/console/rules/plan'
import { changeText, compare, inGroup, type Row, rateText } from '../../apps/console/stats/table'
import { loop } from '../../apps/console/texts/loop'
import { rules } from '../../apps/console/texts/rules'
import { statistics } from '../../apps/console/texts/statistics'
import { watch } from '../../apps/console/texts/watch'

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]!).sort()

describe('the books of the console', () => {
  it.each(Object.entries({ ...loop, ...watch, ...rules, ...statistics }))(
    '%s has the same holes in both',
    (_key, [zh, en]) => {
      expect(holes(en)).toEqual(holes(zh))
    },
  )
})

describe('a form', () => {
  const fields: Field[] = [
    { key: 'reason', label: '理由', kind: 'area', required: true, min: 2, max: 5 },
    { key: 'days', label: '天数', kind: 'number', required: true },
    { key: 'until', label: '期限', kind: 'moment', when: values => values.days === 3 },
    { key: 'photos', label: '照片', kind: 'photos' },
    { key: 'sure', label: '确认', kind: 'yes' },
  ]

  it('begins empty, or with what is given', () => {
    expect(blank(fields, { days: 2 })).toEqual({ reason: '', days: 2, until: null, photos: [], sure: false })
  })

  it.each([
    ['nothing', { reason: ' ', days: null }, ['days', 'reason']],
    ['too short', { reason: '好', days: 1 }, ['reason']],
    ['four code units are two characters', { reason: '𠮷𠮷', days: 1 }, []],
    ['too long', { reason: '一二三四五六', days: 1 }, ['reason']],
    ['zero is an answer', { reason: '可以', days: 0 }, []],
  ] as const)('%s', (_sentence, values, wrong) => {
    expect(Object.keys(faults(fields, { ...blank(fields), ...values })).sort()).toEqual([...wrong])
  })

  it('leaves out what is empty or hidden, and writes moments as instants', () => {
    const at = Date.parse('2026-11-30T09:00:00Z')
    expect(body(fields, { ...blank(fields), reason: ' 因雨 ', days: 2, until: at })).toEqual({
      reason: '因雨',
      days: 2,
      sure: false,
    })
    expect(body(fields, { ...blank(fields), reason: '因雨', days: 3, until: at })).toMatchObject({
      until: '2026-11-30T09:00:00.000Z',
    })
  })

  it('puts a refusal beside its field', () => {
    const error = new ApiError(422, 'invalid', '填写有误', null, [
      { location: 'body.reason', message: '太短' },
      { location: 'body.settings.url', message: '不是网址' },
    ])
    expect(sort(error, fields)).toEqual({ at: { reason: '太短' }, rest: '不是网址' })
    expect(sort(new ApiError(403, 'denied', '没有权限'), fields)).toEqual({ at: {}, rest: '没有权限' })
  })
})

describe('CSV', () => {
  it.each([
    ['plain', '明湖社区', '明湖社区'],
    ['nothing', null, ''],
    ['a number below zero is a number', -3, '-3'],
    ['a formula is text', '=1+1', "'=1+1"],
    ['a phone with a plus', '+86', "'+86"],
    ['quotes, commas, lines', 'a"b,\nc', '"a""b,\nc"'],
  ] as const)('%s', (_sentence, value, written) => {
    expect(cell(value)).toBe(written)
  })
  it('has a mark so that a spreadsheet reads Chinese', () => {
    expect(csv(['案号'], [['MH1']])).toBe('\uFEFF案号\r\nMH1\r\n')
  })
})

describe('who is told to act', () => {
  const org = (id: number): Pick => ({ key: orgKey(id), name: `部门${id}`, assignee: { org: id } })
  const worker: Pick = { key: workerKey(7), name: '张三', assignee: { org: 3, worker: 7 } }

  it('has one lead: a new one lets the old one go', () => {
    const choice = new Choice().toggle(org(1), 'lead').toggle(org(2), 'assist').toggle(worker, 'lead')
    expect(choice.body()).toEqual({ lead: { org: 3, worker: 7 }, assist: [{ org: 2 }] })
  })
  it('moves from one mode to another, and is taken back by the same', () => {
    const choice = new Choice().toggle(org(1), 'assist').toggle(org(1), 'inform')
    expect(choice.body()).toEqual({ inform: [{ org: 1 }] })
    expect(choice.toggle(org(1), 'inform').body()).toEqual({})
  })
  it('never changes what it was made from', () => {
    const before = new Choice().toggle(org(1), 'lead')
    before.toggle(org(2), 'lead')
    expect(before.lead?.name).toBe('部门1')
  })
})

describe('the record in words', () => {
  const entry = (kind: string, deed: object, seq = 1, at = '2026-11-27T02:00:00Z'): JournalEntry => ({
    region: 1,
    seq,
    at,
    kind,
    subject: 'x',
    body: { deed },
  })

  it('says who did what, from which state to which', () => {
    expect(
      line(entry('incident.accepted', { by_name: '孔静娟', from: 'reported', to: 'accepted', reason: '属实' })),
    ).toMatchObject({ who: '孔静娟', what: '受理', from: '已上报', to: '已受理待分流', said: ['属实'], whom: '' })
  })
  it('an order names whom it was given to, a signature who gave it', () => {
    const deed = { by_name: '李平刚', org_name: '综合行政执法队', from: 'dispatched', to: 'handling' }
    expect(line(entry('incident.dispatched', deed)).whom).toBe('综合行政执法队')
    expect(line(entry('incident.signed', deed))).toMatchObject({ whom: '', who: '李平刚 · 综合行政执法队' })
  })
  it('what moves no state has no arrow, and what nobody did the clock did', () => {
    expect(line(entry('incident.overdue', { from: 'handling', to: 'handling' }))).toMatchObject({
      who: '系统',
      to: '',
      tone: 'bad',
    })
  })
  it('is told newest first, by the journal where instants are equal', () => {
    expect(lines([entry('incident.reported', {}, 1), entry('incident.accepted', {}, 2)]).map(one => one.seq)).toEqual([
      2, 1,
    ])
    expect(lines(undefined)).toEqual([])
  })
})

describe('actions', () => {
  const about = { incident: { urgency: 'normal' as const }, now: Date.parse('2026-11-27T02:00:00Z') }
  it('an unknown one asks why', () => {
    expect(formOf('teleport', about).fields.map(field => field.key)).toEqual(['reason'])
  })
  it('a decision is sent as yes or no', () => {
    expect(formOf('decide_delay', about).make?.({ approve: 'no', note: '不必' })).toEqual({
      approve: false,
      note: '不必',
    })
  })
  it('closing by force asks twice and sends the reason alone', () => {
    const form = formOf('force_close', about)
    expect(Object.keys(faults(form.fields, { ...blank(form.fields), reason: '重复录入', sure: null }))).toEqual([
      'sure',
    ])
    expect(form.make?.({ reason: '重复录入', sure: true })).toEqual({ reason: '重复录入' })
  })
  it('puts the next step first and the grave ones apart', () => {
    const may = ['void', 'urge', 'dispatch', 'accept'].map(action => ({ action }))
    const { first, rest, grave } = arrange(may)
    expect([first, rest, grave].map(list => list.map(one => one.action))).toEqual([
      ['accept', 'dispatch'],
      ['urge'],
      ['void'],
    ])
  })
  it('a nudge needs no answer, a demand does until it has one', () => {
    const one = (kind: 'urge' | 'supervise', replied_at?: string) => ({
      id: kind,
      kind,
      by_name: '',
      at: '',
      requirement: '',
      replied_at,
    })
    expect(unanswered([one('urge'), one('supervise'), one('supervise', '2026-11-27')])).toHaveLength(1)
  })
})

describe('queues', () => {
  it('every code has its place, a newer one too', () => {
    const queues = [...queueCodes, 'appeals' as 'open'].map(code => ({ code, name: '', count: 1, late: 0 }))
    expect(
      grouped(queues)
        .flatMap(group => group.queues)
        .map(queue => queue.code)
        .sort(),
    ).toEqual(queues.map(queue => queue.code).sort())
  })
  it('a group without queues is not shown', () => {
    expect(grouped([{ code: 'mine', name: '', count: 0, late: 0 }]).map(group => group.code)).toEqual(['mine'])
  })
})

describe('limits', () => {
  it.each([
    [{ n: 3, unit: 'wd' }, '3 个工作日'],
    [{ n: 120, unit: 'wh' }, '2 工作时'],
    [{ n: 90, unit: 'wh' }, '1.5 工作时'],
    [{ n: 25, unit: 'wh' }, '25 工作分钟'],
    [{ n: 30, unit: 'h' }, '30 分钟'],
    [{ n: 1440, unit: 'h' }, '24 小时'],
    [{ n: 0, unit: 'same_day' }, '当天'],
  ] as const)('%j is %s', (limit, text) => {
    expect(limitText(limit)).toBe(text)
    const form = written(limit)
    expect(limitOf(form.n ?? 0, form.unit)).toEqual(limit) // through the editor and back
  })
  it('has a word for every unit', () => {
    expect(writtenUnits).toHaveLength(5)
  })
})

describe('a calendar being edited', () => {
  it('keeps its own days in order and takes one back', () => {
    let plan = setDay({ holidays: true }, '2026-12-31', false)
    plan = setDay(plan, '2026-12-05', true, '值班')
    expect(plan.days?.map(one => one.date)).toEqual(['2026-12-05', '2026-12-31'])
    expect(ownDay(plan, '2026-12-05')?.name).toBe('值班')
    expect(setDay(plan, '2026-12-05', null).days).toHaveLength(1)
  })
  it.each([
    [
      'the usual day',
      [
        { from: '08:30', to: '12:00' },
        { from: '13:30', to: '17:00' },
      ],
      null,
    ],
    ['none', [], 'empty'],
    ['no time', [{ from: '8点', to: '12:00' }], 'bad'],
    ['nothing long', [{ from: '08:00', to: '08:00' }], 'bad'],
    [
      'overlapping',
      [
        { from: '08:30', to: '12:00' },
        { from: '11:00', to: '17:00' },
      ],
      'overlap',
    ],
    [
      'through the night',
      [
        { from: '08:00', to: '12:00' },
        { from: '20:00', to: '02:00' },
      ],
      null,
    ],
    [
      'something after the night',
      [
        { from: '20:00', to: '02:00' },
        { from: '22:00', to: '23:00' },
      ],
      'overlap',
    ],
  ] as const)('%s', (_sentence, periods, fault) => {
    expect(periodFault(periods)).toBe(fault)
  })
  it('shows whole weeks, Monday first', () => {
    const weeks = weeksOf('2026-11')
    expect(weeks[0]![0]).toBe('2026-10-26')
    expect(weeks.at(-1)!.at(-1)).toBe('2026-12-06')
    expect(weeksOf('2027-02')).toHaveLength(4) // begins on a Monday and ends on a Sunday
  })
  it('turns the year', () => {
    expect([shiftMonth('2026-12', 1), shiftMonth('2026-01', -1)]).toEqual(['2027-01', '2025-12'])
  })
})

describe('a channel as it is written', () => {
  const values = {
    name: '值班群',
    org: 2,
    events: ['incident.*'],
    tiers: ['3'],
    url: ' https://example.test/in ',
    host: 'left over',
    enabled: true,
  }
  it('sends only what its kind knows, and a secret only when one was typed', () => {
    expect(channelBody('webhook', { ...values, secret: '' })).toEqual({
      org: 2,
      kind: 'webhook',
      name: '值班群',
      enabled: true,
      people: false,
      drills: false,
      events: ['incident.*'],
      tiers: [3],
      urgencies: [],
      category: '',
      settings: { url: 'https://example.test/in' },
    })
    expect(channelBody('webhook', { ...values, secret: 'x'.repeat(16) })).toMatchObject({
      secrets: { secret: 'x'.repeat(16) },
    })
  })
})

describe('statistics', () => {
  const row = (name: string, n: number, d: number, closed = 0): Row => ({
    key: name,
    name,
    counters: { closed },
    rates: { close_rate: { n, d, value: d ? Math.round((n / d) * 10_000) / 100 : null } },
  })
  it('a share of nothing is a dash', () => {
    expect(rateText({ n: 0, d: 0, value: null })).toBe('—')
    expect(rateText(undefined)).toBe('—')
    expect(rateText({ n: 911, d: 972, value: 93.72 })).toBe('93.72%')
  })
  it('a change has its sign, and none from zero', () => {
    expect([
      changeText({ n: 3, d: 12, value: 25 }),
      changeText({ n: -3, d: 12, value: -25 }),
      changeText({ n: 3, d: 0, value: null }),
    ]).toEqual(['+25.0%', '-25.0%', '—'])
  })
  it('ranks by raw fractions, and those without any last', () => {
    // 93.724… and 93.720… look alike when they are shown
    const rows = [row('空', 0, 0), row('乙', 74976, 80000), row('甲', 911, 972), row('丙', 1, 2)]
    expect(rows.toSorted((a, b) => compare(a, b, 'close_rate')).map(one => one.name)).toEqual(['甲', '乙', '丙', '空'])
    expect([row('少', 0, 0, 1), row('多', 0, 0, 9)].toSorted((a, b) => compare(a, b, 'closed'))[0]!.name).toBe('多')
  })
  it('keeps the order of the dictionary of measures and gives a new one a place', () => {
    const entry = (code: string) => ({ code, name: code, better: 0, explain: '' })
    const dictionary = ['brand_new', 'closed', 'reported'].map(entry)
    expect(inGroup(dictionary, 'flow').map(one => one.code)).toEqual(['reported', 'closed'])
    expect(inGroup(dictionary, 'level').map(one => one.code)).toEqual(['brand_new'])
  })
})
