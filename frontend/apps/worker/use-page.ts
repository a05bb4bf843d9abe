import { type InjectionKey, inject } from 'vue'
import type { Page } from './page'

export const pageKey: InjectionKey<Page> = Symbol('page')

export function usePage(): Page {
  const page = inject(pageKey)
  if (!page) throw new Error('the page is provided by main.ts')
  return page
}
