// The worker's page as a value: who is signed in, duty, what the phone gives,
// what the server has. No Vue in here; components read its stores.
import { ApiError, currentSession, get, onSignedOut, post, sentenceOf, signIn, signOut } from '@core/api/client'
import type { Attachment, LonLat, MyDuty, Session as SignedIn } from '@core/api/types'
import { Store } from '@core/live/store'
import { Speaker } from '@core/ui/audio'
import { type ErrandState, Errands } from './errands'
import { type Errand, Outbox, openShelf, type Purpose, type Session, type Shelf, type Snap } from './outbox'
import { Recorder, type RecorderState } from './recorder'
import { type Receipt, Sender, type SendState } from './sender'
import { SosCall, type SosState } from './sos'
import { type DoneList, noTasks, openCount, type TaskList, Tasks } from './tasks'
import { type Truth, truth } from './truth'
import { uuid } from './uuid'

export type Phase = 'opening' | 'entry' | 'password' | 'nobody' | 'work'

/** The version of the consent text that is shown and sent with each duty. */
export const consent = '2026-01'

const dutyEvery = 30_000
const dutyEverySos = 5_000
const sendEvery = 12_000
const tasksEvery = 15_000

const idleSend: SendState = {
  unsent: 0,
  untold: 0,
  sending: false,
  sentAt: null,
  skew: null,
  trouble: '',
  signedOut: false,
  offDuty: 0,
}
const idleErrands: ErrandState = { list: [], sending: false, trouble: '', signedOut: false }
const idleSos: SosState = { phase: 'none', at: null, tries: 0, trouble: '' }

export class Page {
  readonly phase = new Store<Phase>('opening')
  readonly session = new Store<SignedIn | null>(null)
  readonly duty = new Store<MyDuty | null>(null)
  readonly dutyTrouble = new Store('')
  /** Duty that was begun on this phone. */
  readonly local = new Store<Session | null>(null)
  readonly send = new Store<SendState>(idleSend)
  readonly sos = new Store<SosState>(idleSos)
  readonly recorder: Recorder
  readonly clock = new Store(Date.now())
  readonly hidden = new Store(document.visibilityState === 'hidden')
  /** The last time the page was in the background while on duty: nothing was recorded then. */
  readonly gap = new Store<{ from: number; to: number } | null>(null)
  readonly awake = new Store<'on' | 'off' | 'unsupported'>('off')
  readonly durable = new Store(true)
  /** The server ended a duty that was begun here. */
  readonly closedByServer = new Store(false)
  readonly truth = new Store<Truth>({ recording: false, tone: 'off', why: 'off.unknown' })
  readonly tasks = new Store<TaskList>(noTasks)
  readonly tasksTrouble = new Store('')
  readonly done = new Store<DoneList>({ orders: [], at: null })
  readonly errands = new Store<ErrandState>(idleErrands)
  /** The figure on the tasks' tab. */
  readonly badge = new Store(0)
  /** The report that was taken last. */
  readonly reported = new Store<{ no: string } | null>(null)
  readonly speaker = new Speaker()
  #tasks: Tasks | null = null
  #errands: Errands | null = null
  #tasksAskedAt = 0
  #shelf: Shelf | null = null
  #outbox: Outbox | null = null
  #sender: Sender | null = null
  #call: SosCall | null = null
  #lock: WakeLockSentinel | null = null
  #hiddenAt: number | null = null
  #dutyAskedAt = 0
  #sentTryAt = 0
  /** Answers about duty that were asked for earlier speak of the time before. */
  #settledAt = 0
  #asking = false

