// Typed texts without a library. Chinese is the source of the keys; every other
// language is checked against it by the compiler. An app adds its own
// dictionary with `texts(zh, en)` and gets a `t` that knows both its keys and
// the shared ones.
import { en as sharedEn } from './en'
import { type SharedKey, zh as sharedZh } from './zh-CN'

export type Locale = 'zh-CN' | 'en'
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

/** For tests. */
export function setLocale(next: Locale): void {
  current = next
}

export function fill(text: string, params?: Params): string {
  if (!params) return text
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

/** A `t` over the shared texts and an app's own. */
export function texts<Z extends Record<string, string>>(zh: Z, en: Record<keyof Z, string>) {
  const books: Record<Locale, Record<string, string>> = { 'zh-CN': { ...sharedZh, ...zh }, en: { ...sharedEn, ...en } }
  return (key: SharedKey | (keyof Z & string), params?: Params): string => fill(books[current][key] ?? key, params)
}

/** The shared texts alone: what core itself says. */
export const t = texts({}, {})
