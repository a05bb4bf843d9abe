// The wall as a value: session, figures, cases, people, selection; no Vue in
// here. Components read its stores; the scene draws what it says.
import * as api from '@core/api/client'
import type { ScreenControl } from '@core/api/dispatch'
import type { Deed, IncidentBody } from '@core/api/loop'
import type { Grid, Incident, MapSources, Overview, Power, Session, Sos, Urgency } from '@core/api/types'
import { isOver } from '@core/incident/life'
import { type SlaColour, slaOf } from '@core/incident/sla'
import { IncidentStore } from '@core/live/incident-store'
import { type LiveEvent, LiveSocket } from '@core/live/socket'
import { Store } from '@core/live/store'
import type { Measure } from '@core/map/styles/territory'
import { Speaker } from '@core/ui/audio'
import { rank } from '@core/ui/severity'
import { alarming } from './desk/alarms'
import { Desk } from './desk/desk'
import { type Camera, type LayerName, layerNames, type Scene, type Target } from './scene'
import { readUrl, type UrlState, writeUrl } from './url-state'

export type Phase = 'opening' | 'entry' | 'wall' | 'outdated'

export interface Toast {
  incident: Incident
  at: number
}

/** Of the newest cases, and of those whose clock runs out first: what a screen reads at its start. */
const newest = 100
export const neediest = 300
/** Cases held at most, and drawn on the map. */
const kept = 1_500
/** Colours of deadlines change by themselves. */
const recolourEvery = 15_000
/** More people than this cannot be told apart on one screen; from this zoom on they can again. */
const legible = 2_500
const oneByOneFrom = 15.2
const overviewEvery = 10_000
const gridsEvery = 20_000
const toastFor = 12_000
const socketUrl = (): string => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`

export class Wall {
  readonly phase = new Store<Phase>('opening')
  readonly session = new Store<Session | null>(null)
  readonly sources = new Store<MapSources | null>(null)
  readonly overview = new Store<Overview | null>(null)
  readonly overviewFailed = new Store(false)
  readonly grids = new Store<Grid[]>([])
  /** All cases this screen knows; `incidents` are the newest of them. */
  readonly store: IncidentStore
  readonly incidents = new Store<Incident[]>([])
  readonly incidentsLoaded = new Store(false)
  readonly sos = new Store<Sos[]>([])
  readonly toasts = new Store<Toast[]>([])
  /** The newest deed on any case: what the foot of the list says. */
  readonly deed = new Store<{ incident: Incident; kind: string; deed: Deed; at: number } | null>(null)
  readonly selected = new Store<Target | null>(null)
  readonly reporting = new Store<'off' | 'placing' | [number, number]>('off')
  /** The next click on the map asks what is around it. */
  readonly placing = new Store(false)
  readonly measure: Store<Measure>
  readonly hidden: Store<LayerName[]>
  readonly silenced: Store<Urgency[]>
  readonly base: Store<string | null>
  readonly clock = new Store(Date.now())
  readonly speaker = new Speaker()
  readonly socket: LiveSocket
  readonly desk: Desk
  readonly scene = new Store<Scene | null>(null)
  readonly camera: Camera | null
  #camera: Camera | null
  #timers: ReturnType<typeof setInterval>[] = []
  #soon: ReturnType<typeof setTimeout> | null = null
  #alarm: ReturnType<typeof setInterval> | null = null

  constructor() {
    const state = readUrl(location.search)
    this.camera = this.#camera = state.camera
    this.measure = new Store(state.measure)
    this.hidden = new Store(state.hidden)
    this.silenced = new Store(state.muted)
    this.base = new Store(state.base)
    this.selected.set(state.selected)
    this.socket = new LiveSocket({
      url: socketUrl(),
      view: { bbox: [-180, -85, 180, 85], zoom: 14, mode: 'auto' },
      listener: {
        welcome: () => this.scene.get()?.fleet.reconnected(),
        names: names => this.scene.get()?.fleet.names(names),
        frame: frame => this.scene.get()?.fleet.apply(frame),
        cells: cells => this.scene.get()?.fleet.cells(cells),
        mode: mode => this.scene.get()?.fleet.changeMode(mode),
        event: event => this.#heard(event),
        control: message => this.desk.driver.obey(message as unknown as ScreenControl),
        reset: () => void this.#reload(),
        signedOut: () => this.#left(),
        outdated: () => {
          this.phase.set('outdated')
          setTimeout(() => location.reload(), 3_000)
        },
      },
    })
    this.store = new IncidentStore({ limit: kept, now: () => this.socket.serverNow() })
    this.store.changed.subscribe(() => {
      this.incidents.set([...this.store.values()].sort(newestFirst).slice(0, 200))
      this.#showIncidents()
    })
    this.desk = new Desk(this)
    for (const store of [this.measure, this.hidden, this.silenced, this.base, this.selected])
      store.subscribe(() => this.#remember())
    this.clock.subscribe(() => this.#dropToasts())
    api.onSignedOut(() => this.#left())
  }

  may(power: Power): boolean {
    return this.session.get()?.powers.includes(power) ?? false
  }

  get kiosk(): boolean {
    return Boolean(this.session.get()?.principal.kiosk)
  }

  /** Looks for a session; shows the entry when there is none. Tries again while the server is away. */
  async open(): Promise<void> {
    this.phase.set('opening')
    for (let wait = 1_000; ; wait = Math.min(30_000, wait * 2)) {
      try {
        const session = await api.currentSession()
        if (!session) this.phase.set('entry')
        else await this.enter(session)
        return
      } catch {
        await new Promise(resolve => setTimeout(resolve, wait * (0.5 + Math.random() / 2)))
      }
    }
  }

  async enter(session: Session): Promise<void> {
    const sources = await api.get<MapSources>('/map-sources')
    this.sources.set({ ...sources, sources: sources.sources ?? [] })
    this.session.set(session)
    this.phase.set('wall')
    this.#timers.push(
      setInterval(() => this.clock.set(Date.now()), 1_000),
      setInterval(() => void this.#figures(), overviewEvery),
      setInterval(() => void this.#loadGrids(), gridsEvery),
      setInterval(() => this.#showIncidents(), recolourEvery),
    )
    this.desk.begin()
    await this.#reload()
  }

  /** The map stands (or never will: null): now news may come in. */
  begin(scene: Scene | null): void {
    this.scene.set(scene)
    this.#showAll()
    this.socket.start()
  }

  /** No map on this device: people come over HTTP. */
  tables(): void {
    this.socket.start()
  }

  select(target: Target | null): void {
    this.selected.set(target)
    this.scene.get()?.select(target)
  }

  filter(urgency: Urgency): void {
    const off = this.silenced.get()
    this.silenced.set(off.includes(urgency) ? off.filter(u => u !== urgency) : [...off, urgency])
    this.#showIncidents()
  }

  isLayer(name: string): name is LayerName {
    return (layerNames as readonly string[]).includes(name)
  }

  toggle(layer: LayerName): void {
    const off = this.hidden.get()
    const on = off.includes(layer)
    this.hidden.set(on ? off.filter(name => name !== layer) : [...off, layer])
    this.scene.get()?.showLayer(layer, on)
  }

  choose(measure: Measure): void {
    this.measure.set(measure)
    this.scene.get()?.showMeasure(measure)
  }

  async chooseBase(id: string): Promise<void> {
    const sources = this.sources.get()
    const source = sources?.sources.find(s => s.id === id)
    if (!sources || !source) return
    this.base.set(id === sources.default ? null : id)
    await this.scene.get()?.showBase(source, sources.sources)
  }

  /** Tells the server what is looked at: people one by one, or counted where they would be a carpet. */
  look(bbox: [number, number, number, number], zoom: number): void {
    const crowd = this.overview.get()?.workers.on_duty ?? 0
    this.socket.look({ bbox, zoom, mode: crowd > legible && zoom < oneByOneFrom ? 'bins' : 'auto' })
  }

  cameraMoved(camera: Camera | null): void {
    this.#camera = camera
    this.#remember()
  }

  refit(): void {
    this.scene.get()?.refit()
    this.cameraMoved(null)
  }

  async acknowledge(): Promise<void> {
    const open = this.sos.get().find(s => s.state === 'open')
    if (!open || !this.may('answer_sos')) return
    await api.post(`/sos/${open.id}/ack`)
    await this.#loadSos()
  }

  /** The call is answered and over. */
  async closeSos(id: string, note: string): Promise<void> {
    await api.post(`/sos/${id}/close`, { note })
    await this.#loadSos()
  }

  /** A case of our own is on the screen at once; the event that follows changes nothing. */
  reported(incident: Incident): void {
    this.store.put(incident)
    this.select({ kind: 'incident', id: incident.id })
  }

  dismiss(incident: Incident): void {
    this.toasts.set(this.toasts.get().filter(toast => toast.incident.id !== incident.id))
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.socket.stop()
    this.desk.stop()
    if (this.#alarm) clearInterval(this.#alarm)
    this.#alarm = null
  }

  #left(): void {
    if (this.phase.get() !== 'wall') return
    this.stop()
    // A clean page: nothing of the last viewer's scope may stay behind the sign-in.
    location.reload()
  }

  async #reload(): Promise<void> {
    await Promise.all([this.desk.reload(), this.#figures(), this.#loadGrids(), this.#loadIncidents(), this.#loadSos()])
  }

  async #figures(): Promise<void> {
    try {
      const before = this.overview.get()?.workers.on_duty ?? 0
      const overview = await api.get<Overview>('/overview')
      this.overview.set(overview)
      if (before > legible !== overview.workers.on_duty > legible) this.scene.get()?.look()
      this.overviewFailed.set(false)
    } catch {
      this.overviewFailed.set(true)
    }
  }

  async #loadGrids(): Promise<void> {
    try {
      const { grids } = await api.get<{ grids: Grid[] }>('/grids')
      this.grids.set(grids)
      this.scene.get()?.showGrids(grids)
    } catch {
      // the last ones stay; the link state says how old the screen is
    }
  }

  async #loadIncidents(): Promise<void> {
    const since = this.socket.serverNow()
    try {
      const [latest, due] = await Promise.all([
        api.get<{ incidents: Incident[] }>('/incidents', { limit: newest, sort: 'newest' }),
        api
          .get<{ incidents: Incident[] }>('/incidents', { limit: neediest, sort: 'due', queue: 'open' })
          .catch(() => ({ incidents: [] })), // a viewer without queues has the newest
      ])
      this.store.replace([...due.incidents, ...latest.incidents], since)
      this.incidentsLoaded.set(true)
    } catch {
      // a reset or the next reconnect reads them again
    }
  }

  async #loadSos(): Promise<void> {
    try {
      const { sos } = await api.get<{ sos: Sos[] }>('/sos')
      this.#setSos(sos.filter(s => s.state !== 'closed'))
    } catch {
      // events keep coming over the socket
    }
  }

  #heard(event: LiveEvent): void {
    this.desk.heard(event)
    if (event.kind.startsWith('incident.')) {
      this.#heardIncident(event)
      return
    }
    switch (event.kind) {
      case 'sos.opened':
      case 'sos.acked':
      case 'sos.closed': {
        const sos = event.body as Sos
        const others = this.sos.get().filter(s => s.id !== sos.id)
        this.#setSos(
          event.kind === 'sos.closed'
            ? others
            : [...others, { ...sos, state: event.kind === 'sos.opened' ? 'open' : 'acked' }],
        )
        this.#refreshSoon()
        break
      }
      case 'duty.started':
      case 'duty.ended':
        this.#refreshSoon()
        break
      case 'territory.changed':
        this.scene
          .get()
          ?.refreshTerritory(String((event.body as { epoch?: string | number } | null)?.epoch ?? event.seq))
        void this.#loadGrids()
        break
      default: // later versions say more
    }
  }

  #heardIncident(event: LiveEvent): void {
    const { deed, ...incident } = (event.body ?? {}) as IncidentBody
    if (!incident.id) return // masked to nothing: not for this screen
    const known = this.store.get(incident.id) !== undefined
    const news = this.store.put(incident)
    if (event.kind === 'incident.reported' && !known) this.#announce(incident)
    // a deadline that passes is heard as well as seen
    if (event.kind === 'incident.overdue' && news && !isOver(incident.state) && !incident.drill)
      this.speaker.play(incident.urgency === 'critical' ? 'critical' : 'urgent')
    if (event.kind === 'incident.returned' || event.kind === 'incident.refused') this.speaker.play('normal')
    if (deed) this.deed.set({ incident, kind: event.kind, deed, at: Date.now() })
    this.#refreshSoon()
  }

  #announce(incident: Incident): void {
    const scene = this.scene.get()
    if (incident.point) scene?.incidents.ripple(incident.point, incident.urgency)
    if (this.silenced.get().includes(incident.urgency)) return
    this.toasts.set([{ incident, at: Date.now() }, ...this.toasts.get()].slice(0, 20))
    if (incident.urgency !== 'notice')
      this.speaker.play(
        incident.urgency === 'critical' ? 'critical' : incident.urgency === 'urgent' ? 'urgent' : 'normal',
      )
  }

  #setSos(list: Sos[]): void {
    const open = list.filter(s => s.state === 'open').sort((a, b) => (a.at < b.at ? -1 : 1))
    this.sos.set([...open, ...list.filter(s => s.state !== 'open')])
    const scene = this.scene.get()
    if (scene) {
      scene.showSos(this.sos.get())
      const first = open[0]
      // the camera is moved only while nobody holds it
      if (first?.point && !scene.held.get()) scene.glance(first.point)
    }
    const call = this.sos.get()[0]
    if (!call) this.desk.alarms.sos.set(null)
    else if (this.desk.alarms.sos.get()?.id !== call.id) void this.desk.alarms.openSos(call.id)
    this.alarmed()
  }

  /** Rings while a call for help or an alarm waits for somebody, and not a moment longer. */
  alarmed(): void {
    const help = this.sos.get().some(s => s.state === 'open')
    const alarm = this.desk.alarms.roll.list.get().some(a => a.state === 'new' && alarming(a))
    if ((help || alarm) && !this.#alarm) {
      const ring = (): void => this.speaker.play(this.sos.get().some(s => s.state === 'open') ? 'sos' : 'critical')
      ring()
      this.#alarm = setInterval(ring, 4_000)
    } else if (!help && !alarm && this.#alarm) {
      clearInterval(this.#alarm)
      this.#alarm = null
    }
  }

  #refreshSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null
      void this.#figures()
      void this.#loadGrids()
    }, 1_500)
  }

  #showAll(): void {
    const scene = this.scene.get()
    const sources = this.sources.get()
    if (!scene || !sources) return
    const id = this.base.get() ?? sources.default
    const source = sources.sources.find(s => s.id === id) ?? sources.sources[0]
    if (source) void scene.showBase(source, sources.sources)
    scene.showMeasure(this.measure.get())
    scene.showGrids(this.grids.get())
    for (const name of this.hidden.get()) scene.showLayer(name, false)
    this.#showIncidents()
    scene.select(this.selected.get())
    scene.showSos(this.sos.get())
    this.desk.redraw()
  }

  /** On the map: what is open, and what was closed today as long as it is among the newest. */
  #showIncidents(): void {
    const scene = this.scene.get()
    if (!scene) return
    const off = this.silenced.get()
    const now = this.socket.serverNow()
    const shown: { incident: Incident; sla: SlaColour }[] = []
    for (const incident of this.store.values())
      if (!off.includes(incident.urgency) && !isOver(incident.state))
        shown.push({ incident, sla: slaOf(incident, now).colour })
    scene.showIncidents(shown)
  }

  #dropToasts(): void {
    const now = Date.now()
    const toasts = this.toasts.get()
    if (toasts.some(toast => now - toast.at > toastFor))
      this.toasts.set(toasts.filter(toast => now - toast.at <= toastFor))
  }

  #remember(): void {
    const state: UrlState = {
      camera: this.#camera,
      measure: this.measure.get(),
      hidden: this.hidden.get(),
      muted: this.silenced.get(),
      base: this.base.get(),
      selected: this.selected.get(),
    }
    history.replaceState(null, '', location.pathname + writeUrl(location.search, state) + location.hash)
  }
}

const newestFirst = (a: Incident, b: Incident): number =>
  a.reported_at < b.reported_at ? 1 : a.reported_at > b.reported_at ? -1 : rank(a.urgency) - rank(b.urgency)
