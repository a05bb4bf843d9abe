// What takes the screen: calls for help and alarm devices.
import * as api from '@core/api/client'
import type { Incident } from '@core/api/types'
import type { Alarm, AlarmAction, SosDetail } from '@core/api/watch'
import { filled } from '@core/incident/forms'
import { Roll } from '@core/live/roll'
import { Store } from '@core/live/store'
import type { Wall } from '../wall'
import type { Desk } from './desk'

/** Alarms that ask for somebody. */
export const alarming = (alarm: Alarm): boolean =>
  ['new', 'acked', 'verifying'].includes(alarm.state) &&
  alarm.class !== 'offline' &&
  !alarm.quiet &&
  !['notice', 'normal'].includes(String(alarm.level))

export class Alarms {
  readonly roll = new Roll<Alarm>(50)
  /** The alarm that is shown, with who and what is near it. */
  readonly shown = new Store<Alarm | null>(null)
  readonly sos = new Store<SosDetail | null>(null)
  readonly #wall: Wall
  readonly #desk: Desk

  constructor(wall: Wall, desk: Desk) {
    this.#wall = wall
    this.#desk = desk
  }

  heard(alarm: Alarm, seq: number): void {
    const known = this.roll.list.get().some(a => a.id === alarm.id)
    if (this.roll.put(alarm, seq) && !known && alarming(alarm)) this.#wall.speaker.play('critical')
    if (this.shown.get()?.id === alarm.id) void this.open(alarm.id)
    this.#wall.alarmed()
  }

  heardSos(id: string, over: boolean): void {
    if (this.sos.get()?.id !== id) return
    if (over) this.sos.set(null)
    else void this.openSos(id)
  }

  async openSos(id: string): Promise<void> {
    try {
      const detail = await api.get<SosDetail>(`/sos/${id}`)
      this.sos.set({ ...detail, nearest: detail.nearest ?? [], cameras: detail.cameras ?? [] })
    } catch {
      // the banner has what the event said
    }
  }

  async open(id: string | null): Promise<void> {
    if (!id) {
      this.shown.set(null)
      return
    }
    try {
      const detail = await api.get<Alarm>(`/alarms/${id}`)
      this.shown.set({ ...detail, nearest: detail.nearest ?? [], cameras: detail.cameras ?? [] })
    } catch {
      // the list has what the event said
    }
  }

  async load(): Promise<void> {
    const at = this.#desk.seq
    try {
      const { alarms } = await api.get<{ alarms: Alarm[] }>('/alarms', { state: 'open' })
      this.roll.replace(alarms ?? [], at)
      this.#wall.alarmed()
    } catch {
      // an older server, or a viewer without the alarm desk
    }
  }

  async answer(alarm: Alarm, action: AlarmAction, note = ''): Promise<string | null> {
    try {
      const answer = await api.post<Alarm | Incident>(`/alarms/${alarm.id}/${action}`, filled({ note }))
      const incident = action === 'incident' ? ((answer as Alarm).incident ?? (answer as Incident).id) : null
      await Promise.all([this.load(), this.shown.get()?.id === alarm.id ? this.open(alarm.id) : null])
      if (incident) this.#wall.select({ kind: 'incident', id: incident })
      return null
    } catch (error) {
      return api.sentenceOf(error)
    }
  }
}
