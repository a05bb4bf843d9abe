import { onScopeDispose, type ShallowRef, shallowRef } from 'vue'
import type { Readable } from '../live/store'

/** Shows a framework-free store to Vue: the value is replaced, never made reactive in depth. */
export function useStore<T>(store: Readable<T>): Readonly<ShallowRef<T>> {
  const ref = shallowRef(store.get())
  onScopeDispose(
    store.subscribe(value => {
      ref.value = value
    }),
  )
  return ref
}
