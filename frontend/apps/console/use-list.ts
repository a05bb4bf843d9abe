// A list that is read page by page. A newer question cancels the older one, so
// that an answer never lands under another filter.
import { sentenceOf } from '@core/api/client'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'

export interface PageOf<T> {
  items: T[]
  next?: string
  total?: number
}

export interface Listing<T> {
  items: Readonly<{ value: T[] }>
  total: Readonly<{ value: number | undefined }>
  next: Readonly<{ value: string | undefined }>
  loading: Readonly<{ value: boolean }>
  loaded: Readonly<{ value: boolean }>
  trouble: Readonly<{ value: string }>
  reload: () => Promise<void>
  more: () => Promise<void>
}

const typing = 250

export function useList<T>(
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<PageOf<T>>,
  question: () => unknown,
): Listing<T> {
  const items = shallowRef<T[]>([])
  const total = ref<number>()
  const next = ref<string>()
  const loading = ref(false)
  const loaded = ref(false)
  const trouble = ref('')
  let asked: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  async function ask(cursor?: string): Promise<void> {
    asked?.abort()
    const mine = new AbortController()
    asked = mine
    loading.value = true
    trouble.value = ''
    try {
      const page = await read(cursor, mine.signal)
      if (asked !== mine) return
      items.value = cursor ? [...items.value, ...page.items] : page.items
      total.value = page.total
      next.value = page.next
      loaded.value = true
    } catch (error) {
      if (asked !== mine) return
      trouble.value = sentenceOf(error)
    } finally {
      if (asked === mine) loading.value = false
    }
  }

  watch(
    () => JSON.stringify(question()),
    (_now, before) => {
      clearTimeout(timer)
      if (before === undefined) void ask()
      else timer = setTimeout(() => void ask(), typing)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearTimeout(timer)
    asked?.abort()
    asked = null
  })
  return { items, total, next, loading, loaded, trouble, reload: () => ask(), more: () => ask(next.value) }
}
