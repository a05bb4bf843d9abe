// Things that a form tries, one at a time: which one is under way, and what it was refused for.
import { ApiError, faultsOf } from '@core/api/client'
import { type Ref, ref } from 'vue'

export interface Attempt {
  busy: Readonly<Ref<string>>
  trouble: Ref<string>
  attempt: (what: string, work: () => Promise<void>) => Promise<void>
}

export function useAttempt(): Attempt {
  const busy = ref('')
  const trouble = ref('')
  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    busy.value = what
    trouble.value = ''
    try {
      await work()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      trouble.value = faultsOf(error)
    } finally {
      busy.value = ''
    }
  }
  return { busy, trouble, attempt }
}
