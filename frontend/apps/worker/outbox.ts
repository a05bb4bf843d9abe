// What has been recorded and not yet been acknowledged. A record leaves the
// outbox only when the server has answered 2xx: then it is on disk over there.
// Every record names its owner: two people may share one phone, and nobody's
// positions are ever sent under another's session.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'

export type Purpose = 'patrol' | 'visit' | 'emergency' | 'event_task' | 'window'
export const purposes: readonly Purpose[] = ['patrol', 'visit', 'emergency', 'event_task', 'window']

/** A position as the native batch carries it (docs/protocol.md, section 1). */
export interface Fix {
  at: string
  lon: number
  lat: number
  accuracy?: number
  speed?: number
  course?: number
  altitude?: number
  battery?: number
}

/** A stretch of duty; `revision` grows with every change, `sent` follows when it is acknowledged. */
export interface Session {
  id: string
  purpose: Purpose
  started_at: string
  ended_at: string | null
  consent: string
  revision: number
  sent: number
}

export interface Shelved {
  key: number
  fix: Fix
}

/** Where the outbox keeps its records. */
export interface Shelf {
  addFix(owner: number, fix: Fix): Promise<void>
  /** Oldest first. */
  fixes(owner: number, limit: number): Promise<Shelved[]>
  countFixes(owner: number): Promise<number>
  dropFixes(keys: number[]): Promise<void>
  sessions(owner: number): Promise<Session[]>
  putSession(owner: number, session: Session): Promise<void>
  dropSession(id: string): Promise<void>
}

export interface Batch {
  sessions: Session[]
  fixes: Shelved[]
}

export const mostFixes = 500
export const mostSessions = 20

export class Outbox {
  readonly #shelf: Shelf
  readonly owner: number

  constructor(shelf: Shelf, owner: number) {
    this.#shelf = shelf
    this.owner = owner
  }

  /** The duty that was started here and not ended here. */
  async open(): Promise<Session | null> {
    const all = await this.#shelf.sessions(this.owner)
    return all.find(session => session.ended_at === null) ?? null
  }

  async start(id: string, purpose: Purpose, consent: string, at: number): Promise<Session> {
    const session: Session = {
      id,
      purpose,
      started_at: new Date(at).toISOString(),
      ended_at: null,
      consent,
      revision: 1,
      sent: 0,
    }
    await this.#shelf.putSession(this.owner, session)
    return session
  }

  /** Ends the open duty; false when there is none. */
  async end(at: number): Promise<boolean> {
    const session = await this.open()
    if (!session) return false
    const ended = new Date(Math.max(at, Date.parse(session.started_at))).toISOString()
    await this.#shelf.putSession(this.owner, { ...session, ended_at: ended, revision: session.revision + 1 })
    return true
  }

  /** The server has ended the open duty by itself: nothing is left to be said. */
  async forgetOpen(): Promise<void> {
    const session = await this.open()
    if (session) await this.#shelf.dropSession(session.id)
  }

  keep(fix: Fix): Promise<void> {
    return this.#shelf.addFix(this.owner, fix)
  }

