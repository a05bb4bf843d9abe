// 指令: sent to people and departments, and answered by whoever sits here.
import * as api from '@core/api/client'
import type { Command, NewCommand } from '@core/api/dispatch'
import { Roll } from '@core/live/roll'
import { t } from '../texts'
import type { Wall } from '../wall'
import type { Desk } from './desk'

export class Commands {
  /** For whoever sits here, waiting for an answer. */
  readonly waiting = new Roll<Command>(20)
  readonly #wall: Wall
  readonly #desk: Desk

  constructor(wall: Wall, desk: Desk) {
    this.#wall = wall
    this.#desk = desk
  }

  /** 指令 to people and departments. Null: sent. */
  async send(command: NewCommand): Promise<string | null> {
    try {
      await api.post<Command>('/commands', command)
      this.#desk.say(t('command.sent'))
      return null
    } catch (error) {
      return api.faultsOf(error)
    }
  }

  async load(news = false): Promise<void> {
    if (this.#wall.kiosk) return
    const at = this.#desk.seq
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
      const before = this.waiting.list.get()
      this.waiting.replace(open, at)
      if (news && open.some(c => !before.some(b => b.id === c.id))) this.#wall.speaker.play('normal')
    } catch {
      // an older server
    }
  }

  async acknowledge(command: Command): Promise<void> {
    await api.post(`/commands/${command.id}/ack`, { text: '' })
    this.waiting.remove(command.id)
  }
}
