// One answer to a question that changes. A newer question wins over an older
// one, whichever is answered first.
import { type Ref, ref, type ShallowRef, shallowRef, watch } from 'vue'
import { sentenceOf } from '../api/client'

export interface Answer<T> {
  answer: Readonly<ShallowRef<T | null>>
  trouble: Readonly<Ref<string>>
  loading: Readonly<Ref<boolean>>
  load: () => Promise<void>
}

export function useAnswer<T>(read: () => Promise<T>, question: () => unknown): Answer<T> {
  const answer = shallowRef<T | null>(null)
  const trouble = ref('')
  const loading = ref(false)
  let newest = 0

  async function load(): Promise<void> {
    const mine = ++newest
    loading.value = true
    trouble.value = ''
    try {
      const heard = await read()
      if (mine === newest) answer.value = heard
    } catch (error) {
      if (mine === newest) trouble.value = sentenceOf(error)
    } finally {
      if (mine === newest) loading.value = false
    }
  }
  watch(() => JSON.stringify(question()), load, { immediate: true })
  return { answer, trouble, loading, load }
}
