import { PlayClock } from '@core/trail/clock'
import { describe, expect, it } from 'vitest'

const hour = 3_600_000

function running(speed = 1): PlayClock {
  const clock = new PlayClock()
  clock.span(8 * hour, 18 * hour)
  clock.setSpeed(speed)
  clock.play()
  clock.tick(1000)
  return clock
}

describe('the clock', () => {
  it('stands at the beginning until it is started', () => {
    const clock = new PlayClock()
    clock.span(8 * hour, 18 * hour)
    expect(clock.offset).toBe(8 * hour)
    clock.tick(1000)
    clock.tick(2000)
    expect(clock.offset).toBe(8 * hour)
  })

  it.each([1, 2, 4, 8, 16, 32, 64])('runs ×%i as fast as life', speed => {
    const clock = running(speed)
    for (let wall = 1016; wall <= 2000; wall += 16) clock.tick(wall)
    clock.tick(2000)
    expect(clock.offset).toBe(8 * hour + speed * 1000)
  })

  it('does not leap over what nobody saw when the tab was asleep', () => {
    const clock = running(64)
    clock.tick(61_000)
    expect(clock.offset).toBe(8 * hour + 64 * 250)
  })

  it('never runs backwards when the wall clock does', () => {
    const clock = running()
    clock.tick(1100)
    clock.tick(900)
    expect(clock.offset).toBe(8 * hour + 100)
  })

  it('stops at the end, and begins anew when started there', () => {
    const clock = running(64)
    clock.seek(18 * hour - 1)
    clock.tick(1016)
    expect(clock.offset).toBe(18 * hour)
    expect(clock.playing).toBe(false)
    clock.play()
    expect(clock.offset).toBe(8 * hour)
  })

  it('cannot be set outside the day, and keeps to it when the day changes', () => {
    const clock = running()
    clock.seek(-5)
    expect(clock.offset).toBe(8 * hour)
    clock.seek(99 * hour)
    expect(clock.offset).toBe(18 * hour)
    clock.span(9 * hour, 12 * hour)
    expect(clock.offset).toBe(12 * hour)
  })

  it('knows seven paces and stays within them', () => {
    const clock = new PlayClock()
    clock.slower()
    expect(clock.speed).toBe(1)
    for (let i = 0; i < 9; i++) clock.faster()
    expect(clock.speed).toBe(64)
    clock.setSpeed(3)
    expect(clock.speed).toBe(64)
  })

  it('says when it was changed, not at every tick', () => {
    const clock = new PlayClock()
    let heard = 0
    clock.span(0, hour)
    const off = clock.subscribe(() => heard++)
    clock.play()
    clock.tick(0)
    clock.tick(16)
    clock.seek(500)
    clock.faster()
    clock.pause()
    expect(heard).toBe(4)
    off()
    clock.play()
    expect(heard).toBe(4)
  })
})
