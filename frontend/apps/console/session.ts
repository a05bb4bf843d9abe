// Who is signed in, for the whole console.
import * as api from '@core/api/client'
import type { Power, Session } from '@core/api/types'
import { shallowRef, watch } from 'vue'
import { tellTime } from './clock'

export const session = shallowRef<Session | null>(null)
// the deadlines are counted on the server's time
watch(session, now => {
  if (now) tellTime(now.server_time)
})
export const opened = shallowRef(false)
/** The session ended while somebody was at work: the sign-in says so. */
export const expired = shallowRef(false)

export const may = (...powers: Power[]): boolean => powers.some(power => session.value?.powers.includes(power) ?? false)

export async function open(): Promise<void> {
  for (let wait = 1_000; ; wait = Math.min(15_000, wait * 2)) {
    try {
      session.value = await api.currentSession()
      opened.value = true
      return
    } catch {
      await new Promise(resolve => setTimeout(resolve, wait))
    }
  }
}

export async function enter(login: string, password: string): Promise<void> {
  session.value = await api.signIn(login, password)
  expired.value = false
}

export async function reread(): Promise<void> {
  session.value = await api.currentSession()
}

export async function leave(): Promise<void> {
  await api.signOut().catch(error => {
    if (!(error instanceof api.ApiError)) throw error
  })
  session.value = null
}

api.onSignedOut(() => {
  if (!session.value) return
  expired.value = true
  session.value = null
})