  /** How many records wait: positions, and duty that began or ended. */
  async unsent(): Promise<{ fixes: number; sessions: number }> {
    const sessions = (await this.#shelf.sessions(this.owner)).filter(session => session.sent < session.revision)
    return { fixes: await this.#shelf.countFixes(this.owner), sessions: sessions.length }
  }

  /** The next batch, or null when everything has been sent. */
  async next(): Promise<Batch | null> {
    const sessions = (await this.#shelf.sessions(this.owner))
      .filter(session => session.sent < session.revision)
      .sort((a, b) => a.started_at.localeCompare(b.started_at))
      .slice(0, mostSessions)
    const fixes = await this.#shelf.fixes(this.owner, mostFixes)
    return sessions.length || fixes.length ? { sessions, fixes } : null
  }

  /** The server has all of this batch. A session that changed meanwhile goes again. */
  async acknowledged(batch: Batch): Promise<void> {
    await this.#shelf.dropFixes(batch.fixes.map(shelved => shelved.key))
    const current = new Map((await this.#shelf.sessions(this.owner)).map(session => [session.id, session]))
    for (const sent of batch.sessions) {
      const session = current.get(sent.id)
      if (!session) continue
      if (session.revision === sent.revision && session.ended_at !== null) await this.#shelf.dropSession(session.id)
      else await this.#shelf.putSession(this.owner, { ...session, sent: sent.revision })
    }
  }
}

/** What goes over the wire. */
export function wire(batch: Batch, client: string): unknown {
  return {
    client,
    sessions: batch.sessions.map(({ id, purpose, started_at, ended_at, consent }) => ({
      id,
      purpose,
      started_at,
      ended_at,
      consent,
    })),
    fixes: batch.fixes.map(shelved => shelved.fix),
  }
}

/** For browsers that refuse storage: unsent records live as long as the page, and the page says so. */
export class MemoryShelf implements Shelf {
  #key = 0
  #fixes: { key: number; owner: number; fix: Fix }[] = []
  readonly #sessions = new Map<string, { owner: number; session: Session }>()

  async addFix(owner: number, fix: Fix): Promise<void> {
    this.#fixes.push({ key: ++this.#key, owner, fix })
  }

  async fixes(owner: number, limit: number): Promise<Shelved[]> {
    return this.#fixes.filter(row => row.owner === owner).slice(0, limit)
  }

  async countFixes(owner: number): Promise<number> {
    return this.#fixes.filter(row => row.owner === owner).length
  }

  async dropFixes(keys: number[]): Promise<void> {
    const gone = new Set(keys)
    this.#fixes = this.#fixes.filter(row => !gone.has(row.key))
  }

  async sessions(owner: number): Promise<Session[]> {
    return [...this.#sessions.values()].filter(row => row.owner === owner).map(row => ({ ...row.session }))
  }

  async putSession(owner: number, session: Session): Promise<void> {
    this.#sessions.set(session.id, { owner, session: { ...session } })
  }

  async dropSession(id: string): Promise<void> {
    this.#sessions.delete(id)
  }
}

interface Schema extends DBSchema {
  fix: { key: number; value: { key?: number; owner: number; fix: Fix }; indexes: { owner: number } }
  session: { key: string; value: { id: string; owner: number; session: Session }; indexes: { owner: number } }
}

export class IdbShelf implements Shelf {
  readonly #db: IDBPDatabase<Schema>

  private constructor(db: IDBPDatabase<Schema>) {
    this.#db = db
  }

  static async open(name = 'gridward-worker'): Promise<IdbShelf> {
    return new IdbShelf(
      await openDB<Schema>(name, 1, {
        upgrade(db) {
          db.createObjectStore('fix', { keyPath: 'key', autoIncrement: true }).createIndex('owner', 'owner')
          db.createObjectStore('session', { keyPath: 'id' }).createIndex('owner', 'owner')
        },
      }),
    )
  }

  async addFix(owner: number, fix: Fix): Promise<void> {
    await this.#db.add('fix', { owner, fix })
  }

  async fixes(owner: number, limit: number): Promise<Shelved[]> {
    const rows = await this.#db.getAllFromIndex('fix', 'owner', owner, limit)
    return rows.map(row => ({ key: row.key!, fix: row.fix }))
  }

  countFixes(owner: number): Promise<number> {
    return this.#db.countFromIndex('fix', 'owner', owner)
  }

  async dropFixes(keys: number[]): Promise<void> {
    const tx = this.#db.transaction('fix', 'readwrite')
    for (const key of keys) void tx.store.delete(key)
    await tx.done
  }

  async sessions(owner: number): Promise<Session[]> {
    return (await this.#db.getAllFromIndex('session', 'owner', owner)).map(row => row.session)
  }

  async putSession(owner: number, session: Session): Promise<void> {
    await this.#db.put('session', { id: session.id, owner, session })
  }

  async dropSession(id: string): Promise<void> {
    await this.#db.delete('session', id)
  }
}

/** The phone's own store, or memory where it is refused. */
export async function openShelf(): Promise<{ shelf: Shelf; durable: boolean }> {
  try {
    return { shelf: await IdbShelf.open(), durable: true }
  } catch {
    return { shelf: new MemoryShelf(), durable: false }
  }
}
