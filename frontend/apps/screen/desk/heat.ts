// 热力回放: where cases were reported, bucket after bucket.
import * as api from '@core/api/client'
import type { Heat } from '@core/api/dispatch'
import { Store } from '@core/live/store'
import type { Wall } from '../wall'

export interface Heating {
  heat: Heat | null
  days: number
  at: number
  playing: boolean
  speed: number
  loading: boolean
  trouble: string
}

/** A slider moves at least so often per bucket, ms. */
const step = 900

export class HeatPlay {
  readonly shown = new Store<Heating | null>(null)
  readonly #wall: Wall
  #timer: ReturnType<typeof setInterval> | null = null

  constructor(wall: Wall) {
    this.#wall = wall
    this.shown.subscribe(() => this.draw())
  }

  async open(days = 7): Promise<void> {
    const heating: Heating = { heat: null, days, at: 0, playing: false, speed: 1, loading: true, trouble: '' }
    this.shown.set(heating)
    const to = new Date(this.#wall.socket.serverNow())
    const from = new Date(to.getTime() - days * 86_400_000)
    try {
      const heat = await api.get<Heat>('/heat', {
        from: from.toISOString(),
        to: to.toISOString(),
        step: days <= 1 ? '1h' : days <= 7 ? '6h' : '24h',
      })
      if (this.shown.get() !== heating) return
      const buckets = heat.buckets ?? []
      this.shown.set({ ...heating, heat: { ...heat, buckets }, at: Math.max(0, buckets.length - 1), loading: false })
    } catch (error) {
      if (this.shown.get() === heating)
        this.shown.set({
          ...heating,
          loading: false,
          trouble: api.sentenceOf(error),
        })
    }
  }

  close(): void {
    this.stop()
    this.shown.set(null)
  }

  to(at: number): void {
    const heating = this.shown.get()
    const last = (heating?.heat?.buckets.length ?? 1) - 1
    if (heating) this.shown.set({ ...heating, at: Math.max(0, Math.min(last, at)) })
  }

  play(): void {
    const heating = this.shown.get()
    if (!heating?.heat) return
    this.stop()
    const playing = !heating.playing
    this.shown.set({ ...heating, playing })
    if (playing) this.#timer = setInterval(() => this.#tick(), step / heating.speed)
  }

  speed(by: number): void {
    const heating = this.shown.get()
    if (!heating) return
    this.stop()
    const speed = Math.max(0.5, Math.min(8, heating.speed * by))
    this.shown.set({ ...heating, speed })
    if (heating.playing) this.#timer = setInterval(() => this.#tick(), step / speed)
  }

  #tick(): void {
    const heating = this.shown.get()
    const length = heating?.heat?.buckets.length ?? 0
    if (heating && length > 0) this.shown.set({ ...heating, at: (heating.at + 1) % length })
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  draw(): void {
    const layer = this.#wall.scene.get()?.heat
    if (!layer) return
    const heating = this.shown.get()
    layer.visible(Boolean(heating?.heat))
    const buckets = heating?.heat?.buckets ?? []
    const most = Math.max(1, ...buckets.flatMap(b => b.cells.map(c => c.weight)))
    layer.show(buckets[heating?.at ?? 0]?.cells ?? [], most)
  }
}
