// The live socket of docs/protocol.md 2: one connection that keeps itself alive.
//
// It owns reconnecting (what each close code asks for, 1–30 s with jitter),
// resuming (a cursor per region, moved only after the event was handed on), and
// the honest state of the link: "live" means that news is coming in, not that a
// TCP connection exists. Everything else is the listener's.
import { type Frame, open } from './codec'
import { Store } from './store'

export type LinkState = 'connecting' | 'live' | 'late' | 'lost'

export interface Link {
  state: LinkState
  /** The server's clock at its newest word: the time of the data on the screen. */
  dataAt: number | null
  /** How old that is, ms. */
  age: number
  /** Failed attempts since the link was last good. */
  attempts: number
}

export interface Welcome {
  type: 'welcome'
  at: number
  server: string
  tick_ms: number
  regions: { region: number; epoch: string; seq: number }[]
  mask: number
  scope: string[]
}

export interface Name {
  h: number
  id: number
  name: string
  role: string
  kind: string
  org: number
  org_name: string
}

export interface LiveEvent {
  type: 'event'
  region: number
  seq: number
  at: string | number
  kind: string
  subject: string
  body: unknown
}

export interface View {
  bbox: [number, number, number, number]
  zoom: number
  mode: 'auto' | 'points' | 'bins'
}

export interface Listener {
  welcome?(message: Welcome): void
  names?(names: Name[]): void
  frame?(frame: Frame): void
  event?(event: LiveEvent): void
  /** Events of this region were lost for good: read the lists again. */
  reset?(region: number, reason: string): void
  cells?(cells: { c: string; ring: [number, number][] }[]): void
  mode?(mode: 'points' | 'bins', res: number): void
  /** Somebody's console drives this screen: nothing that is kept, nothing that is numbered. */
  control?(message: Record<string, unknown>): void
  live?(): void
  /** 4401: sign in again. The socket has stopped. */
  signedOut?(): void
  /** 4400, 4426: only a newer page can go on. The socket has stopped. */
  outdated?(): void
}

export interface Wiring {
  url: string
  view: View
  listener: Listener
  /** Replaced in tests. */
  connect?: (url: string, protocol: string) => WebSocket
  now?: () => number
  random?: () => number
}

export const lateAfter = 15_000
export const lostAfter = 60_000
/** The server says something at least every 5 s; 40 s of silence is a dead link. */
const silentAfter = 40_000
const firstWait = 1_000
const longestWait = 30_000

interface Cursor {
  epoch: string
  after: number
}

export class LiveSocket {
  readonly link = new Store<Link>({ state: 'connecting', dataAt: null, age: 0, attempts: 0 })

  readonly #url: string
  readonly #listener: Listener
  readonly #connect: (url: string, protocol: string) => WebSocket
  readonly #now: () => number
  readonly #random: () => number
  readonly #cursors = new Map<number, Cursor>()
  #view: View
  #socket: WebSocket | null = null
  #retry: ReturnType<typeof setTimeout> | null = null
  #watch: ReturnType<typeof setInterval> | null = null
  #stopped = true
  #attempts = 0
  #opened = false
  #isLive = false
  #heardAt = 0
  #dataAt: number | null = null
  /** Server clock minus ours, so that an age is right on a machine whose clock is wrong. */
  #skew = 0

  constructor(wiring: Wiring) {
    this.#url = wiring.url
    this.#view = wiring.view
    this.#listener = wiring.listener
    this.#connect = wiring.connect ?? ((url, protocol) => new WebSocket(url, protocol))
    this.#now = wiring.now ?? Date.now
    this.#random = wiring.random ?? Math.random
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#watch = setInterval(() => this.#check(), 1_000)
    this.#dial()
  }

