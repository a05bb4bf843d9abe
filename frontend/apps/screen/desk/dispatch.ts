// 派遣: who is asked to go, with the ranking that was shown, and the order that is sent.
import * as api from '@core/api/client'
import type { Ranking } from '@core/api/dispatch'
import type { ActionBody, Assignee, Order } from '@core/api/loop'
import type { Incident, LonLat } from '@core/api/types'
import { filled } from '@core/incident/forms'
import { Store } from '@core/live/store'
import { t } from '../texts'
import type { Wall } from '../wall'
import type { Desk } from './desk'

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

export const same = (a: Assignee, b: Assignee): boolean =>
  a.worker || b.worker ? a.worker === b.worker : a.org === b.org

export class Dispatch {
  readonly draft = new Store<Dispatching | null>(null)
  readonly #wall: Wall
  readonly #desk: Desk
  #rankSoon: ReturnType<typeof setTimeout> | null = null

  constructor(wall: Wall, desk: Desk) {
    this.#wall = wall
    this.#desk = desk
    this.draft.subscribe(() => this.drawLinks())
  }

  open(mode: DispatchMode = 'dispatch', order: Order | null = null): void {
    const detail = this.#desk.detail.get()
    if (!detail) return
    this.draft.set({
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

  close(): void {
    this.draft.set(null)
  }

  async #rank(): Promise<void> {
    const open = this.draft.get()
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
    const open = this.draft.get()
    if (!open) return
    this.draft.set({ ...open, radius, loading: true })
    void this.#rank()
  }

  /** Something has changed: the ranking that is shown is asked for again, soon. */
  rankSoon(): void {
    const open = this.draft.get()
    if (!open || open.sending) return
    this.#rankSoon ??= setTimeout(() => {
      this.#rankSoon = null
      if (this.draft.get() && !this.draft.get()?.sending) void this.#rank()
    }, 4_000)
  }

  #edit(incident: string, change: (now: Dispatching) => Partial<Dispatching>): void {
    const open = this.draft.get()
    if (open?.incident === incident) this.draft.set({ ...open, ...change(open) })
  }

  write(requirement: string): void {
    const open = this.draft.get()
    if (open) this.draft.set({ ...open, requirement })
  }

  /** 主办: one; choosing again takes it back. */
  lead(who: Assignee): void {
    const open = this.draft.get()
    if (open?.mode === 'add_assist') this.assist(who)
    if (!open || open.mode === 'add_assist') return
    const off = open.lead && same(open.lead, who)
    this.draft.set({ ...open, lead: off ? null : who, assist: open.assist.filter(a => !same(a, who)) })
  }

  /** 协办: any number. */
  assist(who: Assignee): void {
    const open = this.draft.get()
    if (!open || open.mode === 'reassign') return
    const off = open.assist.some(a => same(a, who))
    this.draft.set({
      ...open,
      lead: open.lead && same(open.lead, who) ? null : open.lead,
      assist: off ? open.assist.filter(a => !same(a, who)) : [...open.assist, who],
    })
  }

  /** Sends the order; `only` dispatches to one at once. */
  async send(only?: Assignee): Promise<void> {
    const open = this.draft.get()
    if (!open || open.sending) return
    const lead = only ?? open.lead
    const ready = open.mode === 'add_assist' ? open.assist.length > 0 || only : lead
    if (!ready) {
      this.draft.set({ ...open, trouble: t('dispatch.choose') })
      return
    }
    this.draft.set({ ...open, sending: true, trouble: '' })
    const body: ActionBody = {
      lead: open.mode === 'add_assist' ? undefined : (lead ?? undefined),
      assist: open.mode === 'add_assist' && only ? [only] : only ? undefined : open.assist,
      requirement: open.requirement.trim(),
      ranking: open.ranking?.id,
      reason: open.mode === 'reassign' ? open.requirement.trim() || t('dispatch.reassigned') : undefined,
    }
    const trouble =
      open.mode === 'reassign' && open.order
        ? await this.#desk.actOnOrder(open.order, 'reassign', body)
        : await this.#desk.act(open.mode, body)
    if (trouble === null) {
      this.close()
      this.#desk.say(t('dispatch.done'))
    } else this.#edit(open.incident, () => ({ sending: false, trouble }))
  }

  /** From everyone who could go to the case; those who move are drawn where they are. */
  drawLinks(): void {
    const scene = this.#wall.scene.get()
    if (!scene) return
    const open = this.draft.get()
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

  /** Gives a case of the area to the people chosen in it: the first leads. */
  async sendTo(incident: Incident, workers: number[], requirement: string): Promise<string | null> {
    const [lead, ...assist] = workers
    if (!lead) return t('dispatch.choose')
    try {
      const answer = await api.post<Incident>(
        `/incidents/${incident.id}/dispatch`,
        filled({ lead: { worker: lead }, assist: assist.map(worker => ({ worker })), requirement }),
        { headers: { 'If-Match': `"${incident.version}"` } },
      )
      this.#wall.store.put(answer)
      this.#desk.queues.soon()
      this.#desk.say(t('dispatch.done'))
      return null
    } catch (error) {
      return api.sentenceOf(error)
    }
  }
}
