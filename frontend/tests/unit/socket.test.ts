import { type Listener, LiveSocket } from '@core/live/socket'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

/** A socket that the test plays the server of. */
class Wire {
  static all: Wire[] = []
  readyState = 0
  binaryType = 'blob'
  sent: { type: string; [field: string]: unknown }[] = []
  closedWith: number | null = null
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor() {
    Wire.all.push(this)
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(code: number): void {
    this.closedWith = code
    this.readyState = 3
  }
  accept(): void {
    this.readyState = 1
    this.onopen?.()
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }
  drop(code: number): void {
    this.readyState = 3
    this.onclose?.({ code })
  }
  /** Everything up to "live". */
  greet(seq = 41): void {
    this.accept()
    this.say({
      type: 'welcome',
      at: Date.now(),
      server: 'test',
      tick_ms: 1000,
      regions: [{ region: 2, epoch: 'e1', seq }],
      mask: 0,
      scope: ['1.'],
    })
    this.say({ type: 'live' })
  }
}

const view = { bbox: [114, 22, 115, 23] as [number, number, number, number], zoom: 14, mode: 'auto' as const }
const last = (): Wire => Wire.all.at(-1)!

function start(listener: Listener = {}, random = 0.5): LiveSocket {
  const socket = new LiveSocket({
    url: 'ws://test/ws',
    view,
    listener,
    connect: () => new Wire() as unknown as WebSocket,
    random: () => random,
  })
  socket.start()
  return socket
}

beforeEach(() => {
  Wire.all = []
  vi.useFakeTimers({ now: Date.parse('2026-11-22T06:00:00Z') })
})
afterEach(() => vi.useRealTimers())

describe('a connection', () => {
  it('says hello with its view and nothing to resume', () => {
    start()
    last().accept()
    expect(last().sent).toEqual([{ type: 'hello', resume: [], view }])
  })

  it('is live only when the server says so', () => {
    const socket = start()
    last().accept()
    last().say({ type: 'welcome', at: Date.now(), server: 'x', tick_ms: 1000, regions: [], mask: 0, scope: [] })
    expect(socket.link.get().state).toBe('connecting')
    last().say({ type: 'live' })
    expect(socket.link.get().state).toBe('live')
  })

  it('ignores messages and events it does not know', () => {
    const event = vi.fn()
    start({ event })
    last().greet()
    last().say({ type: 'from-the-future', x: 1 })
    expect(event).not.toHaveBeenCalled()
  })

  it('tells a new view at once and again after a reconnect', () => {
    const socket = start()
    last().greet()
    const next = { ...view, zoom: 12 }
    socket.look(next)
    expect(last().sent.at(-1)).toEqual({ type: 'view', ...next })
    last().drop(1006)
    vi.advanceTimersByTime(30_000)
    last().accept()
    expect(last().sent[0]).toMatchObject({ type: 'hello', view: next })
  })
})

describe('resuming', () => {
  const event = (seq: number) => ({
    type: 'event',
    region: 2,
    seq,
    at: '2026-11-22T06:00:00Z',
    kind: 'incident.reported',
    subject: 'x',
    body: {},
  })

  it('asks for what came after the last event it handed on', () => {
    const heard: number[] = []
    start({ event: e => heard.push(e.seq) })
    last().greet(41)
    last().say(event(42))
    last().say({ type: 'skip', region: 2, seq: 43, to: 47 })
    last().drop(4409)
    vi.advanceTimersByTime(30_000)
    last().accept()
    expect(last().sent[0]).toMatchObject({ resume: [{ region: 2, epoch: 'e1', after: 47 }] })
    expect(heard).toEqual([42])
  })

  it('hands on an event that is said twice only once', () => {
    const heard: number[] = []
    start({ event: e => heard.push(e.seq) })
    last().greet(41)
    last().say(event(42))
    last().drop(1006)
    vi.advanceTimersByTime(30_000)
    last().greet(43)
    last().say(event(42))
    last().say(event(43))
    expect(heard).toEqual([42, 43])
  })

  it('an event whose listener throws is asked for again', () => {
    let broken = true
    start({
      event: () => {
        if (broken) throw new Error('render')
      },
    })
    last().greet(41)
    expect(() => last().say(event(42))).toThrow('render')
    broken = false
    last().drop(1006)
    vi.advanceTimersByTime(30_000)
    last().accept()
    expect(last().sent[0]).toMatchObject({ resume: [{ after: 41 }] })
  })

  it('a reset moves the cursor and asks the page to read again', () => {
    const reset = vi.fn()
    start({ reset })
    last().greet(41)
    last().say({ type: 'reset', region: 2, epoch: 'e2', seq: 900, reason: 'too far behind' })
    expect(reset).toHaveBeenCalledWith(2, 'too far behind')
    last().drop(1006)
    vi.advanceTimersByTime(30_000)
    last().accept()
    expect(last().sent[0]).toMatchObject({ resume: [{ region: 2, epoch: 'e2', after: 900 }] })
  })
})

describe('close codes', () => {
  it('4401 stops and asks for a sign-in', () => {
    const signedOut = vi.fn()
    start({ signedOut })
    last().greet()
    last().drop(4401)
    vi.advanceTimersByTime(120_000)
    expect(signedOut).toHaveBeenCalledOnce()
    expect(Wire.all).toHaveLength(1)
  })

  it.each([4400, 4426])('%i stops and asks for a newer page', code => {
    const outdated = vi.fn()
    start({ outdated })
    last().greet()
    last().drop(code)
    vi.advanceTimersByTime(120_000)
    expect(outdated).toHaveBeenCalledOnce()
    expect(Wire.all).toHaveLength(1)
  })

  it('4403 reconnects at once and resumes nothing', () => {
    start()
    last().greet()
    last().drop(4403)
    vi.advanceTimersByTime(1)
    expect(Wire.all).toHaveLength(2)
    last().accept()
    expect(last().sent[0]).toMatchObject({ resume: [] })
  })

  it('4412 waits between one and ten seconds', () => {
    start({}, 0.5)
    last().greet()
    last().drop(4412)
    vi.advanceTimersByTime(5_400)
    expect(Wire.all).toHaveLength(1)
    vi.advanceTimersByTime(200)
    expect(Wire.all).toHaveLength(2)
  })

  it('others wait longer and longer, from 1 s up to 30 s, and start over after a good link', () => {
    start({}, 1)
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const before = Date.now()
      const dials = Wire.all.length
      last().drop(1006)
      while (Wire.all.length === dials) vi.advanceTimersByTime(100)
      waits.push(Math.round((Date.now() - before) / 1000))
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
    last().greet()
    last().drop(1006)
    vi.advanceTimersByTime(1_100)
    expect(Wire.all).toHaveLength(10)
  })
})

describe('the state of the link', () => {
  it('turns late after 15 s and lost after 60 s without news, and live again with it', () => {
    const socket = start()
    last().greet()
    vi.advanceTimersByTime(14_000)
    expect(socket.link.get().state).toBe('live')
    vi.advanceTimersByTime(2_000)
    expect(socket.link.get().state).toBe('late')
    last().say({ type: 'tick', at: Date.now() })
    expect(socket.link.get().state).toBe('live')
    vi.advanceTimersByTime(61_000)
    expect(socket.link.get().state).toBe('lost')
  })

  it('measures age by the server clock, whatever the machine believes', () => {
    const socket = start()
    last().accept()
    last().say({
      type: 'welcome',
      at: Date.now() + 3_600_000,
      server: 'x',
      tick_ms: 1000,
      regions: [],
      mask: 0,
      scope: [],
    })
    last().say({ type: 'live' })
    vi.advanceTimersByTime(5_000)
    expect(socket.link.get().age).toBeGreaterThanOrEqual(5_000)
    expect(socket.link.get().age).toBeLessThan(6_100)
  })

  it('gives a silent connection up after 40 s and dials again', () => {
    start({}, 0)
    last().greet()
    vi.advanceTimersByTime(39_000)
    expect(Wire.all).toHaveLength(1)
    vi.advanceTimersByTime(4_000)
    expect(Wire.all[0]!.closedWith).toBe(4408)
    expect(Wire.all).toHaveLength(2)
  })

  it('never calls a reconnecting screen live', () => {
    const socket = start()
    last().greet()
    last().drop(1006)
    expect(socket.link.get().state).toBe('connecting')
  })
})
