// Who is told to act: one lead, any number of assistants and informed ones.
import type { Assignee } from '@core/api/loop'

export type Mode = 'lead' | 'assist' | 'inform'

export interface Pick {
  /** "o12" an organisation, "w7" a worker of it. */
  key: string
  name: string
  assignee: Assignee
}

export const orgKey = (org: number): string => `o${org}`
export const workerKey = (worker: number): string => `w${worker}`

export class Choice {
  readonly modes: ReadonlyMap<string, Mode>
  readonly picks: ReadonlyMap<string, Pick>

  constructor(modes: ReadonlyMap<string, Mode> = new Map(), picks: ReadonlyMap<string, Pick> = new Map()) {
    this.modes = modes
    this.picks = picks
  }

  /** Chosen once more in the same mode: taken back. A new lead makes the old one an assistant no more than nothing: it is let go. */
  toggle(pick: Pick, mode: Mode): Choice {
    const modes = new Map(this.modes)
    const picks = new Map(this.picks)
    if (modes.get(pick.key) === mode) {
      modes.delete(pick.key)
      picks.delete(pick.key)
      return new Choice(modes, picks)
    }
    if (mode === 'lead')
      for (const [key, old] of modes)
        if (old === 'lead') {
          modes.delete(key)
          picks.delete(key)
        }
    modes.set(pick.key, mode)
    picks.set(pick.key, pick)
    return new Choice(modes, picks)
  }

  of(mode: Mode): Pick[] {
    return [...this.picks.values()].filter(pick => this.modes.get(pick.key) === mode)
  }

  get lead(): Pick | undefined {
    return this.of('lead')[0]
  }

  /** As the API takes it. */
  body(): { lead?: Assignee; assist?: Assignee[]; inform?: Assignee[] } {
    const list = (mode: Mode) => this.of(mode).map(pick => pick.assignee)
    const [assist, inform] = [list('assist'), list('inform')]
    return {
      ...(this.lead && { lead: this.lead.assignee }),
      ...(assist.length && { assist }),
      ...(inform.length && { inform }),
    }
  }
}
