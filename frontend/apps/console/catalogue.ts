// What nearly every page needs to name things: organisations, categories and
// sources, read once for the session.
import { get } from '@core/api/client'
import type { Category, Org } from '@core/api/types'
import { locale } from '@core/i18n/t'
import { computed, shallowRef, watch } from 'vue'
import { may, session } from './session'
import { word } from './texts'

export const orgs = shallowRef<Org[]>([])
export const categories = shallowRef<Category[]>([])
export const sources = shallowRef<Record<string, string>>({})
let reading: Promise<void> | null = null

watch(session, () => {
  reading = null
})

async function read(): Promise<void> {
  const [catalogue, places] = await Promise.allSettled([
    may('see_map', 'report', 'manage_rules')
      ? get<{ categories: Category[]; sources: Record<string, string> }>('/categories')
      : Promise.reject(new Error('no power')),
    get<{ orgs: Org[] }>('/orgs'),
  ])
  if (catalogue.status === 'fulfilled') {
    categories.value = catalogue.value.categories ?? []
    sources.value = catalogue.value.sources ?? {}
  }
  if (places.status === 'fulfilled')
    orgs.value = (places.value.orgs ?? []).toSorted((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }))
  if (places.status === 'rejected') reading = null
}

/** Begins to read, once; the names appear when they are there. */
export function names(again = false): Promise<void> {
  if (again) reading = null
  reading ??= read()
  return reading
}

export const categoryName = (code: string | undefined | null): string => {
  if (!code) return '—'
  return categories.value.find(one => one.code === code)?.name ?? code
}
/** The dictionary's own name in Chinese; in another language ours, where we have one. */
export const sourceName = (code: string): string => {
  const said = word('source', code)
  return locale() === 'en' && said !== code ? said : (sources.value[code] ?? said)
}
export const orgName = (id: number | undefined | null): string =>
  orgs.value.find(one => one.id === id)?.name ?? (id ? String(id) : '—')

export const categoryOptions = computed(() =>
  categories.value.map(one => ({ value: one.code, label: one.parent ? `　${one.name}` : one.name })),
)
export const sourceOptions = computed(() =>
  Object.keys(sources.value).map(value => ({ value, label: sourceName(value) })),
)

export function orgOptions(kind?: string): { value: number; label: string }[] {
  if (kind)
    return orgs.value.filter(one => kind.split(' ').includes(one.kind)).map(one => ({ value: one.id, label: one.name }))
  const top = Math.min(...orgs.value.map(one => one.path.split('.').length))
  return orgs.value.map(one => ({
    value: one.id,
    label: `${'　'.repeat(Math.max(0, one.path.split('.').length - top))}${one.name}`,
  }))
}
