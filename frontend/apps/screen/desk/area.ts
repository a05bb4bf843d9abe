// 周边资源 and 区域查询: who and what is inside a shape on the map.
import * as api from '@core/api/client'
import type { Area, Shape } from '@core/api/dispatch'
import type { LonLat } from '@core/api/types'
import { circle } from '@core/geo/mercator'
import { Store } from '@core/live/store'
import type { MultiPolygon, Polygon } from 'geojson'
import { t } from '../texts'
import type { Wall } from '../wall'

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

export const radii = [500, 1_000, 1_500, 3_000] as const

export class AreaSearch {
  readonly found = new Store<Surroundings | null>(null)
  readonly #wall: Wall

  constructor(wall: Wall) {
    this.#wall = wall
  }

  async draw(tool: 'box' | 'circle' | 'polygon'): Promise<void> {
    const scene = this.#wall.scene.get()
    if (!scene) return
    if (scene.drawing.get() === tool) {
      scene.stopDrawing()
      return
    }
    this.found.set(null)
    const shape = await scene.draw(tool)
    if (shape) await this.ask({ shape, centre: null, radius: null, title: t(`inside.${tool}`) })
  }

  /** 周边资源: who and what is within so many metres. */
  async nearby(centre: LonLat, radius: number, title: string): Promise<void> {
    await this.ask({ shape: { circle: { center: centre, radius_m: radius } }, centre, radius, title })
  }

  async ask(what: Pick<Surroundings, 'shape' | 'centre' | 'radius' | 'title'>): Promise<void> {
    const asked: Surroundings = { ...what, area: null, loading: true, trouble: '' }
    this.found.set(asked)
    try {
      const area =
        what.centre && what.radius
          ? await api.get<Area>('/nearby', { lon: what.centre[0], lat: what.centre[1], radius_m: what.radius })
          : await api.post<Area>('/area', { shape: what.shape })
      if (this.found.get() !== asked) return
      this.found.set({
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
      if (this.found.get() === asked)
        this.found.set({
          ...asked,
          loading: false,
          trouble: api.sentenceOf(error),
        })
    }
  }

  close(): void {
    this.#wall.scene.get()?.stopDrawing()
    this.found.set(null)
  }
}

export function outline(shape: Shape): Polygon | MultiPolygon {
  if ('circle' in shape)
    return { type: 'Polygon', coordinates: [circle(shape.circle.center, shape.circle.radius_m, 72)] }
  return shape
}
