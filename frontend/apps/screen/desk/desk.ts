// The command desk as a value: the open case, what happens on the line, and the
// parts that each have a file of their own. No Vue in here.
import * as api from '@core/api/client'
import type { ActionBody, IncidentBody, LoopIncident, Order } from '@core/api/loop'
import type { Incident } from '@core/api/types'
import type { Alarm, Camera, Whistle } from '@core/api/watch'
import { filled } from '@core/incident/forms'
import { Roll } from '@core/live/roll'
import type { LiveEvent } from '@core/live/socket'
import { Store } from '@core/live/store'
import { t } from '../texts'
import type { Wall } from '../wall'
import { Alarms, alarming } from './alarms'
import { AreaSearch, outline } from './area'
import { rowOf } from './cases'
import { Commands } from './commands'
import { Dispatch } from './dispatch'
import { Driver } from './driver'
import { HeatPlay } from './heat'
import { Queues } from './queues'

export interface Watching {
  camera: Camera
  incident?: string
  reason: string
}

const queuesEvery = 10_000

export class Desk {
  readonly queues: Queues
  readonly dispatch: Dispatch
  readonly area: AreaSearch
  readonly heat: HeatPlay
  readonly alarms: Alarms
  readonly commands: Commands
  readonly driver: Driver
  readonly whistles = new Roll<Whistle>(50)
  readonly detail = new Store<LoopIncident | null>(null)
  readonly trouble = new Store('')
  /** What happened while we were looking: somebody else was first. */
  readonly conflict = new Store('')
  readonly acting = new Store(false)
  readonly watching = new Store<Watching | null>(null)
  readonly said = new Store('')
  /** The newest number heard: what a page that is read now knows at least. */
  seq = 0
  readonly #wall: Wall
  #timers: ReturnType<typeof setInterval>[] = []
  #detailSoon: ReturnType<typeof setTimeout> | null = null
  #saidTimer: ReturnType<typeof setTimeout> | null = null
  #asked = 0

  constructor(wall: Wall) {
    this.#wall = wall
    this.queues = new Queues(wall)
    this.dispatch = new Dispatch(wall, this)
    this.area = new AreaSearch(wall)
    this.heat = new HeatPlay(wall)
    this.alarms = new Alarms(wall, this)
    this.commands = new Commands(wall, this)
    this.driver = new Driver(wall)
    wall.selected.subscribe(target => {
      const id = target?.kind === 'incident' ? target.id : null
      if (id !== this.detail.get()?.id) {
        this.detail.set(null)
        this.trouble.set('')
        this.conflict.set('')
        if (this.dispatch.draft.get()?.incident !== id) this.dispatch.close()
        if (id) void this.load(id)
      }
    })
    for (const store of [this.area.found, this.alarms.sos, this.alarms.shown]) store.subscribe(() => this.#drawAround())
  }

  begin(): void {
    this.#timers.push(
      setInterval(() => void this.queues.load(), queuesEvery),
      setInterval(() => this.dispatch.drawLinks(), 1_000),
      setInterval(() => this.driver.forget(), 1_000),
    )
    const target = this.#wall.selected.get()
    if (target?.kind === 'incident') void this.load(target.id)
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.heat.stop()
  }

  /** Everything the desk shows, read again: after a gap nothing old may stay. */
  async reload(): Promise<void> {
    const selected = this.#wall.selected.get()
    await Promise.all([
      this.queues.load(),
      this.queues.chosen.get() ? this.queues.loadPage(true) : Promise.resolve(),
      this.alarms.load(),
      this.#loadWhistles(),
      this.commands.load(),
      selected?.kind === 'incident' && this.detail.get() ? this.load(selected.id) : Promise.resolve(),
    ])
  }

  // ---------------------------------------------------------------- events

