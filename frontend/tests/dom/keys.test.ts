// @vitest-environment happy-dom
import { bindKeys } from '@core/ui/keys'
import { afterEach, describe, expect, it, vi } from 'vitest'

const press = (target: EventTarget, key: string, more: KeyboardEventInit = {}): void => {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
}

afterEach(() => document.body.replaceChildren())

describe('keys', () => {
  it('fire once, in either case', () => {
    const act = vi.fn()
    const unbind = bindKeys({ m: act })
    press(document.body, 'm')
    press(document.body, 'M')
    unbind()
    press(document.body, 'm')
    expect(act).toHaveBeenCalledTimes(2)
  })

  it('leave somebody who types alone, but for Escape', () => {
    const act = vi.fn()
    const leave = vi.fn()
    const unbind = bindKeys({ a: act, Escape: leave })
    const field = document.createElement('input')
    document.body.append(field)
    press(field, 'a')
    press(field, 'Escape')
    expect(act).not.toHaveBeenCalled()
    expect(leave).toHaveBeenCalledOnce()
    unbind()
  })

  it('leave the browser its own', () => {
    const act = vi.fn()
    const unbind = bindKeys({ f: act })
    press(document.body, 'f', { ctrlKey: true })
    expect(act).not.toHaveBeenCalled()
    unbind()
  })
})