  stop(): void {
    this.#stopped = true
    if (this.#retry) clearTimeout(this.#retry)
    if (this.#watch) clearInterval(this.#watch)
    this.#retry = this.#watch = null
    this.#drop(1000)
    this.#publish()
  }

  /** The server's clock as we know it. */
  serverNow(): number {
    return this.#now() + this.#skew
  }

  /** What the screen looks at; sent when it changes and again after every reconnect. */
  look(view: View): void {
    this.#view = view
    if (this.#opened) this.#send({ type: 'view', ...view })
  }

  /** Reconnects at once: the network came back, the page woke up. */
  hurry(): void {
    if (this.#stopped || !this.#retry) return
    clearTimeout(this.#retry)
    this.#retry = null
    this.#dial()
  }

  #dial(): void {
    this.#opened = false
    this.#isLive = false
    this.#heardAt = this.#now()
    let socket: WebSocket
    try {
      socket = this.#connect(this.#url, 'gridward.1')
    } catch {
      this.#again(this.#backoff())
      return
    }
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      this.#opened = true
      this.#send({
        type: 'hello',
        resume: [...this.#cursors].map(([region, c]) => ({ region, epoch: c.epoch, after: c.after })),
        view: this.#view,
      })
    }
    socket.onmessage = event => {
      if (socket === this.#socket) this.#hear(event.data)
    }
    socket.onclose = event => {
      if (socket === this.#socket) this.#closed(event.code)
    }
    this.#publish()
  }

  #send(message: unknown): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message))
  }

  #hear(data: unknown): void {
    this.#heardAt = this.#now()
    if (data instanceof ArrayBuffer) {
      const frame = open(data)
      this.#saw(frame.base)
      this.#listener.frame?.(frame)
      return
    }
    if (typeof data !== 'string') return
    const message = JSON.parse(data) as { type: string; [field: string]: unknown }
    switch (message.type) {
      case 'welcome': {
        const welcome = message as unknown as Welcome
        this.#skew = welcome.at - this.#now()
        this.#saw(welcome.at)
        for (const r of welcome.regions) {
          // A region we resume keeps its cursor; a new one starts at the newest entry.
          if (!this.#cursors.has(r.region)) this.#cursors.set(r.region, { epoch: r.epoch, after: r.seq })
        }
        this.#listener.welcome?.(welcome)
        break
      }
      case 'names':
        this.#listener.names?.(message.names as Name[])
        break
      case 'event': {
        const event = message as unknown as LiveEvent
        const cursor = this.#cursors.get(event.region)
        if (cursor && event.seq <= cursor.after) break // said again after a resume
        this.#listener.event?.(event)
        if (cursor) cursor.after = event.seq
        break
      }
      case 'skip': {
        const cursor = this.#cursors.get(message.region as number)
        if (cursor) cursor.after = Math.max(cursor.after, (message.to ?? message.seq) as number)
        break
      }
      case 'reset': {
        const region = message.region as number
        this.#cursors.set(region, { epoch: message.epoch as string, after: message.seq as number })
        this.#listener.reset?.(region, String(message.reason ?? ''))
        break
      }
      case 'cells':
        this.#listener.cells?.(message.cells as { c: string; ring: [number, number][] }[])
        break
      case 'mode':
        this.#listener.mode?.(message.mode as 'points' | 'bins', message.res as number)
        break
      case 'control':
        this.#listener.control?.(message)
        break
      case 'live':
        this.#isLive = true
        this.#attempts = 0
        this.#listener.live?.()
        this.#publish()
        break
      case 'tick':
        this.#saw(message.at as number)
        break
      default: // a newer server may say more
    }
  }

  #saw(serverMs: number): void {
    if (this.#dataAt === null || serverMs > this.#dataAt) this.#dataAt = serverMs
    if (this.#isLive) this.#publish()
  }

  #closed(code: number): void {
    this.#socket = null
    this.#opened = false
    this.#isLive = false
    if (this.#stopped) return
    switch (code) {
      case 4401:
        this.stop()
        this.#listener.signedOut?.()
        return
      case 4400:
      case 4426:
        this.stop()
        this.#listener.outdated?.()
        return
      case 4403:
        this.#cursors.clear()
        this.#again(0)
        return
      case 4412:
        this.#again(1_000 + this.#random() * 9_000)
        return
      default:
        this.#again(this.#backoff())
    }
  }

  /** Full jitter over an exponential: a thousand screens must not come back together. */
  #backoff(): number {
    const ceiling = Math.min(longestWait, firstWait * 2 ** this.#attempts)
    return Math.max(firstWait, this.#random() * ceiling)
  }

  #again(wait: number): void {
    this.#attempts++
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = setTimeout(() => {
      this.#retry = null
      if (!this.#stopped) this.#dial()
    }, wait)
    this.#publish()
  }

  #drop(code: number): void {
    const socket = this.#socket
    this.#socket = null
    this.#opened = false
    this.#isLive = false
    socket?.close(code)
  }

  #check(): void {
    if (this.#socket && this.#now() - this.#heardAt > silentAfter) {
      this.#drop(4408)
      this.#again(this.#backoff())
    }
    this.#publish()
  }

  #publish(): void {
    const age = this.#dataAt === null ? 0 : Math.max(0, this.serverNow() - this.#dataAt)
    let state: LinkState
    if (this.#dataAt === null) state = this.#attempts > 2 ? 'lost' : 'connecting'
    else if (age > lostAfter) state = 'lost'
    else if (age > lateAfter) state = 'late'
    else state = this.#isLive ? 'live' : 'connecting'
    this.link.set({ state, dataAt: this.#dataAt, age, attempts: this.#attempts })
  }
}