  heard(event: LiveEvent): void {
    const body = event.body as Record<string, unknown> | null
    this.seq = Math.max(this.seq, event.seq)
    if (event.kind.startsWith('incident.')) {
      const incident = body as unknown as IncidentBody | null
      this.queues.soon()
      if (incident && this.detail.get()?.id === incident.id) this.#soonDetail(incident.id)
      this.dispatch.rankSoon()
    } else if (event.kind.startsWith('alarm.') && typeof body?.id === 'string') {
      this.alarms.heard(body as unknown as Alarm, event.seq)
      this.#drawAround()
    } else if (event.kind.startsWith('whistle.') && body && 'id' in body) {
      const whistle = body as unknown as Whistle
      if (this.whistles.put(whistle, event.seq) && event.kind === 'whistle.raised') {
        this.#wall.speaker.play(whistle.kind === 'emergency' ? 'critical' : 'urgent')
        this.say(t('whistle.raised', { org: whistle.org_name ?? '', reason: whistle.reason ?? '' }))
      }
      if (event.kind.endsWith('_overdue'))
        this.#late(t('whistle.late', { no: whistle.no, note: (body.deed as { note?: string } | null)?.note ?? '' }))
      this.queues.soon()
      const open = this.detail.get()
      if (open && whistle.incident === open.id) this.#soonDetail(open.id)
    } else if (event.kind.startsWith('command.') && body && 'id' in body) {
      void this.commands.load(event.kind === 'command.sent')
      if (event.kind === 'command.overdue')
        this.#late(t('command.late', { org: String(body.org_name ?? ''), n: Number(body.count) - Number(body.acked) }))
      this.queues.soon()
    } else if (event.kind.startsWith('sos.') && body) this.alarms.heardSos(String(body.id), event.kind === 'sos.closed')
  }

  /** A limit that passes is heard as well as seen. */
  #late(sentence: string): void {
    this.#wall.speaker.play('urgent')
    this.say(sentence)
  }

  /** A short sentence for everybody at the wall; it goes by itself. */
  say(sentence: string): void {
    this.said.set(sentence)
    if (this.#saidTimer) clearTimeout(this.#saidTimer)
    this.#saidTimer = setTimeout(() => this.said.set(''), 8_000)
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
  act(action: string, body: ActionBody): Promise<string | null> {
    return this.#act(async detail => {
      const answer = await api.post<Incident>(`/incidents/${detail.id}/${action}`, filled(body), {
        headers: { 'If-Match': `"${detail.version}"` },
      })
      this.#wall.store.put(answer)
      return answer.id
    })
  }

  actOnOrder(order: Order, action: string, body: ActionBody): Promise<string | null> {
    return this.#act(async detail => {
      await api.post<Order>(`/orders/${order.id}/${action}`, filled(body), {
        headers: { 'If-Match': `"${order.version}"` },
      })
      return detail.id
    })
  }

  /** One deed at a time on the open case; it answers with the case to look at now. */
  async #act(deed: (detail: LoopIncident) => Promise<string>): Promise<string | null> {
    const detail = this.detail.get()
    if (!detail || this.acting.get()) return null
    this.acting.set(true)
    this.conflict.set('')
    try {
      const id = await deed(detail)
      this.queues.soon()
      // reopening answers with the new case
      if (id !== detail.id) this.#wall.select({ kind: 'incident', id })
      else await this.load(id)
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

  async #loadWhistles(): Promise<void> {
    const at = this.seq
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

  #drawAround(): void {
    const desk = this.#wall.scene.get()?.desk
    if (!desk) return
    const around = this.area.found.get()
    desk.showShape(around ? outline(around.shape) : null)
    const sos = this.alarms.sos.get()
    const cameras = around?.area?.cameras ?? sos?.cameras ?? this.alarms.shown.get()?.cameras ?? []
    desk.showMarks([
      ...cameras.flatMap(c => (c.point ? [{ kind: 'camera' as const, point: c.point, name: c.name }] : [])),
      ...(around?.area?.resources ?? []).map(r => ({ kind: 'resource' as const, point: r.point, name: r.name })),
      ...this.alarms.roll.list
        .get()
        .flatMap(a =>
          a.point && alarming(a) ? [{ kind: 'alarm' as const, point: a.point, name: a.device_name }] : [],
        ),
    ])
  }

  redraw(): void {
    this.#drawAround()
    this.dispatch.drawLinks()
    this.heat.draw()
  }
}
