// Playback and exports of tracks, as the API answers. Somebody else's track is
// asked for with a purpose, and the asking is on record before anything is read.
import type { EventKind } from '../trail/events'
import { inParts } from '../trail/parts'
import type { Feed, Opening, Told } from '../trail/playback'
import { ApiError, bytes, get, post, stream } from './client'
import type { LonLat } from './types'

export interface PlaybackAsk {
  workers?: number[]
  org?: number
  grid?: number
  day: string
  purpose: string
}

export interface PlaybackOpened {
  id: string
  from: string
  to: string
  archived: boolean
  workers: {
    worker: number
    name: string
    org_name: string
    role: string
    first_at: string | null
    last_at: string | null
  }[]
}

interface EventTold {
  at: string
  until?: string | null
  kind: EventKind
  worker?: number | null
  title: string
  point?: LonLat | null
  ref?: string | null
}

export const openPlayback = (ask: PlaybackAsk): Promise<PlaybackOpened> => post<PlaybackOpened>('/playbacks', ask)

export function openingOf(opened: PlaybackOpened): Opening {
  const instant = (at: string | null): number | null => (at ? Date.parse(at) : null)
  return {
    from: Date.parse(opened.from),
    to: Date.parse(opened.to),
    archived: opened.archived,
    people: opened.workers.map(one => ({
      worker: one.worker,
      name: one.name,
      org: one.org_name,
      role: one.role,
      first: instant(one.first_at),
      last: instant(one.last_at),
    })),
  }
}

/** `over`: the playback has expired, and nothing more can be read by it. */
export function feedOf(id: string, over: () => void): Feed {
  const path = `/playbacks/${id}`
  const between = async (what: string, from: number, to: number, signal: AbortSignal): Promise<ArrayBuffer> => {
    try {
      return await bytes(
        `${path}/${what}`,
        { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        signal,
      )
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'missing') over()
      throw error
    }
  }
  return {
    overview: async (signal, take) => inParts(await stream(`${path}/overview`, signal), take),
    piece: (from, to, signal) => between('overview', from, to, signal),
    chunks: (from, to, signal) => between('chunks', from, to, signal),
    events: async (of, signal) => {
      const { events } = await get<{ events: EventTold[] | null }>(`${path}/events`, { of }, signal)
      return (events ?? []).map(
        (one): Told => ({
          at: Date.parse(one.at),
          until: one.until ? Date.parse(one.until) : undefined,
          kind: one.kind,
          worker: one.worker ?? undefined,
          title: one.title,
          point: one.point ?? undefined,
          ref: one.ref ?? undefined,
        }),
      )
    },
  }
}

export const exportFormats = ['gpx', 'geojson', 'csv', 'xlsx'] as const
export type ExportFormat = (typeof exportFormats)[number]
export const exportSystems = ['EPSG:4326', 'EPSG:4490', 'GCJ-02', 'BD-09'] as const
export type ExportSystem = (typeof exportSystems)[number]
/** GPX is WGS-84 by its own standard. */
export const systemsOf = (format: string): readonly ExportSystem[] =>
  format === 'gpx' ? exportSystems.slice(0, 2) : exportSystems
export const exportPeople = 100
export type ExportState = 'waiting' | 'approved' | 'refused' | 'ready' | 'expired'

export interface TrackExport {
  id: string
  account: number
  /** Who asked. */
  actor: string
  state: ExportState
  workers: number[]
  worker_names: string[]
  from: string
  to: string
  format: ExportFormat
  crs: ExportSystem
  purpose: string
  asked_at: string
  decided_at?: string | null
  decided_by?: string
  reason?: string
  expires_at: string
  /** How often the file was fetched. */
  taken: number
}
