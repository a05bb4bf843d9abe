import { useStore } from '@core/vue/use-store'
import { computed, type InjectionKey, inject } from 'vue'
import type { Wall } from './wall'

export const wallKey: InjectionKey<Wall> = Symbol('wall')

export function useWall(): Wall {
  const wall = inject(wallKey)
  if (!wall) throw new Error('no wall provided')
  return wall
}

/** The server's clock, second by second: a wall PC's own clock may be wrong. */
export function useServerNow() {
  const wall = useWall()
  const clock = useStore(wall.clock)
  return computed(() => {
    void clock.value
    return wall.socket.serverNow()
  })
}
