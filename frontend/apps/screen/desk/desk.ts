// The command desk as a value: the queues and the list, the open case, dispatch,
// areas, alarms, whistles, who drives the wall. No Vue in here.
import * as api from '@core/api/client'
import type {
  ActionBody,
  Alarm,
  AlarmAction,
  Area,
  Assignee,
  Camera,
  Command,
  Heat,
  IncidentBody,
  IncidentPage,
  LoopIncident,
  NewCommand,
  Order,
  Queue,
  QueueCode,
  Ranking,
  ScreenControl,
  Shape,
  SosDetail,
  Whistle,
} from '@core/api/loop'
import type { Incident, LonLat } from '@core/api/types'
import { circle } from '@core/geo/mercator'
import { filled } from '@core/incident/forms'
import { byNeed, needOf } from '@core/incident/need'
import { Roll } from '@core/live/roll'
import type { LiveEvent } from '@core/live/socket'
import { Store } from '@core/live/store'
import type { Polygon } from 'geojson'
import { t } from '../texts'
import type { Wall } from '../wall'

/** The reminder strip under the map, in its order. */
export const reminders = ['soon', 'late', 'returned', 'unsigned', 'open'] as const

export type DispatchMode = 'dispatch' | 'reassign' | 'add_assist'

export interface Dispatching {
  incident: string
  mode: DispatchMode
  order: Order | null
  ranking: Ranking | null
  loading: boolean
  sending: boolean
  trouble: string
  lead: Assignee | null
  assist: Assignee[]
  requirement: string
  /** How far to look; the server's own when nobody asked for more. */
  radius: number | null
}

export interface Surroundings {
  /** What was asked: a drawn shape, or a ring around a place. */
  shape: Shape
  centre: LonLat | null
  radius: number | null
  title: string
  area: Area | null
  loading: boolean
  trouble: string
}

export interface Heating {
  heat: Heat | null
  days: number
  at: number
  playing: boolean
  speed: number
  loading: boolean
  trouble: string
}

export interface Driven {
  by: string
  what: string
  at: number
  popup?: { title: string; text: string }
}

export interface Watching {
  camera: Camera
  incident?: string
  reason: string
}

export const radii = [500, 1_000, 1_500, 3_000] as const
const queuesEvery = 10_000
const pageSize = 100
const pagesKept = 5
const drivenFor = 12_000
/** A slider moves at least so often per bucket, ms. */
const heatStep = 900

export const same = (a: Assignee, b: Assignee): boolean =>
  a.worker || b.worker ? a.worker === b.worker : a.org === b.org

export class Desk {
  readonly queues = new Store<Queue[]>([])
  readonly queue = new Store<QueueCode | null>(null)
  readonly page = new Store<{ ids: string[]; next: string; total: number; loading: boolean; failed: boolean } | null>(
    null,
  )
  readonly detail = new Store<LoopIncident | null>(null)
  readonly trouble = new Store('')
  /** What happened while we were looking: somebody else was first. */
  readonly conflict = new Store('')
  readonly acting = new Store(false)
  readonly dispatching = new Store<Dispatching | null>(null)
  readonly around = new Store<Surroundings | null>(null)
  readonly heating = new Store<Heating | null>(null)
  readonly alarms = new Roll<Alarm>(50)
  readonly whistles = new Roll<Whistle>(50)
  readonly commands = new Roll<Command>(20)
  readonly sos = new Store<SosDetail | null>(null)
  /** The alarm that is shown, with who and what is near it. */
  readonly alarm = new Store<Alarm | null>(null)
  readonly driven = new Store<Driven | null>(null)
  readonly watching = new Store<Watching | null>(null)
  readonly said = new Store('')
  readonly #wall: Wall
  #timers: ReturnType<typeof setInterval>[] = []
  #queuesSoon: ReturnType<typeof setTimeout> | null = null
  #detailSoon: ReturnType<typeof setTimeout> | null = null
  #rankSoon: ReturnType<typeof setTimeout> | null = null
  #asked = 0
  #drove = 0
  /** The newest number heard: what a page that is read now knows at least. */
  #seq = 0
  #heatTimer: ReturnType<typeof setInterval> | null = null
  #saidTimer: ReturnType<typeof setTimeout> | null = null

