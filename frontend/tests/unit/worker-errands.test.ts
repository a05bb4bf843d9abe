import { ApiError } from '@core/api/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Errands, isFinal, nextErrand } from '../../apps/worker/errands'
import { type Errand, MemoryShelf, Outbox } from '../../apps/worker/outbox'

const errand = (id: string, act: string, chain = 'order:1', photos: Errand['photos'] = []): Errand => ({
  id,
  chain,
  at: 1_000,
  do: act,
  path: `/orders/1/${act}`,
  body: { client_id: id },
  about: 'A01',
  photos,
})
const cut = () => new ApiError(0, 'network', '网络不通')
const conflict = () => new ApiError(409, 'conflict', '任务已被张三撤回')

function made(answers: (unknown | Error)[] = [], uploads: (string | Error)[] = []) {
  const outbox = new Outbox(new MemoryShelf(), 7)
  const sent: { path: string; body: unknown; version?: number }[] = []
  const taken: string[] = []
  let uploaded = 0
  const errands = new Errands({
    outbox,
    random: () => 0.5,
    now: () => 5_000,
    post: async (path, body, version) => {
      sent.push({ path, body, version })
      const answer = answers.shift() ?? {}
      if (answer instanceof Error) throw answer
      return answer
    },
    upload: async () => {
      uploaded++
      const answer = uploads.shift() ?? `up${uploaded}`
      if (answer instanceof Error) throw answer
      return { id: answer }
    },
    taken: one => taken.push(one.id),
  })
  const paths = () => sent.map(one => one.path.split('/').at(-1))
  return { outbox, errands, sent, taken, paths, uploads: () => uploaded }
}

describe('a chain of errands', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 10_000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('goes in the order in which it was done, and leaves only when acknowledged', async () => {
    const { errands, paths, taken } = made([cut()])
    for (const [id, act] of [
      ['a', 'sign'],
      ['b', 'arrive'],
      ['c', 'feedback'],
    ] as const)
      await errands.add(errand(id, act))
    await vi.advanceTimersByTimeAsync(0)
    expect(paths()).toEqual(['sign'])
    expect(errands.state.get()).toMatchObject({ trouble: '网络不通' })
    expect(errands.state.get().list.map(one => one.id)).toEqual(['a', 'b', 'c'])
    await errands.kick(true) // the network is back
    expect(paths()).toEqual(['sign', 'sign', 'arrive', 'feedback'])
    expect(taken).toEqual(['a', 'b', 'c'])
    expect(errands.state.get()).toMatchObject({ list: [], trouble: '', sending: false })
  })

  it('tries again by itself after a cut, under the same client_id', async () => {
    const { errands, sent } = made([cut()])
    await errands.add(errand('a', 'sign'))
    await vi.advanceTimersByTimeAsync(2_100)
    expect(sent.map(one => one.body)).toEqual([{ client_id: 'a' }, { client_id: 'a' }])
    expect(errands.state.get().list).toEqual([])
  })

  it('waits as long as a 503 asks', async () => {
    const { errands, sent } = made([new ApiError(503, 'busy', '系统繁忙', 8)])
    await errands.add(errand('a', 'sign'))
    await vi.advanceTimersByTimeAsync(7_900)
    expect(sent.length).toBe(1)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(sent.length).toBe(2)
  })

  it('stops at a refusal, keeps its sentence, never sends it again by itself, and goes on with other chains', async () => {
    const { errands, paths, taken } = made([cut(), conflict()])
    await errands.add(errand('a', 'sign'))
    await errands.add(errand('b', 'arrive'))
    await errands.add(errand('x', 'check_pass', 'case:9'))
    await vi.advanceTimersByTimeAsync(600_000)
    expect(paths()).toEqual(['sign', 'sign', 'check_pass'])
    expect(taken).toEqual(['x'])
    const [first, second] = errands.state.get().list
    expect(first?.refused).toEqual({ status: 409, sentence: '任务已被张三撤回', at: 5_000 })
    expect(second).toMatchObject({ id: 'b' })
    expect(second?.refused).toBeUndefined()
    await errands.giveUp('a') // read: what was held behind it has its own try
    expect(paths()).toEqual(['sign', 'sign', 'check_pass', 'arrive'])
    expect(errands.state.get().list).toEqual([])
  })

  it('sends a refused errand again when the worker says so, with its photos from the beginning', async () => {
    const { errands, outbox, sent, uploads } = made([new ApiError(422, 'invalid', '照片已失效'), {}])
    await errands.add(
      errand('a', 'feedback', 'order:1', [{ id: 'p', kind: 'after' }]),
      new Map([['p', new Blob(['x'])]]),
    )
    await vi.advanceTimersByTimeAsync(0)
    expect(errands.state.get().list[0]?.refused?.sentence).toBe('照片已失效')
    expect(await outbox.photo('p')).not.toBeNull()
    await errands.retry('a')
    expect(uploads()).toBe(2)
    expect(sent.at(-1)?.body).toEqual({ client_id: 'a', photos: ['up2'] })
    expect(await outbox.photo('p')).toBeNull()
  })

  it('cannot give up what has not been refused', async () => {
    const { errands } = made([cut()])
    await errands.add(errand('a', 'sign'))
    await vi.advanceTimersByTimeAsync(0)
    await errands.giveUp('a')
    expect(errands.state.get().list.map(one => one.id)).toEqual(['a'])
  })

  it('uploads no photo twice that the server has', async () => {
    const { errands, sent, uploads } = made([], ['one', cut(), 'two'])
    const photos = [
      { id: 'p', kind: 'before' as const },
      { id: 'q', kind: 'after' as const },
    ]
    const blobs = new Map(photos.map(photo => [photo.id, new Blob([photo.id])]))
    await errands.add(errand('a', 'feedback', 'order:1', photos), blobs)
    await vi.advanceTimersByTimeAsync(0)
    expect(sent).toEqual([])
    await errands.kick(true)
    expect(uploads()).toBe(3)
    expect(sent[0]?.body).toEqual({ client_id: 'a', photos: ['one', 'two'] })
  })

  it('keeps everything at a 401 until somebody signs in', async () => {
    const { errands, sent } = made([new ApiError(401, 'denied', '请先登录')])
    await errands.add(errand('a', 'sign'))
    await vi.advanceTimersByTimeAsync(600_000)
    expect(sent.length).toBe(1)
    expect(errands.state.get()).toMatchObject({ signedOut: true })
    errands.resume()
    await vi.advanceTimersByTimeAsync(0)
    expect(errands.state.get()).toMatchObject({ list: [], signedOut: false })
  })

  it("never sends one person's errands under another's session", async () => {
    const shelf = new MemoryShelf()
    await new Outbox(shelf, 8).enqueue(errand('hers', 'sign'), new Map())
    expect(await new Outbox(shelf, 7).errands()).toEqual([])
  })

  it.each([
    [0, false],
    [401, false],
    [403, true],
    [404, true],
    [408, false],
    [409, true],
    [413, true],
    [422, true],
    [429, false],
    [500, false],
    [503, false],
  ])('a %d is the last word: %s', (status, last) => {
    expect(isFinal(new ApiError(status, 'unknown', ''))).toBe(last)
  })

  it('picks the oldest of the chains that are not stopped', () => {
    const refused = { ...errand('a', 'sign'), refused: { status: 409, sentence: '', at: 0 } }
    expect(nextErrand([refused, errand('b', 'arrive'), errand('c', 'sign', 'order:2')])?.id).toBe('c')
    expect(nextErrand([refused])).toBeNull()
    expect(nextErrand([])).toBeNull()
  })
})
