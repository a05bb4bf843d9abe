// The whole house for a browser test: bin/gridward with its own database in a
// fresh directory, the demo street without a simulated crowd, and people who
// sign in and report.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type APIRequestContext, test as base, expect, type Page, request } from '@playwright/test'

const binary = fileURLToPath(new URL('../../../bin/gridward', import.meta.url))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}

export class House {
  readonly url: string
  readonly #data: string
  readonly #port: number
  readonly #args: readonly string[]
  #process: ChildProcess | null = null
  #said = ''

  private constructor(port: number, args: readonly string[]) {
    this.#port = port
    this.#args = args
    this.url = `http://127.0.0.1:${port}`
    this.#data = mkdtempSync(join(tmpdir(), 'gridward-e2e-'))
  }

  static async open(args: readonly string[] = []): Promise<House> {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run make build first`)
    const house = new House(await freePort(), args)
    await house.start()
    return house
  }

  async start(): Promise<void> {
    const child = spawn(
      binary,
      [
        'demo',
        ...[
          '-addr',
          `127.0.0.1:${this.#port}`,
          '-data',
          this.#data,
          '-workers',
          '0',
          '-incidents',
          '0',
          '-history',
          '0',
        ],
        ...this.#args,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, DATABASE_URL: '', NATS_URL: '' },
      },
    )
    this.#process = child
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', chunk => {
        this.#said = (this.#said + chunk).slice(-20_000)
      })
    const deadline = Date.now() + 90_000
    for (;;) {
      if (child.exitCode !== null) throw new Error(`gridward left with ${child.exitCode}:\n${this.#said}`)
      if (Date.now() > deadline) throw new Error(`gridward is not ready:\n${this.#said}`)
      const ready = await fetch(`${this.url}/readyz`).then(
        answer => answer.ok,
        () => false,
      )
      // it answers before its street is furnished; the accounts come last
      if (ready && existsSync(join(this.#data, 'demo-accounts.txt'))) return
      await new Promise(resolve => setTimeout(resolve, 250))
    }
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (!child || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.#data, { recursive: true, force: true })
  }

  password(login: string): string {
    const line = readFileSync(join(this.#data, 'demo-accounts.txt'), 'utf8')
      .split('\n')
      .find(l => l.trim().startsWith(`${login} `))
    const password = line?.trim().split(/\s+/)[1]
    if (!password) throw new Error(`no demo account ${login}`)
    return password
  }

  /** Somebody signed in, speaking to the API without a page. */
  async as(login: string): Promise<APIRequestContext> {
    const api = await request.newContext({ baseURL: this.url })
    const answer = await api.post('/api/v1/session', { data: { login, password: this.password(login) } })
    expect(answer.status(), await answer.text()).toBe(200)
    return api
  }

  /** Opens the wall signed in, and waits until news is coming in. */
  async wall(page: Page, login = 'commander', search = ''): Promise<void> {
    const answer = await page.request.post(`${this.url}/api/v1/session`, {
      data: { login, password: this.password(login) },
    })
    expect(answer.status()).toBe(200)
    await page.goto(`${this.url}/screen${search}`)
    await live(page)
  }
}

/** What the page leaves for tests and field service. */
export interface Inside {
  __wall: {
    ready: boolean
    wall: { socket: { link: { get(): { state: string } } } }
    scene: {
      map: { project(p: [number, number]): { x: number; y: number } }
      fleet: {
        worker(
          id: number,
        ): { handle: number; lon: number; lat: number; presence: string; placed: boolean; name: string } | undefined
        people(): Iterable<{ id: number; name: string; orgName: string }>
      }
      overlay: { pick(x: number, y: number, reach: number): number | null; drawn: number }
    }
  }
}

export async function live(page: Page): Promise<void> {
  await page.waitForFunction(
    () => {
      const inside = (window as unknown as Inside).__wall
      return inside?.ready && inside.wall.socket.link.get().state === 'live'
    },
    null,
    { timeout: 60_000 },
  )
}

/** A worker on duty: who it is, and how it reports where it stands. */
export class Walker {
  readonly id: number
  readonly #api: APIRequestContext
  readonly #session = crypto.randomUUID()
  readonly #startedAt = new Date(Date.now() - 60_000).toISOString()

  private constructor(id: number, api: APIRequestContext) {
    this.id = id
    this.#api = api
  }

  static async on(house: House, login = 'worker'): Promise<Walker> {
    const api = await house.as(login)
    const { principal } = await (await api.get('/api/v1/session')).json()
    return new Walker(principal.worker, api)
  }

  async stands(lon: number, lat: number, secondsAgo = 0, sos = false): Promise<void> {
    const answer = await this.#api.post('/api/v1/fixes', {
      data: {
        client: 'e2e',
        sessions: [
          { id: this.#session, purpose: 'patrol', started_at: this.#startedAt, ended_at: null, consent: '2026-01' },
        ],
        fixes: [
          {
            at: new Date(Date.now() - secondsAgo * 1000).toISOString(),
            lon,
            lat,
            accuracy: 6,
            speed: 1.2,
            course: 90,
            sos,
          },
        ],
      },
    })
    expect(answer.status(), await answer.text()).toBe(200)
    expect(await answer.json()).toMatchObject({ stored: 1 })
  }
}

export const test = base.extend<object, { house: House; settings: string[] }>({
  settings: [[], { option: true, scope: 'worker' }],
  house: [
    async ({ settings }, use) => {
      const house = await House.open(settings)
      await use(house)
      await house.close()
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

export { expect }
