import type { Playback } from '@core/trail/playback'
import { covers } from '@core/trail/spans'
import { Stage } from '@core/trail/stage'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hour } from './chunks'

/** A playback of which only so much has been read. */
function half(read: { from: number; to: number }[]) {
  return {
    version: 0,
    busy: false,
    slabs: {},
    span: () => ({ from: 8 * hour, to: 12 * hour }),
    quiet: () => [],
    aim: vi.fn(),
    step: () => undefined,
    close: () => undefined,
    ready: (from: number, to: number) => covers(read, from, Math.max(from + 1, to)),
  }
}

describe('the stage', () => {
  let frame: FrameRequestCallback | null = null
  let wall = 0
  const run = (frames: number, ms: number): void => {
    for (let i = 0; i < frames; i++) {
      wall += ms
      const call = frame
      frame = null
      call?.(wall)
    }
  }
  beforeEach(() => {
    vi.stubGlobal('requestAnimationFrame', (call: FrameRequestCallback) => {
      frame = call
      return 1
    })
    vi.stubGlobal('cancelAnimationFrame', () => undefined)
  })
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('stands where nothing more has been read, says so, and goes on when there is enough', () => {
    const read = [{ from: 8 * hour, to: 8.1 * hour }]
    const one = half(read)
    const stage = new Stage()
    stage.set([one as unknown as Playback])
    stage.clock.setSpeed(64)
    stage.clock.play()
    run(20, 100)
    expect(stage.waiting.get()).toBe(false)
    expect(stage.clock.offset).toBe(8 * hour + 19 * 100 * 64)
    run(100, 100)
    expect(stage.waiting.get()).toBe(true)
    expect(stage.clock.playing).toBe(true)
    const stood = stage.clock.offset
    expect(stood).toBeLessThanOrEqual(8.1 * hour)
    expect(stood).toBeGreaterThan(8.1 * hour - 64 * 400)
    // a little more is not worth the start
    read[0]!.to += 64 * 1000
    run(5, 100)
    expect(stage.clock.offset).toBe(stood)
    read[0]!.to = 12 * hour
    run(11, 100)
    expect(stage.waiting.get()).toBe(false)
    expect(stage.clock.offset).toBe(stood + 10 * 100 * 64)
    stage.close()
  })

  it('plays to the end of what there is', () => {
    const stage = new Stage()
    stage.set([half([{ from: 8 * hour, to: 12 * hour }]) as unknown as Playback])
    stage.clock.seek(12 * hour - 64 * 150)
    stage.clock.setSpeed(64)
    stage.clock.play()
    run(5, 100)
    expect(stage.clock.offset).toBe(12 * hour)
    expect(stage.clock.playing).toBe(false)
    expect(stage.waiting.get()).toBe(false)
  })
})
