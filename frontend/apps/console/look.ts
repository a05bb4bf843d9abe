// Dark for the room, light for the office: the choice stays on this machine.
import type { Light } from '@core/map/palette'
import { shallowRef } from 'vue'

export type Look = Light
const key = 'gridward.look'

function first(): Look {
  if (typeof location === 'undefined') return 'dark'
  const asked = new URLSearchParams(location.search).get('look')
  if (asked === 'light' || asked === 'dark') return asked
  try {
    return localStorage.getItem(key) === 'light' ? 'light' : 'dark'
  } catch {
    return 'dark' // storage forbidden
  }
}

export const look = shallowRef<Look>(first())

export function wear(next: Look): void {
  look.value = next
  document.documentElement.dataset.look = next
  try {
    localStorage.setItem(key, next)
  } catch {
    // forgotten at the next start
  }
}
