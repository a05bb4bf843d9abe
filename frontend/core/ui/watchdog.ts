// A wall runs for months. Known cures for what creeps in: a planned reload in
// the small hours, and a reload when the page has frozen or its memory has run
// away. The state of the screen lives in the URL, so a reload loses nothing.
import { zone } from '../i18n/format'

export interface WatchdogOptions {
  /** Hour of the planned reload in the business zone. */
  hour?: number
  /** Bytes of JavaScript heap that are too many. */
  heapLimit?: number
  reload: (why: 'planned' | 'memory' | 'frozen') => void
  now?: () => number
}

const frozenAfter = 30_000
const earliestAge = 60 * 60_000

/** Milliseconds until the next `hour`:00 in the business zone, always more than an hour away. */
export function untilHour(hour: number, now: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(now)
  const part = (type: string): number => Number(parts.find(p => p.type === type)?.value ?? 0)
  const today = ((part('hour') * 60 + part('minute')) * 60 + part('second')) * 1000
  let wait = hour * 3_600_000 - today
  while (wait < earliestAge) wait += 86_400_000
  return wait
}

export function watch(options: WatchdogOptions): () => void {
  const now = options.now ?? Date.now
  const planned = setTimeout(() => options.reload('planned'), untilHour(options.hour ?? 4, now()))
  let frame = requestAnimationFrame(alive)
  let aliveAt = now()
  function alive(): void {
    aliveAt = now()
    frame = requestAnimationFrame(alive)
  }
  const check = setInterval(() => {
    const memory = (performance as Performance & { memory?: { usedJSHeapSize: number } }).memory
    if (memory && memory.usedJSHeapSize > (options.heapLimit ?? 900 * 2 ** 20)) options.reload('memory')
    // a hidden page gets no frames, which is no illness
    if (document.hidden) aliveAt = now()
    else if (now() - aliveAt > frozenAfter) options.reload('frozen')
  }, 10_000)
  return () => {
    clearTimeout(planned)
    clearInterval(check)
    cancelAnimationFrame(frame)
  }
}
