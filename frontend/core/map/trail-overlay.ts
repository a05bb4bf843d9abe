// A playback on the map: up to 500 people and their trails, on a canvas of its
// own above the map, as the live people are (live-overlay.ts): the base map is
// not painted again for somebody's next step. The steps of a day lie on the card
// once, ordered by time; a frame uploads 16 bytes per person and draws ranges.
import type { Map as MapLibre } from 'maplibre-gl'
import { latOf, lonOf, mercatorX, mercatorY } from '../geo/mercator'
import { type Being, type Standing, slabMs, standing } from '../trail/lane'
import type { Playback } from '../trail/playback'
import { personColour, scales, stepOf, type Tint, tints, unknownColour } from '../trail/scale'
import { between, type Segments, segmentStride } from '../trail/segments'
import { link, rgb } from './gl'
import { OverlayCanvas } from './overlay-canvas'
import type { Light } from './palette'
import { lineFragment, lineVertex, personFragment, personVertex, ringFragment, ringVertex } from './trail-shaders'

const lanesWide = 1024
const personStride = 16
const ringStride = 20
const beingCode: Record<Being, number> = { unseen: 0, off: 0, lost: 1, staying: 2, moving: 3 }

const unknown = (light: Light): string[] => [unknownColour[light], unknownColour[light]]
const colours = (tint: 'speed' | 'accuracy', light: Light): Float32Array =>
  new Float32Array([...scales[tint].colours[light], ...unknown(light)].flatMap(rgb))

/** Towards the ground everything fades; edge is around a person, halo around the chosen one. */
const sheets: Record<Light, Record<'ground' | 'edge' | 'gap' | 'ring' | 'halo', string>> = {
  dark: { ground: '#0a1a30', edge: '#030913', gap: '#8a97a8', ring: '#c9dbeb', halo: '#f2faff' },
  light: { ground: '#e9eef4', edge: '#ffffff', gap: '#66758a', ring: '#475c73', halo: '#10243a' },
}

const names = [
  'u_matrix',
  'u_view',
  'u_now',
  'u_tail',
  'u_width',
  'u_size',
  'u_past',
  'u_pass',
  'u_tint',
  'u_speed',
  'u_accuracy',
  'u_lanes',
  'u_ground',
  'u_edge',
  'u_gap',
  'u_ring',
  'u_halo',
] as const

interface Pen {
  program: WebGLProgram
  at: Record<(typeof names)[number], WebGLUniformLocation | null>
  shape: WebGLVertexArrayObject
}

interface Sheet {
  segments: Segments
  buffer: WebGLBuffer
}

interface Gpu {
  gl: WebGL2RenderingContext
  lines: Pen
  rings: Pen
  people: Pen
  peopleBuffer: WebGLBuffer
  ringBuffer: WebGLBuffer
  ringCount: number
  lanes: WebGLTexture
  rough: Sheet[]
  fine: Map<number, Sheet>
}

function pen(gl: WebGL2RenderingContext, vertex: string, fragment: string): Pen {
  const program = link(gl, vertex, fragment)
  const at = Object.fromEntries(names.map(name => [name, gl.getUniformLocation(program, name)])) as Pen['at']
  return { program, at, shape: gl.createVertexArray() }
}

export class TrailOverlay {
  tint: Tint = 'person'
  /** How long a trail is shown, ms; 0 = all that was walked so far. */
  tail = 0
  /** Rings of stays that are over, for everybody. */
  pastStays = true
  /** Lanes that are not shown. */
  hidden: ReadonlySet<number> = new Set()
  chosen: number | null = null

  readonly #canvas: OverlayCanvas
  readonly #map: MapLibre
  readonly #light: Light
  readonly #speed: Float32Array
  readonly #accuracy: Float32Array
  #playback: Playback | null = null
  #peopleF32 = new Float32Array(0)
  #peopleU8 = new Uint8Array(0)
  #standings: Standing[] = []
  readonly #lanes = new Uint8Array(lanesWide * 4)
  #matrix: Float32Array = new Float32Array(16)
  #gpu: Gpu | null = null
  #version = -1
  #lanesSaid = ''
  #offset = 0
  /** How often it has drawn. */
  drawn = 0

