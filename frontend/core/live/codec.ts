// The binary position frame of docs/protocol.md 2.2, read in place: no object
// is made per record. Go writes the golden frames that the tests read.

export const MAGIC = 0x31505747 // "GWP1"
const headerBytes = 24

export enum Kind {
  Points = 1,
  Bins = 2,
}

export const presences = ['offline', 'stale', 'idle', 'online', 'sos'] as const

/** What the wire says when a figure is not known. */
const unknown16 = 65535

export interface Frame {
  kind: number
  /** Forget all that was before. */
  snapshot: boolean
  count: number
  seq: number
  /** The server's clock when the frame was made, Unix ms. */
  base: number
  stride: number
  view: DataView
}

export class FrameError extends Error {}

/** Reads the header and checks that the records it promises are there. */
export function open(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < headerBytes) throw new FrameError(`frame of ${buffer.byteLength} bytes`)
  const view = new DataView(buffer)
  if (view.getUint32(0, true) !== MAGIC) throw new FrameError('not a GWP1 frame')
  const stride = view.getUint16(4, true)
  const count = view.getUint32(8, true)
  if (stride < 24) throw new FrameError(`stride ${stride}`)
  if (buffer.byteLength - headerBytes < count * stride)
    throw new FrameError(`${count} records in ${buffer.byteLength} bytes`)
  return {
    kind: view.getUint8(6),
    snapshot: (view.getUint8(7) & 1) !== 0,
    count,
    seq: view.getUint32(12, true),
    base: Number(view.getBigInt64(16, true)),
    stride,
    view,
  }
}

/** One point record, reused for every call of eachPoint: copy what you keep. */
export interface Point {
  handle: number
  lon: number
  lat: number
  /** Age of the fix at the frame's base time, ms. */
  age: number
  /** m/s, NaN = unknown */
  speed: number
  /** degrees, NaN = unknown */
  course: number
  /** metres, NaN = unknown */
  accuracy: number
  presence: number
  left: boolean
  vehicle: boolean
  inaccurate: boolean
}

const shared: Point = {
  handle: 0,
  lon: 0,
  lat: 0,
  age: 0,
  speed: NaN,
  course: NaN,
  accuracy: NaN,
  presence: 0,
  left: false,
  vehicle: false,
  inaccurate: false,
}

const orNaN = (raw: number, scale: number): number => (raw === unknown16 ? NaN : raw * scale)

export function eachPoint(frame: Frame, visit: (point: Point) => void): void {
  const v = frame.view
  for (let i = 0, o = headerBytes; i < frame.count; i++, o += frame.stride) {
    const flags = v.getUint8(o + 21)
    shared.handle = v.getUint32(o, true)
    shared.lon = v.getInt32(o + 4, true) / 1e7
    shared.lat = v.getInt32(o + 8, true) / 1e7
    shared.age = v.getUint32(o + 12, true)
    shared.speed = orNaN(v.getUint16(o + 16, true), 0.01)
    shared.course = orNaN(v.getUint16(o + 18, true), 0.01)
    shared.presence = v.getUint8(o + 20)
    shared.left = (flags & 1) !== 0
    shared.vehicle = (flags & 2) !== 0
    shared.inaccurate = (flags & 4) !== 0
    shared.accuracy = orNaN(v.getUint16(o + 22, true), 0.1)
    visit(shared)
  }
}

export interface Bin {
  /** H3 cell as hex text, as `cells` messages write it. */
  cell: string
  workers: number
  /** Of them online or idle. */
  active: number
  stale: number
  sos: number
}

export function bins(frame: Frame): Bin[] {
  const v = frame.view
  const out: Bin[] = []
  for (let i = 0, o = headerBytes; i < frame.count; i++, o += frame.stride) {
    out.push({
      cell: v.getBigUint64(o, true).toString(16),
      workers: v.getUint32(o + 8, true),
      active: v.getUint32(o + 12, true),
      stale: v.getUint16(o + 16, true),
      sos: v.getUint16(o + 18, true),
    })
  }
  return out
}
