import { setLocale } from '@core/i18n/t'
import { book } from '@core/incident/book'
import { fieldWord, filled, foremost, formOf, missing, orderFormOf } from '@core/incident/forms'
import { bar, isOver, states, stepOf } from '@core/incident/life'
import { byNeed, needOf } from '@core/incident/need'
import { slaOf, spanOf } from '@core/incident/sla'
import { actionName, deedName, leftText, overlaysOf, stateName, stepTitle, word } from '@core/incident/words'
import { afterEach, describe, expect, it } from 'vitest'
import { at, incident, now } from './case'

afterEach(() => setLocale('zh-CN'))

describe('the six steps', () => {
  it.each([
    ['reported', 1],
    ['verifying', 1],
    ['accepted', 2],
    ['dispatched', 2],
    ['returned', 2],
    ['handling', 3],
    ['suspended', 3],
    ['feedback', 3],
    ['checking', 4],
    ['evaluating', 5],
    ['closed', 6],
    ['archived', 6],
    ['rejected', 6],
    ['void', 6],
    ['merged', 6],
    ['from a newer server', 1],
  ])('%s is step %i', (state, step) => {
    expect(stepOf(state)).toBe(step)
    expect(isOver(state)).toBe(step === 6)
  })
  it('a bar has what is done, what is now and what is ahead', () => {
    expect(bar('handling')).toEqual(['done', 'done', 'now', 'ahead', 'ahead', 'ahead'])
    expect(bar('closed')).toEqual(['done', 'done', 'done', 'done', 'done', 'now'])
    expect(bar('archived')).toEqual(Array(6).fill('done'))
  })
  it('a case that was not accepted never passed the middle', () => {
    expect(bar('rejected')).toEqual(['done', 'skipped', 'skipped', 'skipped', 'skipped', 'now'])
  })
  it('every state has its words in both languages', () => {
    for (const state of states) {
      expect(stateName(state)).not.toBe(state)
      expect(book[`state.${state}`]).toHaveLength(2)
    }
    expect(stepTitle(1)).toBe('①发现上报')
    expect(stepTitle(6)).toBe('⑥结单归档')
  })
})

describe('the colour of a deadline', () => {
  it.each([
    ['nothing is due', {}, 'none', null],
    ['far ahead', { stage_due: at(600), stage_warn: at(480) }, 'green', 'stage'],
    ['past the warning', { stage_due: at(60), stage_warn: at(-1) }, 'yellow', 'stage'],
    ['at the due instant', { stage_due: at(0), stage_warn: at(-60) }, 'red', 'stage'],
    ['the case runs out first', { stage_due: at(600), case_due: at(-5) }, 'red', 'case'],
    ['the stage runs out first', { stage_due: at(-1), case_due: at(900) }, 'red', 'stage'],
    [
      'the case warns while the stage has time',
      { stage_due: at(30), stage_warn: at(20), case_due: at(90), case_warn: at(-1) },
      'yellow',
      'stage',
    ],
    ['a stopped clock is never late', { paused: true, stage_due: at(-600), case_due: at(-600) }, 'paused', 'stage'],
    ['a closed case owes nothing', { state: 'closed', stage_due: at(-600) }, 'none', null],
    ['nonsense from outside', { stage_due: 'soon' }, 'none', null],
  ] as const)('%s', (_, more, colour, scope) => {
    expect(slaOf({ state: 'handling', ...more }, now)).toMatchObject({ colour, scope })
  })
  it('says what is left in two units', () => {
    const left = (minutes: number): string => leftText(slaOf({ state: 'handling', stage_due: at(minutes) }, now))
    expect(left(133)).toBe('余 2 小时 13 分')
    expect(left(120)).toBe('余 2 小时')
    expect(left(35)).toBe('余 35 分钟')
    expect(left(0.5)).toBe('余 30 秒')
    expect(left(-133)).toBe('逾期 2 小时 13 分')
    expect(left(-1500)).toBe('逾期 1 天 1 小时')
    expect(leftText(slaOf({ state: 'suspended', paused: true, stage_due: at(-9) }, now))).toBe('挂账')
    setLocale('en')
    expect(left(-133)).toBe('2 h 13 min over')
  })
  it('counts a span', () => {
    expect(spanOf(-90_061_000)).toEqual({ days: 1, hours: 1, minutes: 1, seconds: 1 })
  })
})

