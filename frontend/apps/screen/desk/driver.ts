// A console drives this wall: done at once, and said who did it.
import type { ScreenControl } from '@core/api/dispatch'
import type { LonLat } from '@core/api/types'
import { Store } from '@core/live/store'
import { t } from '../texts'
import type { Wall } from '../wall'

export interface Driven {
  by: string
  what: string
  at: number
  popup?: { title: string; text: string }
}

const shownFor = 12_000

const isPoint = (value: unknown): value is LonLat =>
  Array.isArray(value) && value.length === 2 && value.every(n => typeof n === 'number' && Number.isFinite(n))

export class Driver {
  readonly driven = new Store<Driven | null>(null)
  readonly #wall: Wall
  #drove = 0

  constructor(wall: Wall) {
    this.#wall = wall
  }

  /** This page is about to drive the walls: it will be told as well, and knows already. */
  driving(): void {
    this.#drove = Date.now()
  }

  obey(control: ScreenControl): void {
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
        this.#wall.desk.area.close()
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

  forget(): void {
    const driven = this.driven.get()
    if (driven && Date.now() - driven.at > (driven.popup ? 3 : 1) * shownFor) this.driven.set(null)
  }
}
