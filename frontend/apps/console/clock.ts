// The server's time, as near as the last answer tells: deadlines are its, not this machine's.
import { onScopeDispose, readonly, ref } from 'vue'

let ahead = 0
const now = ref(Date.now())
let watchers = 0
let timer: ReturnType<typeof setInterval> | undefined

/** Called with the instant an answer was made. */
export function tellTime(at: string | number): void {
  const server = typeof at === 'number' ? at : Date.parse(at)
  if (Number.isFinite(server)) ahead = server - Date.now()
  now.value = Date.now() + ahead
}

export const serverNow = (): number => Date.now() + ahead

/** A clock that ticks while something on the page counts down. */
export function useNow(): Readonly<{ value: number }> {
  if (watchers++ === 0)
    timer = setInterval(() => {
      now.value = Date.now() + ahead
    }, 1_000)
  now.value = Date.now() + ahead
  onScopeDispose(() => {
    if (--watchers === 0) clearInterval(timer)
  })
  return readonly(now)
}