  constructor(wall: Wall) {
    this.#wall = wall
    wall.selected.subscribe(target => {
      const id = target?.kind === 'incident' ? target.id : null
      if (id !== this.detail.get()?.id) {
        this.detail.set(null)
        this.trouble.set('')
        this.conflict.set('')
        if (this.dispatching.get() && this.dispatching.get()?.incident !== id) this.closeDispatch()
        if (id) void this.load(id)
      }
    })
    this.dispatching.subscribe(() => this.drawLinks())
    this.around.subscribe(() => this.#drawAround())
    this.sos.subscribe(() => this.#drawAround())
    this.alarm.subscribe(() => this.#drawAround())
    this.heating.subscribe(() => this.#drawHeat())
  }

  begin(): void {
    this.#timers.push(
      setInterval(() => void this.loadQueues(), queuesEvery),
      setInterval(() => this.drawLinks(), 1_000),
      setInterval(() => this.#forgetDriver(), 1_000),
    )
    const target = this.#wall.selected.get()
    if (target?.kind === 'incident') void this.load(target.id)
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#stopHeat()
  }

  /** Everything the desk shows, read again: after a gap nothing old may stay. */
  async reload(): Promise<void> {
    const selected = this.#wall.selected.get()
    await Promise.all([
      this.loadQueues(),
      this.queue.get() ? this.#loadPage(true) : Promise.resolve(),
      this.#loadAlarms(),
      this.#loadWhistles(),
      this.#loadCommands(),
      selected?.kind === 'incident' && this.detail.get() ? this.load(selected.id) : Promise.resolve(),
    ])
  }

  // ---------------------------------------------------------------- events

  heard(event: LiveEvent): void {
    const body = event.body as Record<string, unknown> | null
    this.#seq = Math.max(this.#seq, event.seq)
    if (event.kind.startsWith('incident.')) {
      const incident = body as unknown as IncidentBody | null
      this.#soonQueues()
      if (incident && this.detail.get()?.id === incident.id) this.#soonDetail(incident.id)
      const open = this.dispatching.get()
      if (open && !open.sending) this.#soonRanking()
    } else if (event.kind.startsWith('alarm.') && typeof body?.id === 'string')
      this.#alarm(body as unknown as Alarm, event)
    else if (event.kind.startsWith('whistle.') && body && 'id' in body) {
      const whistle = body as unknown as Whistle
      if (this.whistles.put(whistle, event.seq) && event.kind === 'whistle.raised') {
        this.#wall.speaker.play(whistle.kind === 'emergency' ? 'critical' : 'urgent')
        this.say(t('whistle.raised', { org: whistle.org_name ?? '', reason: whistle.reason ?? '' }))
      }
      const open = this.detail.get()
      if (open && whistle.incident === open.id) this.#soonDetail(open.id)
    } else if (event.kind.startsWith('command.') && body && 'id' in body) {
      void this.#loadCommands(event.kind === 'command.sent')
    } else if (event.kind.startsWith('sos.') && body) {
      const open = this.sos.get()
      if (open && open.id === body.id) {
        if (event.kind === 'sos.closed') this.sos.set(null)
        else void this.openSos(open.id)
      }
    }
  }

  #alarm(alarm: Alarm, event: LiveEvent): void {
    const known = this.alarms.list.get().some(a => a.id === alarm.id)
    if (this.alarms.put(alarm, event.seq) && !known && alarming(alarm)) this.#wall.speaker.play('critical')
    if (this.alarm.get()?.id === alarm.id) void this.openAlarm(alarm.id)
    this.#wall.alarmed()
    this.#drawAround()
  }

  /** This page is about to drive the walls: it will be told as well, and knows already. */
  driving(): void {
    this.#drove = Date.now()
  }

  /** A console drives this wall: done at once, and said who did it. */
  control(control: ScreenControl): void {
    if (Date.now() - this.#drove < 3_000) return
    const scene = this.#wall.scene.get()
    let what = ''
    let popup: Driven['popup']
    switch (control.do) {
      case 'fly':
        if (!isPoint(control.point)) return
        scene?.fly(control.point, control.zoom)
        what = t('driven.fly')
        break
      case 'layer': {
        const layer = control.layer
        if (!this.#wall.isLayer(layer)) return
        const on = !this.#wall.hidden.get().includes(layer)
        if (on !== control.on) this.#wall.toggle(layer)
        what = t('driven.layer')
        break
      }
      case 'select':
        if (control.kind === 'incident') {
          this.#wall.select({ kind: 'incident', id: String(control.id) })
          const point = this.#wall.store.get(String(control.id))?.point
          if (point) scene?.fly(point)
        } else this.#wall.select({ kind: control.kind, id: Number(control.id) })
        what = t('driven.select')
        break
      case 'close':
        this.#wall.select(null)
        this.closeArea()
        what = t('driven.close')
        break
      case 'popup':
        popup = { title: control.title ?? '', text: String(control.text ?? '') }
        what = t('driven.popup')
        break
      default:
        return // a newer console may ask for more
    }
    this.driven.set({ by: control.by_name ?? '', what, at: Date.now(), popup })
  }

  #forgetDriver(): void {
    const driven = this.driven.get()
    if (driven && Date.now() - driven.at > (driven.popup ? 3 : 1) * drivenFor) this.driven.set(null)
  }

  /** A short sentence for everybody at the wall; it goes by itself. */
  say(sentence: string): void {
    this.said.set(sentence)
    if (this.#saidTimer) clearTimeout(this.#saidTimer)
    this.#saidTimer = setTimeout(() => this.said.set(''), 8_000)
  }

  // ---------------------------------------------------------------- queues

  async loadQueues(): Promise<void> {
    try {
      const { queues } = await api.get<{ queues: Queue[] }>('/queues')
      this.queues.set(queues ?? [])
    } catch (error) {
      // an older server, or a viewer without queues: counted from what is on the screen
      if (error instanceof api.ApiError && error.kind !== 'network' && error.kind !== 'busy') this.queues.set([])
    }
  }

  /** The count of a queue: the server's, or what this screen can count itself. */
  count(code: QueueCode): number {
    const known = this.queues.get().find(queue => queue.code === code)
    if (known) return known.count
    const now = this.#wall.socket.serverNow()
    let n = 0
    for (const incident of this.#wall.store.values()) if (inQueue(code, incident, now)) n++
    return n
  }

  choose(code: QueueCode | null): void {
    const next = this.queue.get() === code ? null : code
    this.queue.set(next)
    this.page.set(null)
    if (next) void this.#loadPage(true)
  }

  more(): void {
    const page = this.page.get()
    if (page?.next && !page.loading && page.ids.length < pageSize * pagesKept) void this.#loadPage(false)
  }

  async #loadPage(fresh: boolean): Promise<void> {
    const queue = this.queue.get()
    if (!queue) return
    const before = this.page.get()
    this.page.set({
      ids: before?.ids ?? [],
      next: before?.next ?? '',
      total: before?.total ?? 0,
      loading: true,
      failed: false,
    })
    try {
      const page = await api.get<IncidentPage>('/incidents', {
        queue,
        sort: 'due',
        limit: pageSize,
        cursor: fresh ? undefined : before?.next,
      })
      if (this.queue.get() !== queue) return
      this.#wall.store.putAll(page.incidents)
      const ids = page.incidents.map(i => i.id)
      this.page.set({
        ids: fresh ? ids : [...new Set([...(before?.ids ?? []), ...ids])],
        next: page.next ?? '',
        total: page.total ?? ids.length,
        loading: false,
        failed: false,
      })
    } catch {
      if (this.queue.get() === queue)
        this.page.set({ ids: before?.ids ?? [], next: '', total: before?.total ?? 0, loading: false, failed: true })
    }
  }

  #soonQueues(): void {
    this.#queuesSoon ??= setTimeout(() => {
      this.#queuesSoon = null
      void this.loadQueues()
      if (this.queue.get()) void this.#loadPage(true)
    }, 1_500)
  }

  // ---------------------------------------------------------------- the open case

  async load(id: string): Promise<void> {
    const ask = ++this.#asked
    try {
      const detail = await api.get<LoopIncident>(`/incidents/${id}`)
      if (ask !== this.#asked || this.#wall.selected.get()?.id !== id) return
      this.detail.set(detail)
      this.trouble.set('')
      this.#wall.store.put(rowOf(detail))
    } catch (error) {
      if (ask !== this.#asked) return
      const gone = error instanceof api.ApiError && error.kind === 'missing'
      // what was shown stays, unless it is gone for good
      if (gone || this.detail.get() === null) {
        this.detail.set(null)
        this.trouble.set(gone ? t('card.missing') : api.sentenceOf(error))
      }
    }
  }

  #soonDetail(id: string): void {
    this.#detailSoon ??= setTimeout(() => {
      this.#detailSoon = null
      if (this.detail.get()?.id === id) void this.load(id)
    }, 250)
  }

  /** Does something to the open case. Null: done; else what the server said. */
  async act(action: string, body: ActionBody): Promise<string | null> {
    const detail = this.detail.get()
    if (!detail || this.acting.get()) return null
    this.acting.set(true)
    this.conflict.set('')
    try {
      const answer = await api.post<Incident>(`/incidents/${detail.id}/${action}`, filled(body), {
        headers: { 'If-Match': `"${detail.version}"` },
      })
      this.#wall.store.put(answer)
      this.#soonQueues()
      // reopening answers with the new case: that is the one to look at
      if (answer.id !== detail.id) {
        this.acting.set(false)
        this.#wall.select({ kind: 'incident', id: answer.id })
        return null
      }
      await this.load(detail.id)
      return null
    } catch (error) {
      return this.#failed(error, detail.id)
    } finally {
      this.acting.set(false)
    }
  }

  async actOnOrder(order: Order, action: string, body: ActionBody): Promise<string | null> {
    const detail = this.detail.get()
    if (!detail || this.acting.get()) return null
    this.acting.set(true)
    this.conflict.set('')
    try {
      await api.post<Order>(`/orders/${order.id}/${action}`, filled(body), {
        headers: { 'If-Match': `"${order.version}"` },
      })
      this.#soonQueues()
      await this.load(detail.id)
      return null
    } catch (error) {
      return this.#failed(error, detail.id)
    } finally {
      this.acting.set(false)
    }
  }

  async #failed(error: unknown, id: string): Promise<string> {
    if (!(error instanceof api.ApiError)) return t('error.unknown')
    if (error.kind === 'conflict') {
      // somebody was first: say what happened and show the case as it stands now
      this.conflict.set(error.message)
      await this.load(id)
      return error.message
    }
    return error.fields[0]?.message ? `${error.message} ${error.fields[0].message}`.trim() : error.message
  }

