// Typed texts without a library. A book holds both languages side by side: what
// stands together is changed together. An app makes `t` of its own book with
// `texts(book)`; it knows the shared keys as well.
import { shared } from './shared'

export type Locale = 'zh-CN' | 'en'
export type Book = Record<string, readonly [zh: string, en: string]>
export type Params = Record<string, string | number>

const storageKey = 'gridward.locale'

function initialLocale(): Locale {
  if (typeof location === 'undefined') return 'zh-CN'
  const asked = new URLSearchParams(location.search).get('lang')
  if (asked) return asked.startsWith('en') ? 'en' : 'zh-CN'
  try {
    return localStorage.getItem(storageKey) === 'en' ? 'en' : 'zh-CN'
  } catch {
    return 'zh-CN' // storage forbidden: a kiosk profile
  }
}

let current: Locale = initialLocale()

export const locale = (): Locale => current

/** Remembers the language. The page reloads to speak it: its state lives in the URL. */
export function chooseLocale(next: Locale): void {
  current = next
  try {
    localStorage.setItem(storageKey, next)
  } catch {
    // forgotten at the next start, which is all that can happen
  }
}

/** The other language, in a page that is read anew. */
export function turnLanguage(): void {
  chooseLocale(current === 'en' ? 'zh-CN' : 'en')
  location.reload()
}

/** For tests. */
export function setLocale(next: Locale): void {
  current = next
}

export function fill(text: string, params?: Params): string {
  if (!params) return text
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

/** A `t` over the shared texts and an app's own. */
export function texts<B extends Book>(own: B) {
  const book: Book = { ...shared, ...own }
  return (key: (keyof typeof shared | keyof B) & string, params?: Params): string =>
    fill(book[key]?.[current === 'en' ? 1 : 0] ?? key, params)
}

/** The shared texts alone: what core itself says. */
export const t = texts({})