  /** Made before anything is played: a context and its shaders take longer than a day's overview. */
  constructor(map: MapLibre, light: Light = 'dark') {
    this.#map = map
    this.#light = light
    this.#speed = colours('speed', light)
    this.#accuracy = colours('accuracy', light)
    this.#canvas = new OverlayCanvas(map, 'trail', {
      open: gl => this.#open(gl),
      lost: () => {
        this.#gpu = null
      },
      draw: () => this.#draw(),
    })
  }

  /** What is played from now on; null: nothing. */
  show(playback: Playback | null): void {
    this.#playback = playback
    const lanes = playback?.lanes ?? []
    const memory = new ArrayBuffer(Math.max(1, lanes.length) * personStride)
    this.#peopleF32 = new Float32Array(memory)
    this.#peopleU8 = new Uint8Array(memory)
    this.#standings = lanes.map(() => standing())
    this.#version = -1
    this.#lanesSaid = ''
    this.drawn = 0
    const gpu = this.#gpu
    if (!gpu) return
    this.#room(gpu)
    for (const sheet of [...gpu.rough, ...gpu.fine.values()]) gpu.gl.deleteBuffer(sheet.buffer)
    gpu.rough = []
    gpu.fine.clear()
    gpu.ringCount = 0
    this.#draw()
  }

  #room({ gl, peopleBuffer }: Gpu): void {
    gl.bindVertexArray(null)
    gl.bindBuffer(gl.ARRAY_BUFFER, peopleBuffer)
    gl.bufferData(gl.ARRAY_BUFFER, this.#peopleU8.byteLength, gl.DYNAMIC_DRAW)
  }

  /** Its longitude and latitude, or null while it is nowhere to be seen. */
  placeOf(lane: number): [number, number] | null {
    const one = this.#standings[lane]
    if (!one || !this.#playback || beingCode[one.being] === 0) return null
    const { x, y } = this.#playback.origin
    return [lonOf(one.x + x), latOf(one.y + y)]
  }

  /** The lane drawn at these CSS pixels, or null. */
  pick(px: number, py: number, reach: number): number | null {
    if (!this.#playback) return null
    const here = this.#map.unproject([px, py])
    const there = this.#map.unproject([px + reach, py])
    const { x, y } = this.#playback.origin
    const hx = mercatorX(here.lng) - x
    const hy = mercatorY(here.lat) - y
    let best = (mercatorX(there.lng) - x - hx) ** 2
    let found: number | null = null
    this.#standings.forEach((one, lane) => {
      if (beingCode[one.being] === 0 || this.hidden.has(lane)) return
      const d = (one.x - hx) ** 2 + (one.y - hy) ** 2
      if (d < best) {
        best = d
        found = lane
      }
    })
    return found
  }

  /** Draws the day as it was at this offset. */
  draw(offset: number): void {
    this.#offset = offset
    this.#draw()
  }

  remove(): void {
    this.#canvas.remove()
  }

  #open(gl: WebGL2RenderingContext): void {
    const gpu: Gpu = {
      gl,
      lines: pen(gl, lineVertex, lineFragment),
      rings: pen(gl, ringVertex, ringFragment),
      people: pen(gl, personVertex, personFragment),
      peopleBuffer: gl.createBuffer(),
      ringBuffer: gl.createBuffer(),
      ringCount: 0,
      lanes: gl.createTexture(),
      rough: [],
      fine: new Map(),
    }
    gl.bindTexture(gl.TEXTURE_2D, gpu.lanes)
    for (const [key, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ] as const)
      gl.texParameteri(gl.TEXTURE_2D, key, value)

    gl.bindVertexArray(gpu.people.shape)
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.peopleBuffer)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, personStride, 0)
    gl.enableVertexAttribArray(1)
    gl.vertexAttribIPointer(1, 4, gl.UNSIGNED_BYTE, personStride, 8)
    gl.enableVertexAttribArray(2)
    gl.vertexAttribIPointer(2, 4, gl.UNSIGNED_BYTE, personStride, 12)

    gl.bindVertexArray(gpu.rings.shape)
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.ringBuffer)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, ringStride, 0)
    gl.enableVertexAttribArray(1)
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, ringStride, 8)
    gl.enableVertexAttribArray(2)
    gl.vertexAttribIPointer(2, 4, gl.UNSIGNED_BYTE, ringStride, 16)

    gl.bindVertexArray(gpu.lines.shape)
    for (const i of [0, 1, 2]) {
      gl.enableVertexAttribArray(i)
      gl.vertexAttribDivisor(i, 1)
    }
    gl.bindVertexArray(null)
    this.#room(gpu)
    this.#gpu = gpu
    this.#version = -1
    this.#lanesSaid = ''
  }

  #size(): number {
    const z = this.#map.getZoom()
    const many = this.#standings.length > 60 ? 0.8 : 1
    return many * (z < 12 ? 12 : z < 14 ? 12 + (z - 12) * 5 : z < 17 ? 22 + (z - 14) * 4 : 34)
  }

  #draw(): void {
    const gpu = this.#gpu
    const playback = this.#playback
    const matrix = this.#canvas.begin(playback?.origin.x ?? 0, playback?.origin.y ?? 0)
    if (!gpu || !matrix || !playback) return
    this.#matrix = matrix
    this.#upload(gpu, playback)
    const { gl } = gpu
    const { ratio } = this.#canvas
    const size = this.#size() * ratio
    gl.activeTexture(gl.TEXTURE0)
    gl.bindTexture(gl.TEXTURE_2D, gpu.lanes)
    this.#lines(gpu, ratio)
    this.#rings(gpu, size)
    this.#persons(gpu, playback, size)
    gl.bindVertexArray(null)
    this.drawn++
  }

  #use(gpu: Gpu, which: Pen): void {
    const { gl } = gpu
    gl.useProgram(which.program)
    gl.uniformMatrix4fv(which.at.u_matrix, false, this.#matrix)
    gl.uniform1f(which.at.u_now, this.#offset / 1000)
    gl.uniform1i(which.at.u_tint, tints.indexOf(this.tint))
    gl.uniform3fv(which.at.u_speed, this.#speed)
    gl.uniform3fv(which.at.u_accuracy, this.#accuracy)
    const sheet = sheets[this.#light]
    for (const part of ['ground', 'edge', 'gap', 'ring', 'halo'] as const)
      gl.uniform3fv(which.at[`u_${part}`], rgb(sheet[part]))
    gl.uniform1i(which.at.u_lanes, 0)
    gl.bindVertexArray(which.shape)
  }

  #lines(gpu: Gpu, ratio: number): void {
    const { gl, lines } = gpu
    this.#use(gpu, lines)
    gl.uniform2f(lines.at.u_view, this.#canvas.element.width, this.#canvas.element.height)
    gl.uniform1f(lines.at.u_tail, this.tail / 1000)
    const many = this.#standings.length > 60
    gl.uniform1f(lines.at.u_width, (many ? 2.2 : 3.6) * ratio)
    for (const pass of this.chosen === null ? [0] : [0, 1]) {
      gl.uniform1i(lines.at.u_pass, pass)
      this.#walked(gpu)
    }
  }

  #walked(gpu: Gpu): void {
    const now = this.#offset
    const begin = this.tail > 0 ? now - this.tail : Number.NEGATIVE_INFINITY
    // hours of which every fix is here are drawn from these, the rest from the simplified day
    let from = begin
    for (const [slab, sheet] of [...gpu.fine].sort((a, b) => a[0] - b[0])) {
      const start = slab * slabMs
      const end = start + slabMs
      if (end <= begin || start >= now) continue
      if (start > from) this.#roughly(gpu, from, Math.min(start, now) - 1)
      this.#range(gpu, sheet, Math.max(begin, start - slabMs), now)
      from = end
    }
    if (now > from) this.#roughly(gpu, from, now)
  }

  #roughly(gpu: Gpu, from: number, to: number): void {
    for (const sheet of gpu.rough) this.#range(gpu, sheet, from, to)
  }

  #range({ gl }: Gpu, sheet: Sheet, from: number, to: number): void {
    const { first, count } = between(sheet.segments, from, to)
    if (count === 0) return
    gl.bindBuffer(gl.ARRAY_BUFFER, sheet.buffer)
    const base = first * segmentStride
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, segmentStride, base)
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, segmentStride, base + 16)
    gl.vertexAttribIPointer(2, 4, gl.UNSIGNED_BYTE, segmentStride, base + 24)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count)
  }

  #rings(gpu: Gpu, size: number): void {
    if (gpu.ringCount === 0) return
    const { gl, rings } = gpu
    this.#use(gpu, rings)
    gl.uniform1f(rings.at.u_size, size * (this.#standings.length > 60 ? 0.7 : 1))
    gl.uniform1f(rings.at.u_past, this.pastStays ? 1 : 0)
    gl.drawArrays(gl.POINTS, 0, gpu.ringCount)
  }

  #persons(gpu: Gpu, { lanes }: Playback, size: number): void {
    const { gl, people } = gpu
    let n = 0
    for (let i = 0; i < lanes.length; i++) {
      const one = lanes[i]!.at(this.#offset, this.#standings[i]!)
      const code = beingCode[one.being]
      if (code === 0 || this.hidden.has(i)) continue
      this.#peopleF32[n * 4] = one.x
      this.#peopleF32[n * 4 + 1] = one.y
      const b = n * personStride + 8
      this.#peopleU8[b] = i & 255
      this.#peopleU8[b + 1] = i >> 8
      this.#peopleU8[b + 2] = stepOf(scales.speed, one.speed) | (stepOf(scales.accuracy, one.accuracy) << 4)
      this.#peopleU8[b + 3] = code
      const headed = !Number.isNaN(one.heading)
      this.#peopleU8[b + 4] = headed ? Math.round((one.heading / (2 * Math.PI)) * 256) & 255 : 0
      this.#peopleU8[b + 5] = headed ? 1 : 0
      n++
    }
    if (n === 0) return
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.peopleBuffer)
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, this.#peopleU8, 0, n * personStride)
    this.#use(gpu, people)
    gl.uniform1f(people.at.u_size, size)
    for (const pass of this.chosen === null ? [0] : [0, 1]) {
      gl.uniform1i(people.at.u_pass, pass)
      gl.drawArrays(gl.POINTS, 0, n)
    }
  }

  #upload(gpu: Gpu, playback: Playback): void {
    const { gl } = gpu
    if (this.#version !== playback.version) {
      this.#version = playback.version
      const held = new Map(gpu.rough.map(sheet => [sheet.segments, sheet]))
      if (playback.rough.length !== held.size || playback.rough.some(one => !held.has(one))) {
        gpu.rough = playback.rough.map(segments => held.get(segments) ?? this.#sheet(gl, segments))
        for (const sheet of held.values()) if (!gpu.rough.includes(sheet)) gl.deleteBuffer(sheet.buffer)
        this.#stays(gpu, playback)
      }
      for (const [slab, sheet] of gpu.fine)
        if (playback.fine.get(slab) !== sheet.segments) {
          gl.deleteBuffer(sheet.buffer)
          gpu.fine.delete(slab)
        }
      for (const [slab, segments] of playback.fine)
        if (!gpu.fine.has(slab)) gpu.fine.set(slab, this.#sheet(gl, segments))
    }
    this.#tellLanes(gpu)
  }

  #sheet(gl: WebGL2RenderingContext, segments: Segments): Sheet {
    const buffer = gl.createBuffer()
    gl.bindVertexArray(null)
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer)
    gl.bufferData(gl.ARRAY_BUFFER, segments.bytes, gl.STATIC_DRAW)
    return { segments, buffer }
  }

  #stays(gpu: Gpu, { lanes }: Playback): void {
    const { gl } = gpu
    const total = lanes.reduce((sum, lane) => sum + lane.stays.length, 0)
    const memory = new ArrayBuffer(total * ringStride)
    const f32 = new Float32Array(memory)
    const u8 = new Uint8Array(memory)
    let n = 0
    lanes.forEach((lane, i) => {
      for (const stay of lane.stays) {
        f32.set([stay.x, stay.y, stay.from / 1000, stay.to / 1000], n * 5)
        u8[n * ringStride + 16] = i & 255
        u8[n * ringStride + 17] = i >> 8
        n++
      }
    })
    gl.bindVertexArray(null)
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.ringBuffer)
    gl.bufferData(gl.ARRAY_BUFFER, memory, gl.STATIC_DRAW)
    gpu.ringCount = n
  }

  /** Colour and rank of every lane: 0 hidden, 1 dimmed because another is chosen, 2 shown, 3 chosen. */
  #tellLanes({ gl, lanes }: Gpu): void {
    const said = `${this.chosen}/${[...this.hidden].join()}`
    if (said === this.#lanesSaid) return
    this.#lanesSaid = said
    const total = this.#standings.length
    for (let i = 0; i < total; i++) {
      const colour = rgb(personColour(i, total, this.#light))
      const rank = this.hidden.has(i) ? 0 : i === this.chosen ? 3 : this.chosen === null ? 2 : 1
      this.#lanes.set([colour[0]! * 255, colour[1]! * 255, colour[2]! * 255, rank * 85], i * 4)
    }
    gl.bindTexture(gl.TEXTURE_2D, lanes)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, lanesWide, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.#lanes)
  }
}