  // ---------------------------------------------------------------- dispatch

  openDispatch(mode: DispatchMode = 'dispatch', order: Order | null = null): void {
    const detail = this.detail.get()
    if (!detail) return
    this.dispatching.set({
      incident: detail.id,
      mode,
      order,
      ranking: null,
      loading: true,
      sending: false,
      trouble: '',
      lead: null,
      assist: [],
      requirement: order?.requirement ?? '',
      radius: null,
    })
    void this.#rank()
  }

  closeDispatch(): void {
    this.dispatching.set(null)
  }

  async #rank(): Promise<void> {
    const open = this.dispatching.get()
    if (!open) return
    try {
      const ranking = await api.post<Ranking>(`/incidents/${open.incident}/candidates`, {
        limit: 12,
        radius_m: open.radius ?? undefined,
      })
      this.#edit(open.incident, now => ({
        ranking: {
          ...ranking,
          candidates: ranking.candidates ?? [],
          left_out: ranking.left_out ?? [],
          advice: ranking.advice ?? [],
          departments: ranking.departments ?? [],
        },
        loading: false,
        trouble: '',
        // who was chosen and cannot be any more is not chosen any more
        lead:
          now.lead?.worker && !(ranking.candidates ?? []).some(c => c.worker === now.lead?.worker) ? null : now.lead,
      }))
    } catch (error) {
      this.#edit(open.incident, () => ({
        loading: false,
        trouble: api.sentenceOf(error),
      }))
    }
  }

  /** Looks for people farther away. */
  widen(radius: number): void {
    const open = this.dispatching.get()
    if (!open) return
    this.dispatching.set({ ...open, radius, loading: true })
    void this.#rank()
  }

  #soonRanking(): void {
    this.#rankSoon ??= setTimeout(() => {
      this.#rankSoon = null
      if (this.dispatching.get() && !this.dispatching.get()?.sending) void this.#rank()
    }, 4_000)
  }

  #edit(incident: string, change: (now: Dispatching) => Partial<Dispatching>): void {
    const open = this.dispatching.get()
    if (open?.incident === incident) this.dispatching.set({ ...open, ...change(open) })
  }

  write(requirement: string): void {
    const open = this.dispatching.get()
    if (open) this.dispatching.set({ ...open, requirement })
  }

  /** 主办: one; choosing again takes it back. */
  lead(who: Assignee): void {
    const open = this.dispatching.get()
    if (open?.mode === 'add_assist') this.assist(who)
    if (!open || open.mode === 'add_assist') return
    const off = open.lead && same(open.lead, who)
    this.dispatching.set({ ...open, lead: off ? null : who, assist: open.assist.filter(a => !same(a, who)) })
  }

  /** 协办: any number. */
  assist(who: Assignee): void {
    const open = this.dispatching.get()
    if (!open || open.mode === 'reassign') return
    const off = open.assist.some(a => same(a, who))
    this.dispatching.set({
      ...open,
      lead: open.lead && same(open.lead, who) ? null : open.lead,
      assist: off ? open.assist.filter(a => !same(a, who)) : [...open.assist, who],
    })
  }

  /** Sends the order; `only` dispatches to one at once. */
  async send(only?: Assignee): Promise<void> {
    const open = this.dispatching.get()
    if (!open || open.sending) return
    const lead = only ?? open.lead
    const ready = open.mode === 'add_assist' ? open.assist.length > 0 || only : lead
    if (!ready) {
      this.dispatching.set({ ...open, trouble: t('dispatch.choose') })
      return
    }
    this.dispatching.set({ ...open, sending: true, trouble: '' })
    const body: ActionBody = {
      lead: open.mode === 'add_assist' ? undefined : (lead ?? undefined),
      assist: open.mode === 'add_assist' && only ? [only] : only ? undefined : open.assist,
      requirement: open.requirement.trim(),
      ranking: open.ranking?.id,
      reason: open.mode === 'reassign' ? open.requirement.trim() || t('dispatch.reassigned') : undefined,
    }
    const trouble =
      open.mode === 'reassign' && open.order
        ? await this.actOnOrder(open.order, 'reassign', body)
        : await this.act(open.mode, body)
    if (trouble === null) {
      this.closeDispatch()
      this.say(t('dispatch.done'))
    } else this.#edit(open.incident, () => ({ sending: false, trouble }))
  }

  /** From everyone who could go to the case; those who move are drawn where they are. */
  drawLinks(): void {
    const scene = this.#wall.scene.get()
    if (!scene) return
    const open = this.dispatching.get()
    const to = open ? this.#wall.store.get(open.incident)?.point : null
    if (!open || !to) {
      scene.desk.showLinks([])
      return
    }
    const list = open.ranking?.candidates ?? []
    scene.desk.showLinks(
      list.slice(0, 12).flatMap(candidate => {
        const person = scene.fleet.worker(candidate.worker)
        const from: LonLat | null = person?.placed ? [person.lon, person.lat] : (candidate.point ?? null)
        if (!from) return []
        const who = { worker: candidate.worker }
        const state =
          open.lead && same(open.lead, who)
            ? ('lead' as const)
            : open.assist.some(a => same(a, who))
              ? ('assist' as const)
              : candidate.rank === 1
                ? ('best' as const)
                : ('other' as const)
        return [{ from, to, label: String(candidate.rank), state }]
      }),
    )
  }

  // ---------------------------------------------------------------- areas

  async drawArea(tool: 'box' | 'circle' | 'polygon'): Promise<void> {
    const scene = this.#wall.scene.get()
    if (!scene) return
    if (scene.drawing.get() === tool) {
      scene.stopDrawing()
      return
    }
    this.around.set(null)
    const shape = await scene.draw(tool)
    if (shape) await this.ask({ shape, centre: null, radius: null, title: t(`inside.${tool}`) })
  }

  /** 周边资源: who and what is within so many metres. */
  async nearby(centre: LonLat, radius: number, title: string): Promise<void> {
    await this.ask({ shape: { circle: { center: centre, radius_m: radius } }, centre, radius, title })
  }

  async ask(what: Pick<Surroundings, 'shape' | 'centre' | 'radius' | 'title'>): Promise<void> {
    const asked: Surroundings = { ...what, area: null, loading: true, trouble: '' }
    this.around.set(asked)
    try {
      const area =
        what.centre && what.radius
          ? await api.get<Area>('/nearby', { lon: what.centre[0], lat: what.centre[1], radius_m: what.radius })
          : await api.post<Area>('/area', { shape: what.shape })
      if (this.around.get() !== asked) return
      this.around.set({
        ...asked,
        loading: false,
        area: {
          ...area,
          workers: area.workers ?? [],
          incidents: area.incidents ?? [],
          grids: area.grids ?? [],
          resources: area.resources ?? [],
          cameras: area.cameras ?? [],
        },
      })
    } catch (error) {
      if (this.around.get() === asked)
        this.around.set({
          ...asked,
          loading: false,
          trouble: api.sentenceOf(error),
        })
    }
  }

  closeArea(): void {
    this.#wall.scene.get()?.stopDrawing()
    this.around.set(null)
  }

  /** 指令 to people and departments. Null: sent. */
  async command(command: NewCommand): Promise<string | null> {
    try {
      await api.post<Command>('/commands', command)
      this.say(t('command.sent'))
      return null
    } catch (error) {
      return api.faultsOf(error)
    }
  }

  /** Commands for whoever sits here that wait for an answer. */
  async #loadCommands(news = false): Promise<void> {
    if (this.#wall.kiosk) return
    const at = this.#seq
    try {
      const { commands } = await api.get<{ commands: Command[] }>('/commands', { mine: true, limit: 20 })
      const me = this.#wall.session.get()?.principal
      const orgs = me?.posts.map(post => post.org) ?? []
      const open = (commands ?? []).filter(
        c =>
          c.need_ack &&
          c.acks?.some(
            a => !a.at && (a.worker ? a.worker === me?.worker : a.org !== undefined && orgs.includes(a.org)),
          ),
      )
      const before = this.commands.list.get()
      this.commands.replace(open, at)
      if (news && open.some(c => !before.some(b => b.id === c.id))) this.#wall.speaker.play('normal')
    } catch {
      // an older server
    }
  }

  async acknowledgeCommand(command: Command): Promise<void> {
    await api.post(`/commands/${command.id}/ack`, { text: '' })
    this.commands.remove(command.id)
  }

  /** Gives a case of the area to the people chosen in it: the first leads. */
  async dispatchIn(incident: Incident, workers: number[], requirement: string): Promise<string | null> {
    const [lead, ...assist] = workers
    if (!lead) return t('dispatch.choose')
    try {
      const answer = await api.post<Incident>(
        `/incidents/${incident.id}/dispatch`,
        filled({ lead: { worker: lead }, assist: assist.map(worker => ({ worker })), requirement }),
        { headers: { 'If-Match': `"${incident.version}"` } },
      )
      this.#wall.store.put(answer)
      this.#soonQueues()
      this.say(t('dispatch.done'))
      return null
    } catch (error) {
      return api.sentenceOf(error)
    }
  }

  #drawAround(): void {
    const desk = this.#wall.scene.get()?.desk
    if (!desk) return
    const around = this.around.get()
    desk.showShape(around ? outline(around.shape) : null)
    const sos = this.sos.get()
    const cameras = around?.area?.cameras ?? sos?.cameras ?? this.alarm.get()?.cameras ?? []
    desk.showMarks([
      ...cameras.flatMap(c => (c.point ? [{ kind: 'camera' as const, point: c.point, name: c.name }] : [])),
      ...(around?.area?.resources ?? []).map(r => ({ kind: 'resource' as const, point: r.point, name: r.name })),
      ...this.alarms.list
        .get()
        .flatMap(a =>
          a.point && alarming(a) ? [{ kind: 'alarm' as const, point: a.point, name: a.device_name }] : [],
        ),
    ])
  }

  redraw(): void {
    this.#drawAround()
    this.drawLinks()
    this.#drawHeat()
  }

  // ---------------------------------------------------------------- heat

  async openHeat(days = 7): Promise<void> {
    const heating: Heating = { heat: null, days, at: 0, playing: false, speed: 1, loading: true, trouble: '' }
    this.heating.set(heating)
    const to = new Date(this.#wall.socket.serverNow())
    const from = new Date(to.getTime() - days * 86_400_000)
    try {
      const heat = await api.get<Heat>('/heat', {
        from: from.toISOString(),
        to: to.toISOString(),
        step: days <= 1 ? '1h' : days <= 7 ? '6h' : '24h',
      })
      if (this.heating.get() !== heating) return
      const buckets = heat.buckets ?? []
      this.heating.set({ ...heating, heat: { ...heat, buckets }, at: Math.max(0, buckets.length - 1), loading: false })
    } catch (error) {
      if (this.heating.get() === heating)
        this.heating.set({
          ...heating,
          loading: false,
          trouble: api.sentenceOf(error),
        })
    }
  }

  closeHeat(): void {
    this.#stopHeat()
    this.heating.set(null)
  }

  heatTo(at: number): void {
    const heating = this.heating.get()
    const last = (heating?.heat?.buckets.length ?? 1) - 1
    if (heating) this.heating.set({ ...heating, at: Math.max(0, Math.min(last, at)) })
  }

  playHeat(): void {
    const heating = this.heating.get()
    if (!heating?.heat) return
    this.#stopHeat()
    const playing = !heating.playing
    this.heating.set({ ...heating, playing })
    if (playing) this.#heatTimer = setInterval(() => this.#heatTick(), heatStep / heating.speed)
  }

  speedHeat(by: number): void {
    const heating = this.heating.get()
    if (!heating) return
    this.#stopHeat()
    const speed = Math.max(0.5, Math.min(8, heating.speed * by))
    this.heating.set({ ...heating, speed })
    if (heating.playing) this.#heatTimer = setInterval(() => this.#heatTick(), heatStep / speed)
  }

  #heatTick(): void {
    const heating = this.heating.get()
    const length = heating?.heat?.buckets.length ?? 0
    if (heating && length > 0) this.heating.set({ ...heating, at: (heating.at + 1) % length })
  }

  #stopHeat(): void {
    if (this.#heatTimer) clearInterval(this.#heatTimer)
    this.#heatTimer = null
  }

  #drawHeat(): void {
    const layer = this.#wall.scene.get()?.heat
    if (!layer) return
    const heating = this.heating.get()
    layer.visible(Boolean(heating?.heat))
    const buckets = heating?.heat?.buckets ?? []
    const most = Math.max(1, ...buckets.flatMap(b => b.cells.map(c => c.weight)))
    layer.show(buckets[heating?.at ?? 0]?.cells ?? [], most)
  }

  // ---------------------------------------------------------------- SOS, alarms, video

  async openSos(id: string): Promise<void> {
    try {
      const detail = await api.get<SosDetail>(`/sos/${id}`)
      this.sos.set({ ...detail, nearest: detail.nearest ?? [], cameras: detail.cameras ?? [] })
    } catch {
      // the banner has what the event said
    }
  }

  async openAlarm(id: string | null): Promise<void> {
    if (!id) {
      this.alarm.set(null)
      return
    }
    try {
      const detail = await api.get<Alarm>(`/alarms/${id}`)
      this.alarm.set({ ...detail, nearest: detail.nearest ?? [], cameras: detail.cameras ?? [] })
    } catch {
      // the list has what the event said
    }
  }

  async #loadAlarms(): Promise<void> {
    const at = this.#seq
    try {
      const { alarms } = await api.get<{ alarms: Alarm[] }>('/alarms', { state: 'open' })
      this.alarms.replace(alarms ?? [], at)
      this.#wall.alarmed()
    } catch {
      // an older server, or a viewer without the alarm desk
    }
  }

  async answerAlarm(alarm: Alarm, action: AlarmAction, note = ''): Promise<string | null> {
    try {
      const answer = await api.post<Alarm | Incident>(`/alarms/${alarm.id}/${action}`, filled({ note }))
      const incident = action === 'incident' ? ((answer as Alarm).incident ?? (answer as Incident).id) : null
      await Promise.all([this.#loadAlarms(), this.alarm.get()?.id === alarm.id ? this.openAlarm(alarm.id) : null])
      if (incident) this.#wall.select({ kind: 'incident', id: incident })
      return null
    } catch (error) {
      return api.sentenceOf(error)
    }
  }

  async #loadWhistles(): Promise<void> {
    const at = this.#seq
    try {
      const { whistles } = await api.get<{ whistles: Whistle[] }>('/whistles')
      this.whistles.replace(whistles ?? [], at)
    } catch {
      // an older server
    }
  }

  watch(camera: Camera, reason: string, incident?: string): void {
    this.watching.set({ camera, reason, incident })
  }
}

