// The moving people, on a canvas of their own above the map.
//
// The base map underneath is not painted again for somebody's next step: 3–5
// times cheaper than a layer inside the map, and what keeps a 4K wall on a weak
// GPU fluent. The price: people are always above the labels.
import type { Map as MapLibre } from 'maplibre-gl'
import { mercatorX, mercatorY } from '../geo/mercator'
import type { PointBuffer } from '../live/point-buffer'
import { stride } from '../live/point-buffer'
import { presenceColour } from '../ui/severity'
import { link, rgb } from './gl'
import { fragmentShader, vertexShader } from './live-shaders'
import { OverlayCanvas } from './overlay-canvas'
import { zoomShift } from './styles/shift'

/** In the order of the wire's presence numbers. */
const palette = new Float32Array(
  (['offline', 'stale', 'idle', 'online', 'sos'] as const).flatMap(name => rgb(presenceColour[name])),
)

interface Gpu {
  gl: WebGL2RenderingContext
  program: WebGLProgram
  vertices: WebGLBuffer
  shape: WebGLVertexArrayObject
  at: Record<
    'u_matrix' | 'u_now' | 'u_size' | 'u_pass' | 'u_old' | 'u_colours' | 'u_pulse' | 'u_faded',
    WebGLUniformLocation | null
  >
}

function build(gl: WebGL2RenderingContext): Gpu {
  const program = link(gl, vertexShader, fragmentShader)
  const vertices = gl.createBuffer()
  const shape = gl.createVertexArray()
  gl.bindVertexArray(shape)
  gl.bindBuffer(gl.ARRAY_BUFFER, vertices)
  gl.enableVertexAttribArray(0)
  gl.vertexAttribPointer(0, 4, gl.FLOAT, false, stride, 0)
  gl.enableVertexAttribArray(1)
  gl.vertexAttribPointer(1, 2, gl.FLOAT, false, stride, 16)
  gl.enableVertexAttribArray(2)
  gl.vertexAttribIPointer(2, 4, gl.UNSIGNED_BYTE, stride, 24)
  gl.bindVertexArray(null)
  const where = (name: string) => gl.getUniformLocation(program, name)
  return {
    gl,
    program,
    vertices,
    shape,
    at: {
      u_matrix: where('u_matrix'),
      u_now: where('u_now'),
      u_size: where('u_size'),
      u_pass: where('u_pass'),
      u_old: where('u_old'),
      u_colours: where('u_colours'),
      u_pulse: where('u_pulse'),
      u_faded: where('u_faded'),
    },
  }
}

export interface OverlayOptions {
  /** Milliseconds between two draws while nothing but people moves: 33 = 30 a second, enough for a walk. */
  minFrame?: number
}

export class LiveOverlay {
  /** Design pixels per CSS pixel: the wall's --u. */
  unit = 1
  /** The link is lost: everybody is drawn as old. */
  old = false
  visible = true
  /** Somebody is in SOS: the pulse keeps the canvas alive. */
  alarm = false

  readonly #canvas: OverlayCanvas
  readonly #map: MapLibre
  readonly #points: PointBuffer
  readonly #epoch = performance.now()
  readonly #minFrame: number
  readonly #still: boolean
  #gpu: Gpu | null = null
  #raf = 0
  #drawnAt = 0
  /** How many times it has drawn; for tests and the watchdog. */
  drawn = 0

  constructor(map: MapLibre, points: PointBuffer, options: OverlayOptions = {}) {
    this.#map = map
    this.#points = points
    this.#minFrame = options.minFrame ?? 33
    this.#still = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#canvas = new OverlayCanvas(map, 'live', {
      open: gl => {
        this.#gpu = build(gl)
        this.#points.grown = true
      },
      lost: () => {
        this.#gpu = null
      },
      draw: () => this.#draw(),
    })
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.touch()
    })
  }

  /** Seconds on the buffer's clock. */
  now(): number {
    return (performance.now() - this.#epoch) / 1000
  }

  /** Something changed: draw soon. */
  touch(): void {
    if (!this.#raf && !document.hidden) this.#raf = requestAnimationFrame(this.#tick)
  }

  /** The handle of the person drawn at these CSS pixels, or null. */
  pick(x: number, y: number, reach: number): number | null {
    if (!this.visible) return null
    const here = this.#map.unproject([x, y])
    const there = this.#map.unproject([x + reach, y])
    const radius = Math.hypot(mercatorX(there.lng) - mercatorX(here.lng), mercatorY(there.lat) - mercatorY(here.lat))
    return this.#points.nearest(mercatorX(here.lng), mercatorY(here.lat), radius, this.now())
  }

  /** Size of one person's box in CSS pixels at the map's zoom. */
  size(): number {
    const z = this.#map.getZoom() - zoomShift(this.unit)
    const box = z < 12 ? 11 : z < 14 ? 11 + (z - 12) * 4.5 : z < 17 ? 20 + (z - 14) * 4 : 32
    return box * this.unit
  }

  readonly #tick = (time: number): void => {
    this.#raf = 0
    if (time - this.#drawnAt >= this.#minFrame - 4) {
      this.#drawnAt = time
      this.#draw()
    }
    const moving = this.now() < this.#points.movesUntil || (this.alarm && !this.#still)
    if (moving || this.#points.dirtyHigh > 0) this.touch()
  }

  #draw(): void {
    const gpu = this.#gpu
    const points = this.#points
    const matrix = this.#canvas.begin(points.originX, points.originY)
    if (!gpu || !matrix) return
    const { gl, at } = gpu
    this.drawn++
    if (!this.visible || points.count === 0) return
    this.#upload(gpu)
    const now = this.now()
    gl.useProgram(gpu.program)
    gl.uniformMatrix4fv(at.u_matrix, false, matrix)
    gl.uniform1f(at.u_now, now)
    gl.uniform1f(at.u_size, this.size() * this.#canvas.ratio)
    gl.uniform1f(at.u_old, this.old ? 0.9 : 0)
    gl.uniform3fv(at.u_colours, palette)
    gl.uniform1f(at.u_pulse, this.#still ? 0.4 : (now % 1.6) / 1.6)
    gl.uniform1f(at.u_faded, 0.15)
    gl.bindVertexArray(gpu.shape)
    for (const pass of [0, 1]) {
      gl.uniform1i(at.u_pass, pass)
      gl.drawArrays(gl.POINTS, 0, points.count)
    }
    gl.bindVertexArray(null)
  }

  #upload({ gl, vertices }: Gpu): void {
    const points = this.#points
    if (!points.grown && points.dirtyHigh === 0) return
    gl.bindBuffer(gl.ARRAY_BUFFER, vertices)
    if (points.grown) gl.bufferData(gl.ARRAY_BUFFER, points.bytes, gl.DYNAMIC_DRAW)
    else {
      const low = points.dirtyLow * stride
      gl.bufferSubData(gl.ARRAY_BUFFER, low, points.bytes, low, points.dirtyHigh * stride - low)
    }
    points.uploaded()
  }
}
