// Filters live in the address: a copied link or a reload shows the same list.
import { reactive, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export function useFilters<T extends Record<string, string>>(defaults: T): T {
  const route = useRoute()
  const router = useRouter()
  const name = route.name
  const filters = reactive({ ...defaults }) as T
  for (const key of Object.keys(defaults) as (keyof T & string)[]) {
    const given = route.query[key]
    if (typeof given === 'string') filters[key] = given as T[typeof key]
  }
  watch(filters, now => {
    if (route.name !== name) return
    const query: Record<string, string> = {}
    for (const [key, value] of Object.entries(now)) if (value && value !== defaults[key]) query[key] = value
    void router.replace({ query })
  })
  return filters
}