  constructor() {
    this.recorder = new Recorder(fix => {
      // the phone's first answer may be older than the duty it is for
      const from = this.sos.get().at ?? Date.parse(this.local.get()?.started_at ?? '')
      if (Date.parse(fix.at) < from) return
      void this.#outbox?.keep(fix).then(() => this.#sender?.count())
    })
    this.recorder.state.subscribe(() => this.#judge())
    for (const store of [this.duty, this.local, this.send, this.sos, this.hidden]) store.subscribe(() => this.#judge())
    setInterval(() => this.#tick(), 1_000)
    document.addEventListener('visibilitychange', () => this.#turned())
    window.addEventListener('online', () => {
      void this.#sender?.kick(true)
      void this.#errands?.kick(true)
      void this.askDuty()
      this.askTasks()
    })
    // the only moment at which a browser lets a page make a sound later
    document.addEventListener('pointerdown', () => void this.speaker.unlock(), { once: true })
    onSignedOut(() => this.#left())
  }

  get worker(): number {
    return this.session.get()?.principal.worker ?? 0
  }

  async open(): Promise<void> {
    const { shelf, durable } = await openShelf()
    this.#shelf = shelf
    this.durable.set(durable)
    for (let wait = 1_000; ; wait = Math.min(15_000, wait * 2)) {
      try {
        const session = await currentSession()
        if (!session) this.phase.set('entry')
        else await this.#enter(session)
        return
      } catch {
        await new Promise(resolve => setTimeout(resolve, wait))
      }
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    await this.#enter(await signIn(login, password))
  }

  /** After the password was changed. */
  async settled(): Promise<void> {
    const session = await currentSession()
    if (session) await this.#enter(session)
    else this.phase.set('entry')
  }

  async #enter(session: SignedIn): Promise<void> {
    const before = this.worker
    this.session.set(session)
    if (session.must_change) return this.phase.set('password')
    if (!session.principal.worker) return this.phase.set('nobody')
    if (this.#sender && before === session.principal.worker) {
      this.phase.set('work') // the same person again: everything went on meanwhile
      this.#sender.resume()
      this.#errands?.resume()
      void this.askDuty()
      this.askTasks()
      return
    }
    this.#stopAll()
    await this.#begin(session.principal.worker)
    this.phase.set('work')
  }

  async #begin(worker: number): Promise<void> {
    const outbox = new Outbox(this.#shelf!, worker)
    const sender = new Sender({
      outbox,
      post: body => post<Receipt>('/fixes', body),
      taken: (batch, receipt) => {
        this.recorder.pace(receipt.interval_s)
        if (!batch.sessions.length || sender.state.get().untold > 0) return
        this.#settledAt = Date.now()
        void this.#readLocal().then(() => this.askDuty())
      },
    })
    const call = new SosCall(worker)
    this.#outbox = outbox
    this.#sender = sender
    this.#call = call
    this.#beginTasks(outbox)
    sender.state.subscribe(state => this.send.set(state))
    call.state.subscribe(state => {
      const before = this.sos.get().phase
      this.sos.set(state)
      if (state.phase !== before && (state.phase === 'open' || state.phase === 'acked')) {
        void this.askDuty()
        void this.#sender?.kick(true)
      }
      this.#follow()
    })
    call.resume()
    await this.#readLocal()
    await this.askDuty()
    void sender.kick(true)
  }

  #beginTasks(outbox: Outbox): void {
    const tasks = new Tasks({ outbox, fresh: () => this.#announce() })
    const errands = new Errands({
      outbox,
      post: (path, body, version) =>
        post(path, body, version ? { headers: { 'If-Match': `"${version}"` } } : undefined),
      upload: (photo, kind) => {
        const form = new FormData()
        form.append('kind', kind)
        form.append('file', photo, 'photo.jpg')
        return post<Attachment>('/attachments', form)
      },
      taken: (errand, answer) => {
        if (errand.do === 'report') this.reported.set({ no: (answer as { case_no?: string })?.case_no ?? '' })
        tasks.heard(errand, answer)
      },
      refused: () => void tasks.ask(), // what is on the phone is not how it stands
    })
    this.#tasks = tasks
    this.#errands = errands
    const count = () => this.badge.set(openCount(tasks.list.get(), errands.state.get().list))
    tasks.list.subscribe(list => {
      this.tasks.set(list)
      count()
    })
    tasks.trouble.subscribe(trouble => this.tasksTrouble.set(trouble))
    tasks.done.subscribe(done => this.done.set(done))
    errands.state.subscribe(state => {
      this.errands.set(state)
      count()
    })
    this.#tasksAskedAt = Date.now()
    void tasks.open()
    void errands.kick(true)
  }

  #announce(): void {
    navigator.vibrate?.([120, 80, 120])
    this.speaker.play('urgent')
  }

  askTasks(): void {
    this.#tasksAskedAt = Date.now()
    void this.#tasks?.ask()
  }

  async askDone(): Promise<void> {
    await this.#tasks?.askDone()
  }

  /** Something was done: it lies in the outbox before this returns, and goes as soon as it can. */
  async doErrand(
    errand: Omit<Errand, 'id' | 'at' | 'photos'>,
    photos: { kind: Snap['kind']; blob: Blob }[] = [],
  ): Promise<void> {
    if (!this.#errands) return
    const id = uuid()
    const blobs = new Map(photos.map(photo => [uuid(), photo]))
    const snaps = [...blobs].map(([snap, { kind }]) => ({ id: snap, kind }))
    // plain values only: a page's reactive ones cannot be kept
    const plain = JSON.parse(JSON.stringify(errand.body)) as Record<string, unknown>
    const body = errand.do === 'ack' ? plain : { ...plain, client_id: id }
    await this.#errands.add(
      { ...errand, id, at: Date.now(), body, photos: snaps },
      new Map([...blobs].map(([snap, { blob }]) => [snap, blob])),
    )
  }

  giveUp = (id: string): Promise<void> | undefined => this.#errands?.giveUp(id)
  tryAgain = (id: string): Promise<void> | undefined => this.#errands?.retry(id)
  sendNow = (): Promise<void> | undefined => this.#errands?.kick(true)

  /** Where the phone is now, for an arrival or a report. */
  async place(): Promise<{ point: LonLat; accuracy?: number } | null> {
    const { last, heardAt } = this.recorder.state.get()
    const fresh = last && heardAt !== null && Date.now() - heardAt < 15_000
    const heard = fresh ? last : await this.recorder.once(10_000)
    return heard && { point: [heard.lon, heard.lat], accuracy: heard.accuracy ?? undefined }
  }

  /** Read once, then kept for when there is no network. */
  async remembered<T>(name: string, path: string): Promise<T | null> {
    try {
      const value = await get<T>(path)
      await this.#outbox?.remember(name, value)
      return value
    } catch {
      return (await this.#outbox?.memo<T>(name)) ?? null
    }
  }

  /** Kept on the phone for when there is no network. */
  async remember(name: string, value: unknown): Promise<void> {
    await this.#outbox?.remember(name, value)
  }

  async memo<T>(name: string): Promise<T | null> {
    return (await this.#outbox?.memo<T>(name)) ?? null
  }

  async leave(): Promise<void> {
    await signOut().catch(error => {
      if (!(error instanceof ApiError)) throw error
    })
    this.#stopAll()
    this.session.set(null)
    this.phase.set('entry')
  }

  /** The cookie is gone, the person is not: recording and the outbox go on, the page asks to sign in. */
  #left(): void {
    if (this.phase.get() === 'work' || this.phase.get() === 'nobody') this.phase.set('entry')
  }

  #stopAll(): void {
    this.recorder.stop()
    this.#sender?.close()
    this.#call?.close()
    this.#errands?.close()
    this.#errands = null
    this.#tasks = null
    this.tasks.set(noTasks)
    this.errands.set(idleErrands)
    this.badge.set(0)
    this.#sender = null
    this.#outbox = null
    this.#call = null
    this.local.set(null)
    this.duty.set(null)
    this.send.set(idleSend)
    this.sos.set(idleSos)
    this.gap.set(null)
    this.closedByServer.set(false)
    void this.#keepAwake()
  }

  async startDuty(purpose: Purpose): Promise<void> {
    if (!this.#outbox || this.local.get()) return
    this.gap.set(null)
    this.closedByServer.set(false)
    this.#settledAt = Number.POSITIVE_INFINITY
    this.local.set(await this.#outbox.start(uuid(), purpose, consent, Date.now()))
    this.#follow()
    void this.#sender?.kick(true)
  }

  async endDuty(): Promise<void> {
    if (!this.#outbox) return
    this.#settledAt = Number.POSITIVE_INFINITY
    // duty begun on another device is ended here too: the worker decides when it is over
    const remote = this.duty.get()?.session
    if (!this.local.get() && remote)
      await this.#shelf?.putSession(this.worker, {
        id: remote.id,
        purpose: remote.purpose as Purpose,
        started_at: remote.started_at,
        ended_at: null,
        consent,
        revision: 1,
        sent: 1,
      })
    await this.#outbox.end(Date.now())
    this.local.set(null)
    this.gap.set(null)
    this.#follow()
    void this.#sender?.kick(true)
  }

  /** Goes on here with a duty that was begun on another device. */
  async takeOver(): Promise<void> {
    const remote = this.duty.get()?.session
    if (!remote || !this.#shelf || this.local.get()) return
    await this.#shelf.putSession(this.worker, {
      id: remote.id,
      purpose: remote.purpose as Purpose,
      started_at: remote.started_at,
      ended_at: null,
      consent,
      revision: 1,
      sent: 1,
    })
    await this.#readLocal()
  }

  /** The button was held: nothing may delay the call, not even a position. */
  callForHelp(): void {
    const call = this.#call
    if (!call) return
    const { last, heardAt } = this.recorder.state.get()
    const fresh = last && heardAt !== null && Date.now() - heardAt < 60_000
    call.begin(uuid(), Date.now(), fresh ? [last.lon, last.lat] : undefined, (fresh && last.accuracy) || undefined)
    if (!fresh)
      void this.recorder.once(8_000).then(heard => {
        if (heard) call.place([heard.lon, heard.lat] as LonLat, heard.accuracy ?? undefined)
      })
    this.#follow()
  }

  dismissSos(): void {
    this.#call?.dismiss()
  }

  async askDuty(): Promise<void> {
    if (!this.worker || this.#asking || !this.#outbox) return
    this.#asking = true
    const asked = Date.now()
    this.#dutyAskedAt = asked
    try {
      const duty = await get<MyDuty>('/me/duty')
      this.dutyTrouble.set('')
      this.#call?.heard(duty.sos, asked)
      if (asked < this.#settledAt) return // said before the newest start or end was known there
      this.duty.set(duty)
      const local = this.local.get()
      if (local && local.sent >= local.revision && duty.session?.id !== local.id) {
        await this.#outbox.forgetOpen()
        await this.#readLocal()
        this.closedByServer.set(true)
      }
    } catch (error) {
      this.dutyTrouble.set(sentenceOf(error))
      this.duty.set(null)
    } finally {
      this.#asking = false
      this.#follow()
    }
  }

  async #readLocal(): Promise<void> {
    this.local.set((await this.#outbox?.open()) ?? null)
    this.#follow()
  }

  /** Watches the phone's position exactly when duty or a call for help asks for it. */
  #follow(): void {
    const phase = this.sos.get().phase
    const wanted = this.local.get() !== null || phase === 'sending' || phase === 'open' || phase === 'acked'
    if (wanted) this.recorder.start()
    else if (this.recorder.state.get().watching || this.recorder.state.get().trouble) this.recorder.stop()
    void this.#keepAwake()
    this.#judge()
  }

  async #keepAwake(): Promise<void> {
    const wanted = this.recorder.state.get().watching && document.visibilityState === 'visible'
    if (!('wakeLock' in navigator)) return this.awake.set('unsupported')
    if (!wanted) {
      const held = this.#lock
      this.#lock = null
      await held?.release().catch(() => undefined)
      return this.awake.set('off')
    }
    if (this.#lock && !this.#lock.released) return
    try {
      const lock = await navigator.wakeLock.request('screen')
      this.#lock = lock
      lock.addEventListener('release', () => this.awake.set('off'))
      this.awake.set('on')
    } catch {
      this.awake.set('off') // battery saver, or the page has just been hidden
    }
  }

  #turned(): void {
    const hidden = document.visibilityState === 'hidden'
    const now = Date.now()
    if (hidden) this.#hiddenAt = this.recorder.state.get().watching ? now : null
    else {
      if (this.#hiddenAt !== null && now - this.#hiddenAt > 20_000) this.gap.set({ from: this.#hiddenAt, to: now })
      this.#hiddenAt = null
      this.#follow()
      void this.askDuty()
      void this.#sender?.kick(true)
      void this.#errands?.kick(true)
      this.askTasks()
    }
    this.hidden.set(hidden)
  }

  #tick(): void {
    const now = Date.now()
    this.clock.set(now)
    if (this.phase.get() === 'work') {
      const phase = this.sos.get().phase
      const urgent = phase === 'open' || phase === 'acked'
      if (now - this.#dutyAskedAt > (urgent ? dutyEverySos : dutyEvery)) void this.askDuty()
      if (now - this.#sentTryAt > (urgent ? dutyEverySos : sendEvery) && this.send.get().unsent > 0) {
        this.#sentTryAt = now
        void this.#sender?.kick()
      }
      if (now - this.#tasksAskedAt > tasksEvery && document.visibilityState === 'visible') this.askTasks()
    }
    this.#judge()
  }

  #judge(): void {
    const recorder: RecorderState = this.recorder.state.get()
    const duty = this.duty.get()
    const send = this.send.get()
    const phase = this.sos.get().phase
    const next = truth({
      now: Date.now(),
      localDuty: this.local.get() !== null,
      watching: recorder.watching,
      hidden: this.hidden.get(),
      fixAt: recorder.heardAt,
      watchingSince: recorder.since,
      geoTrouble: recorder.trouble,
      server:
        duty && Number.isFinite(this.#settledAt)
          ? {
              tracked: duty.tracked,
              session: duty.session !== null,
              sos: duty.sos !== null,
              lastFixAt: duty.last_fix ? Date.parse(duty.last_fix.at) : null,
            }
          : null,
      sos: phase === 'sending' || phase === 'open' || phase === 'acked',
      unsent: send.unsent + send.untold,
      offline: send.trouble !== '' || this.dutyTrouble.get() !== '',
    })
    const now = this.truth.get()
    if (now.why !== next.why || now.tone !== next.tone) this.truth.set(next)
  }
}
