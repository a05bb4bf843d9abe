import { ApiError, get } from '@core/api/client'
import { onScopeDispose, ref, shallowRef } from 'vue'
import { t } from '../texts'

/** One record by its address, read again every so often while its card is open. */
export function useDetail<T>(path: string, every = 10_000) {
  const value = shallowRef<T | null>(null)
  const trouble = ref('')
  const abort = new AbortController()
  async function load(): Promise<void> {
    try {
      value.value = await get<T>(path, undefined, abort.signal)
      trouble.value = ''
    } catch (error) {
      if (abort.signal.aborted) return
      // what was shown stays, unless it is gone for good
      if (error instanceof ApiError && (error.kind === 'missing' || value.value === null)) {
        trouble.value = error.kind === 'missing' ? t('card.missing') : error.message
      }
    }
  }
  void load()
  const timer = setInterval(load, every)
  onScopeDispose(() => {
    clearInterval(timer)
    abort.abort()
  })
  return { value, trouble, load }
}
