// A WebGL canvas of our own above the map: as large as the map's, opened again
// after its context was lost, and drawn with the map's matrix.
//
// A custom layer that draws nothing hands over the matrix; while the camera moves
// the overlay draws with the map, and while it rests it draws alone, without the
// base map being painted again.
import type { CustomLayerInterface, Map as MapLibre } from 'maplibre-gl'

export interface Painter {
  /** A new context: programs and buffers are made in it. */
  open(gl: WebGL2RenderingContext): void
  /** The context is gone, and all that was made in it. */
  lost(): void
  draw(): void
}

export class OverlayCanvas {
  readonly element = document.createElement('canvas')
  readonly #map: MapLibre
  readonly #probeId: string
  readonly #painter: Painter
  readonly #shifted = new Float32Array(16)
  #gl: WebGL2RenderingContext | null = null
  #matrix: Float64Array | null = null

  constructor(map: MapLibre, name: string, painter: Painter) {
    this.#map = map
    this.#probeId = `${name}-probe`
    this.#painter = painter
    this.element.className = `${name}-overlay`
    this.element.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none'
    this.element.setAttribute('aria-hidden', 'true')
    map.getCanvasContainer().appendChild(this.element)
    this.#resize()
    map.on('resize', this.#resize)
    map.on('style.load', this.#probe)
    map.on('render', this.#withMap)
    this.element.addEventListener('webglcontextlost', this.#lost)
    this.element.addEventListener('webglcontextrestored', this.#restored)
    this.#open()
    this.#probe()
  }

  /** Device pixels per CSS pixel. */
  get ratio(): number {
    return this.element.width / Math.max(1, this.element.clientWidth)
  }

  /** Clears the canvas and returns the map's matrix for coordinates that count from this origin; null: nothing can be drawn. */
  begin(originX: number, originY: number): Float32Array | null {
    const gl = this.#gl
    const m = this.#matrix
    if (!gl || !m || gl.isContextLost()) return null
    gl.viewport(0, 0, this.element.width, this.element.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.disable(gl.DEPTH_TEST)
    for (let i = 0; i < 16; i++) this.#shifted[i] = m[i]!
    // the origin is added in f64, before the cast
    for (let r = 0; r < 4; r++) this.#shifted[12 + r] = m[r]! * originX + m[4 + r]! * originY + m[12 + r]!
    return this.#shifted
  }

  remove(): void {
    this.#map.off('resize', this.#resize)
    this.#map.off('style.load', this.#probe)
    this.#map.off('render', this.#withMap)
    if (this.#map.getLayer(this.#probeId)) this.#map.removeLayer(this.#probeId)
    this.element.remove()
    this.#gl?.getExtension('WEBGL_lose_context')?.loseContext()
    this.#lose()
  }

  #open(): void {
    const gl = this.element.getContext('webgl2', { alpha: true, antialias: false, premultipliedAlpha: true })
    if (!gl || gl.isContextLost()) return
    this.#gl = gl
    this.#painter.open(gl)
  }

  #lose(): void {
    this.#gl = null
    this.#painter.lost()
  }

  // MapLibre restores its style after losing its context but drops custom
  // layers, so the probe is added on every style.load.
  readonly #probe = (): void => {
    if (this.#map.getLayer(this.#probeId)) return
    const layer: CustomLayerInterface = {
      id: this.#probeId,
      type: 'custom',
      renderingMode: '2d',
      render: (_gl, options) => {
        this.#matrix = Float64Array.from(options.defaultProjectionData.mainMatrix as Iterable<number>)
      },
    }
    this.#map.addLayer(layer)
    this.#map.triggerRepaint()
  }

  readonly #resize = (): void => {
    const { width, height } = this.#map.getCanvas()
    if (this.element.width !== width || this.element.height !== height) {
      this.element.width = width
      this.element.height = height
    }
  }

  readonly #lost = (event: Event): void => {
    event.preventDefault() // without this the browser never restores it
    this.#lose()
  }

  readonly #restored = (): void => {
    this.#open()
    this.#painter.draw()
  }

  readonly #withMap = (): void => this.#painter.draw()
}
