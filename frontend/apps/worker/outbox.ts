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

/** Something that was done to a task, a case or a command, in the words of the API. */
export interface Errand {
  /** Its client_id: said twice, it counts once. */
  id: string
  /** Errands of one chain go in the order in which they were done: `order:…`, `case:…`. */
  chain: string
  at: number
  /** sign, arrive, feedback, … or report. */
  do: string
  path: string
  body: Record<string, unknown>
  /** The version that was seen, where the door asks for it. */
  version?: number
  /** What it was done to, for the worker to read. */
  about: string
  photos: Snap[]
  /** The server will not take it as it is: its sentence, kept until the worker has read it. */
  refused?: { status: number; sentence: string; at: number }
}

/** A photo on the phone; `sent` is the attachment's id once the server has it. */
export interface Snap {
  id: string
  kind: 'near' | 'before' | 'after'
  sent?: string
}

/** Where the outbox keeps its records. */
export interface Shelf {
  /** In the order in which they were put first. */
  errands(owner: number): Promise<Errand[]>
  putErrand(owner: number, errand: Errand): Promise<void>
  dropErrand(id: string): Promise<void>
  photo(id: string): Promise<Blob | null>
  putPhoto(owner: number, id: string, photo: Blob): Promise<void>
  dropPhotos(ids: string[]): Promise<void>
  /** What the server said last, to be read without a network. */
  memo<T>(owner: number, name: string): Promise<T | null>
  putMemo(owner: number, name: string, value: unknown): Promise<void>
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

  errands(): Promise<Errand[]> {
    return this.#shelf.errands(this.owner)
  }

  /** Keeps what was done, its photos first: an errand never lies here without them. */
  async enqueue(errand: Errand, photos: ReadonlyMap<string, Blob>): Promise<void> {
    for (const snap of errand.photos) await this.#shelf.putPhoto(this.owner, snap.id, photos.get(snap.id)!)
    await this.#shelf.putErrand(this.owner, errand)
  }

  update(errand: Errand): Promise<void> {
    return this.#shelf.putErrand(this.owner, errand)
  }

  photo(id: string): Promise<Blob | null> {
    return this.#shelf.photo(id)
  }

  /** Done with: acknowledged by the server, or read and given up by the worker. */
  async finish(errand: Errand): Promise<void> {
    await this.#shelf.dropErrand(errand.id)
    await this.#shelf.dropPhotos(errand.photos.map(snap => snap.id))
  }

  memo<T>(name: string): Promise<T | null> {
    return this.#shelf.memo<T>(this.owner, name)
  }

  remember(name: string, value: unknown): Promise<void> {
    return this.#shelf.putMemo(this.owner, name, value)
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
  readonly #errands = new Map<string, { owner: number; errand: Errand }>()
  readonly #photos = new Map<string, Blob>()
  readonly #memos = new Map<string, unknown>()

  async errands(owner: number): Promise<Errand[]> {
    return [...this.#errands.values()].filter(row => row.owner === owner).map(row => structuredClone(row.errand))
  }

  async putErrand(owner: number, errand: Errand): Promise<void> {
    this.#errands.set(errand.id, { owner, errand: structuredClone(errand) })
  }

  async dropErrand(id: string): Promise<void> {
    this.#errands.delete(id)
  }

  async photo(id: string): Promise<Blob | null> {
    return this.#photos.get(id) ?? null
  }

  async putPhoto(_owner: number, id: string, photo: Blob): Promise<void> {
    this.#photos.set(id, photo)
  }

  async dropPhotos(ids: string[]): Promise<void> {
    for (const id of ids) this.#photos.delete(id)
  }

  async memo<T>(owner: number, name: string): Promise<T | null> {
    return (this.#memos.get(`${owner} ${name}`) as T | undefined) ?? null
  }

  async putMemo(owner: number, name: string, value: unknown): Promise<void> {
    this.#memos.set(`${owner} ${name}`, value)
  }

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
  errand: { key: string; value: { id: string; owner: number; seq: number; errand: Errand }; indexes: { owner: number } }
  photo: { key: string; value: { id: string; owner: number; photo: Blob } }
  memo: { key: string; value: { name: string; value: unknown } }
}

export class IdbShelf implements Shelf {
  readonly #db: IDBPDatabase<Schema>

  private constructor(db: IDBPDatabase<Schema>) {
    this.#db = db
  }

  static async open(name = 'gridward-worker'): Promise<IdbShelf> {
    return new IdbShelf(
      await openDB<Schema>(name, 2, {
        upgrade(db, before) {
          if (before < 1) {
            db.createObjectStore('fix', { keyPath: 'key', autoIncrement: true }).createIndex('owner', 'owner')
            db.createObjectStore('session', { keyPath: 'id' }).createIndex('owner', 'owner')
          }
          db.createObjectStore('errand', { keyPath: 'id' }).createIndex('owner', 'owner')
          db.createObjectStore('photo', { keyPath: 'id' })
          db.createObjectStore('memo', { keyPath: 'name' })
        },
        // a newer page wants to change the shelves: let it, and this one speaks to nothing until it is reloaded
        blocking: (_from, _to, event) => (event.target as IDBDatabase).close(),
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

  async errands(owner: number): Promise<Errand[]> {
    const rows = await this.#db.getAllFromIndex('errand', 'owner', owner)
    return rows.sort((a, b) => a.seq - b.seq).map(row => row.errand)
  }

  async putErrand(owner: number, errand: Errand): Promise<void> {
    const tx = this.#db.transaction('errand', 'readwrite')
    const known = await tx.store.get(errand.id)
    let seq = known?.seq ?? 0
    if (!known) for (const row of await tx.store.getAll()) seq = Math.max(seq, row.seq + 1)
    await tx.store.put({ id: errand.id, owner, seq, errand })
    await tx.done
  }

  async dropErrand(id: string): Promise<void> {
    await this.#db.delete('errand', id)
  }

  async photo(id: string): Promise<Blob | null> {
    return (await this.#db.get('photo', id))?.photo ?? null
  }

  async putPhoto(owner: number, id: string, photo: Blob): Promise<void> {
    await this.#db.put('photo', { id, owner, photo })
  }

  async dropPhotos(ids: string[]): Promise<void> {
    const tx = this.#db.transaction('photo', 'readwrite')
    for (const id of ids) void tx.store.delete(id)
    await tx.done
  }

  async memo<T>(owner: number, name: string): Promise<T | null> {
    return ((await this.#db.get('memo', `${owner} ${name}`))?.value as T | undefined) ?? null
  }

  async putMemo(owner: number, name: string, value: unknown): Promise<void> {
    await this.#db.put('memo', { name: `${owner} ${name}`, value })
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