/** Alarms that ask for somebody. */
export const alarming = (alarm: Alarm): boolean =>
  ['new', 'acked', 'verifying'].includes(alarm.state) &&
  alarm.class !== 'offline' &&
  !alarm.quiet &&
  !['notice', 'normal'].includes(String(alarm.level))

/** The row of a case: the list's shape, without what only its page has. */
export function rowOf(detail: LoopIncident): Incident {
  const { journal: _j, nearest: _n, orders: _o, clocks: _c, whistles, ...rest } = detail
  const row = { ...rest } as Record<string, unknown>
  for (const key of [
    'feedbacks',
    'verifications',
    'delays',
    'suspensions',
    'evaluations',
    'supervisions',
    'archive',
    'may',
    'similar',
  ])
    delete row[key]
  const open = Array.isArray(whistles)
    ? whistles.filter(whistle => !['closed', 'refused'].includes(whistle.state)).length
    : whistles
  return { ...row, whistles: open } as unknown as Incident
}

/** What this screen can say of a queue by itself. */
export function inQueue(code: QueueCode, incident: Incident, now: number): boolean {
  const need = needOf(incident, now)
  if (need === 'over') return false
  switch (code) {
    case 'late':
    case 'soon':
      return need === code
    case 'open':
      return true
    case 'returned':
      return incident.state === 'returned'
    case 'unsigned':
      return incident.state === 'dispatched'
    case 'triage':
      return incident.state === 'reported' || incident.state === 'verifying'
    case 'dispatch':
      return incident.state === 'accepted' || incident.state === 'returned'
    case 'check':
      return incident.state === 'feedback' || incident.state === 'checking'
    case 'evaluate':
      return incident.state === 'evaluating'
    case 'approve':
      return Boolean(incident.delay_asked || incident.suspend_asked)
    case 'supervised':
      return Boolean(incident.supervise)
    case 'suspended':
      return incident.state === 'suspended'
    case 'noground':
      return !incident.grid
    default:
      return false
  }
}

export function outline(shape: Shape): Polygon | GeoJSON.MultiPolygon {
  if ('circle' in shape)
    return { type: 'Polygon', coordinates: [circle(shape.circle.center, shape.circle.radius_m, 72)] }
  return shape
}

const isPoint = (value: unknown): value is LonLat =>
  Array.isArray(value) && value.length === 2 && value.every(n => typeof n === 'number' && Number.isFinite(n))

/** Today's cases worth everybody's attention: tier two and up or critical, with a place. */
export function focusOf(incidents: Iterable<Incident>, now: number, today: (at: string) => boolean): Incident[] {
  return byNeed(
    [...incidents].filter(
      i =>
        today(i.reported_at) &&
        i.point &&
        !i.drill &&
        i.sensitivity !== 'high' &&
        ((i.tier ?? 0) >= 2 || i.urgency === 'critical'),
    ),
    now,
  ).map(n => n.incident)
}
