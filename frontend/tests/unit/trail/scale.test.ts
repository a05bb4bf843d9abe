import { palettes } from '@core/map/palette'
import { crowdColour, personColours, type Scale, scales, stepOf, unknownColour, unknownStep } from '@core/trail/scale'
import { describe, expect, it } from 'vitest'

type Rgb = [number, number, number]

const linear = (hex: string): Rgb =>
  [1, 3, 5].map(i => {
    const v = Number.parseInt(hex.slice(i, i + 2), 16) / 255
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  }) as Rgb

const times = (m: number[][], v: Rgb): Rgb => m.map(r => r[0]! * v[0] + r[1]! * v[1] + r[2]! * v[2]) as Rgb

/** Machado, Oliveira, Fernandes 2009, full severity. */
const eyes: Record<string, number[][]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

function lab(v: Rgb): Rgb {
  const xyz = times(
    [
      [0.4124, 0.3576, 0.1805],
      [0.2126, 0.7152, 0.0722],
      [0.0193, 0.1192, 0.9505],
    ],
    v.map(c => Math.min(1, Math.max(0, c))) as Rgb,
  )
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116)
  const [x, y, z] = [f(xyz[0] / 0.9505), f(xyz[1]), f(xyz[2] / 1.089)]
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

const apart = (a: string, b: string, eye: number[][]): number => {
  const [p, q] = [lab(times(eye, linear(a))), lab(times(eye, linear(b)))]
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2])
}

const luminance = (hex: string): number => {
  const [r, g, b] = linear(hex)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const contrast = (a: string, b: string): number => {
  const [high, low] = [luminance(a), luminance(b)].sort((p, q) => q - p)
  return (high! + 0.05) / (low! + 0.05)
}

const lights = ['dark', 'light'] as const

describe.each(lights)('on the %s map', light => {
  const { ground } = palettes[light]

  describe.each(Object.entries(scales))('the scale of %s', (_name, scale: Scale) => {
    const colours = scale.colours[light]
    it('has a colour for every step', () => {
      expect(colours).toHaveLength(scale.limits.length + 1)
    })
    it.each(Object.entries(eyes))('can be told apart step by step, eyes: %s', (_eye, matrix) => {
      for (let i = 1; i < colours.length; i++) expect(apart(colours[i - 1]!, colours[i]!, matrix)).toBeGreaterThan(12)
    })
    it('can be seen', () => {
      for (const colour of colours) expect(contrast(colour, ground), colour).toBeGreaterThan(3)
    })
  })

  describe('people', () => {
    it.each(Object.entries(eyes))('can be told apart, eyes: %s', (_eye, matrix) => {
      personColours[light].forEach((a, i) => {
        personColours[light].slice(0, i).forEach(b => {
          expect(apart(a, b, matrix), `${a} ${b}`).toBeGreaterThan(8)
        })
      })
    })
    it('can be seen, each and as a crowd', () => {
      for (const colour of [...personColours[light], crowdColour[light]])
        expect(contrast(colour, ground), colour).toBeGreaterThan(3)
    })
  })
})

describe('a step', () => {
  it.each([
    [0, 0],
    [0.3, 0],
    [1, 1],
    [1.4, 2],
    [4, 3],
    [10, 4],
    [30, 5],
    [Number.NaN, unknownStep],
    [-1, unknownStep],
  ])('of %d m/s is %i', (speed, step) => {
    expect(stepOf(scales.speed, speed)).toBe(step)
  })
  it('of an unknown figure has a colour of its own', () => {
    for (const light of lights)
      expect([...scales.speed.colours[light], ...scales.accuracy.colours[light]]).not.toContain(unknownColour[light])
  })
})