describe('what needs somebody', () => {
  it.each([
    ['critical and nobody has it', { urgency: 'critical', state: 'reported' }, 'now'],
    ['critical and in hand', { urgency: 'critical', state: 'handling' }, 'open'],
    ['overdue', { stage_due: at(-1) }, 'late'],
    ['due soon', { stage_due: at(10), stage_warn: at(-1) }, 'soon'],
    ['came back', { state: 'returned' }, 'back'],
    ['a delay to decide', { delay_asked: true }, 'back'],
    ['suspended is not overdue', { state: 'suspended', paused: true, case_due: at(-99) }, 'paused'],
    ['closed', { state: 'closed', urgency: 'critical' }, 'over'],
  ] as const)('%s', (_, more, need) => {
    expect(needOf(incident(more), now)).toBe(need)
  })
  it('puts the longest overdue first and never jumps', () => {
    const list = [
      incident({ id: 'd' }),
      incident({ id: 'c' }),
      incident({ id: 'late', stage_due: at(-10) }),
      incident({ id: 'later', stage_due: at(-100) }),
      incident({ id: 'now', urgency: 'critical', state: 'reported' }),
      incident({ id: 'urgent', urgency: 'urgent' }),
    ]
    const order = ['now', 'later', 'late', 'urgent', 'c', 'd']
    expect(byNeed(list, now).map(n => n.incident.id)).toEqual(order)
    expect(byNeed(list.toReversed(), now).map(n => n.incident.id)).toEqual(order)
  })
})

describe('words', () => {
  it('keep apart what is not the same', () => {
    for (const [one, other] of [
      ['action.request_verify', 'action.assign_check'],
      ['deed.returned', 'deed.reworked'],
      ['sla.paused', 'sla.red'],
      ['action.urge', 'action.supervise'],
      ['action.accept', 'action.sign'],
      ['state.closed', 'state.archived'],
    ] as const)
      expect(book[one][0]).not.toBe(book[other][0])
    expect(book['action.request_verify'][0]).toContain('核实')
    expect(book['action.assign_check'][0]).toContain('核查')
  })
  it('take the server’s own in Chinese, ours in English, and show what is unknown as it came', () => {
    expect(actionName({ action: 'urge', name: '催办' })).toBe('催办')
    expect(word('code', 'made_up')).toBe('made_up')
    expect(deedName('incident.fed_back')).toBe('反馈')
    setLocale('en')
    expect(actionName({ action: 'urge', name: '催办' })).toBe('Urge')
  })
  it('name what lies over a state', () => {
    expect(
      overlaysOf(incident({ drill: true, supervise: 'red', whistles: 2, rework_count: 1 })).map(o => o.text),
    ).toEqual(['演练', '红牌督办', '吹哨 2', '返工 1'])
    expect(overlaysOf(incident())).toEqual([])
  })
})

describe('forms', () => {
  const actions = Object.keys(book)
    .filter(k => k.startsWith('action.'))
    .map(k => k.slice(7))
  it('every field has a word', () => {
    for (const action of actions)
      for (const field of [...formOf(action), ...orderFormOf(action)])
        expect(fieldWord[field.name], field.name).toBeDefined()
  })
  it('say what is missing and send no empty answers', () => {
    expect(missing(formOf('reject'), { code: 'duplicate', reason: '' })).toEqual(['reason'])
    expect(missing(formOf('decide_delay'), { approve: false })).toEqual([])
    expect(filled({ reason: '', photos: [], approve: false, days: 1 })).toEqual({ approve: false, days: 1 })
  })
  it('put forward what usually comes next, a decision before all', () => {
    expect(foremost({ state: 'accepted' }, ['urge', 'dispatch'])).toBe('dispatch')
    expect(foremost({ state: 'handling', delay_asked: true }, ['urge', 'decide_delay'])).toBe('decide_delay')
    expect(foremost({ state: 'handling' }, [])).toBeNull()
  })
})
