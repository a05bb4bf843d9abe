// Looks again from time to time, only while somebody is looking.
import { onScopeDispose } from 'vue'

export function every(ms: number, again: () => unknown): void {
  let last = Date.now()
  const tick = () => {
    if (document.hidden || Date.now() - last < ms) return
    last = Date.now()
    void again()
  }
  const timer = setInterval(tick, Math.min(ms, 5_000))
  document.addEventListener('visibilitychange', tick)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', tick)
  })
}
