import { ApiError } from '@core/api/client'
import type { Order } from '@core/api/loop'
import type { Incident } from '@core/api/types'
import { describe, expect, it } from 'vitest'
import { type Errand, MemoryShelf, Outbox } from '../../apps/worker/outbox'
import {
  type CheckTask,
  chainOf,
  clockOf,
  newcomers,
  noTasks,
  type OrderTask,
  offered,
  openCount,
  sorted,
  type Task,
  type TaskList,
  Tasks,
} from '../../apps/worker/tasks'

const now = Date.parse('2026-11-26T04:00:00Z')
const at = (minutes: number) => new Date(now + minutes * 60_000).toISOString()
const may = (...actions: string[]) => actions.map(action => ({ action, name: '' })) as Order['may']

const incident = (part: Partial<Incident> = {}): Incident => ({
  id: 'i',
  region: 1,
  case_no: 'A01',
  version: 3,
  state: 'dispatched',
  kind: '',
  source: 'patrol',
  title: '占道经营',
  urgency: 'normal',
  org: 1,
  reported_at: at(-60),
  updated_at: at(-60),
  ...part,
})
const order = (id: string, part: Partial<OrderTask> = {}): OrderTask => ({
  id,
  incident: 'i',
  seq: 1,
  mode: 'lead',
  org: 1,
  org_name: '',
  state: 'pending',
  version: 1,
  requirement: '',
  issued_name: '',
  issued_at: at(-50),
  sign_due: at(50),
  handle_due: at(500),
  rework: 0,
  may: may('sign', 'refuse'),
  case: incident(),
  ...part,
})
const check = (part: Partial<CheckTask> = {}): CheckTask => ({
  id: 'v',
  incident: 'i',
  kind: 'check',
  asked_name: '',
  asked_at: at(-5),
  state: 'pending',
  may: may('check_pass', 'check_fail', 'urge') as CheckTask['may'],
  case: incident({ state: 'checking' }),
  ...part,
})
const task = (of: OrderTask): Task => ({ kind: 'order', id: of.id, of })
const did = (act: string, chain = 'order:1', refused = false): Errand => ({
  id: act,
  chain,
  at: now,
  do: act,
  path: chain.startsWith('order') ? `/orders/1/${act}` : `/incidents/i/${act}`,
  body: {},
  about: '',
  photos: [],
  ...(refused ? { refused: { status: 409, sentence: '', at: now } } : {}),
})
const list = (orders: OrderTask[], checks: CheckTask[] = []): TaskList => ({ orders, checks, notices: [], at: now })

describe('what may be done now', () => {
  it.each<[string, Partial<OrderTask>, Errand[], string[]]>([
    ['as the server says', {}, [], ['sign', 'refuse']],
    ['signed offline: arrive and feed back are next', {}, [did('sign')], ['arrive', 'feedback']],
    ['arrived offline too', {}, [did('sign'), did('arrive')], ['feedback']],
    ['fed back offline: nothing is left', {}, [did('sign'), did('arrive'), did('feedback')], []],
    ['refused it offline', {}, [did('refuse')], []],
    ['the server did not take the sign: first that is read', {}, [did('sign', 'order:1', true)], []],
    ["another task's errands do not count", {}, [did('sign', 'order:2')], ['sign', 'refuse']],
    ["a dispatcher's moves are not the worker's", { may: may('recall', 'sign', 'reassign') }, [], ['sign']],
    ['the server says nothing', { may: undefined }, [], []],
    [
      'rework: where he arrived already he need not again',
      { state: 'handling', arrived_at: at(-9), may: may('feedback') },
      [],
      ['feedback'],
    ],
  ])('%s', (_, part, waiting, expected) => {
    expect(offered(task(order('1', part)), waiting)).toEqual(expected)
  })

  it('of a check: what the checker may, once', () => {
    const one: Task = { kind: 'check', id: 'v', of: check() }
    expect(offered(one, [])).toEqual(['check_pass', 'check_fail'])
    expect(offered(one, [did('check_pass', chainOf(one))])).toEqual([])
  })
})

describe('the clock of a task', () => {
  it.each<[string, Partial<OrderTask>, string]>([
    ['to sign for, in time', {}, 'green'],
    ['to sign for, a fifth is left', { sign_due: at(10) }, 'yellow'],
    ['to sign for, too late', { sign_due: at(-1) }, 'red'],
    [
      'in hand: the signing limit is past and does not count',
      { state: 'handling', sign_due: at(-1), signed_at: at(-2) },
      'green',
    ],
    ['in hand, too late', { state: 'handling', handle_due: at(-1) }, 'red'],
    ['fed back: nothing runs for him', { state: 'fed_back', handle_due: at(-1) }, 'none'],
    ['挂账 is not overdue', { state: 'handling', handle_due: at(-1), case: incident({ paused: true }) }, 'paused'],
  ])('%s', (_, part, colour) => {
    expect(clockOf(task(order('1', part)), now).colour).toBe(colour)
  })

  it('puts the late first, then what is due soon, then the urgent, and what is done last', () => {
    const tasks = list([
      order('done', { state: 'fed_back' }),
      order('plain'),
      order('critical', { case: incident({ urgency: 'critical' }) }),
      order('soon', { sign_due: at(5) }),
      order('late', { sign_due: at(-5) }),
      order('later', { sign_due: at(-50) }),
    ])
    expect(sorted(tasks, now).map(one => one.id)).toEqual(['later', 'late', 'soon', 'critical', 'plain', 'done'])
  })

  it('counts what is open', () => {
    expect(openCount(list([order('1'), order('2', { state: 'fed_back' })], [check()]), [])).toBe(2)
  })
})

describe('the list', () => {
  const answers =
    (orders: OrderTask[]) =>
    async <T>(path: string) =>
      (path === '/commands' ? { commands: [] } : { orders: [...orders], checks: [] }) as T

  it('is read without a network from what was kept, with its age', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await new Tasks({ outbox, now: () => now, fetch: answers([order('1')]) }).open()
    const later = new Tasks({
      outbox,
      now: () => now + 3_600_000,
      fetch: () => Promise.reject(new ApiError(0, 'network', '网络不通')),
    })
    await later.open()
    expect(later.list.get()).toMatchObject({ at: now, orders: [{ id: '1' }] })
    expect(later.trouble.get()).toBe('网络不通')
  })

  it('announces a new task once, and none when everything is new', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    const orders = [order('1')]
    const rung: string[][] = []
    const tasks = new Tasks({ outbox, fetch: answers(orders), fresh: ids => rung.push(ids) })
    await tasks.open()
    orders.push(order('2'))
    await tasks.ask()
    await tasks.ask()
    expect(rung).toEqual([['2']])
    expect(newcomers(noTasks, list([order('1')]))).toEqual([])
  })

  it('shows what the server took before the next list comes', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    let online = true
    const tasks = new Tasks({
      outbox,
      fetch: <T>(path: string) => (online ? answers([order('1')])<T>(path) : Promise.reject(new Error('网络不通'))),
    })
    await tasks.open()
    online = false
    const { case: _case, may: _may, ...plain } = order('1', { state: 'handling', version: 2 })
    tasks.heard(did('sign'), plain)
    expect(tasks.list.get().orders[0]).toMatchObject({ state: 'handling', version: 2, case: { case_no: 'A01' } })
    expect(offered(task(tasks.list.get().orders[0]!), [])).toEqual(['arrive', 'feedback'])
  })
})
