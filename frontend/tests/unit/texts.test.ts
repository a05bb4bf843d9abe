import { ago, clock, day, percent } from '@core/i18n/format'
import { type Book, fill, setLocale, texts } from '@core/i18n/t'
import { afterEach, describe, expect, it } from 'vitest'

afterEach(() => setLocale('zh-CN'))

const files = import.meta.glob<Record<string, unknown>>(
  ['../../core/**/{shared,book,words}.ts', '../../apps/**/*texts.ts', '../../apps/console/texts/*.ts'],
  { eager: true },
)
const isBook = (value: unknown): value is Book =>
  typeof value === 'object' && value !== null && Object.values(value).every(Array.isArray)
const books = Object.entries(files).flatMap(([path, exported]) =>
  Object.entries(exported).flatMap(([name, value]) => (isBook(value) ? [[`${path} ${name}`, value] as const] : [])),
)
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]!).sort()

describe('the books', () => {
  it('are all looked at', () => {
    expect(books.length).toBeGreaterThan(20)
  })
  it.each(books)('%s says both languages, with the same holes', (_, book) => {
    for (const [key, [zh, en]] of Object.entries(book)) {
      expect(zh, key).toBeTruthy() // a unit may have no word in English
      expect(holes(en), key).toEqual(holes(zh))
    }
  })
})

describe('t', () => {
  const t = texts({ hello: ['你好，{name}', 'Hello, {name}'] })
  it('speaks the chosen language and falls to the shared book', () => {
    expect(t('hello', { name: '张' })).toBe('你好，张')
    expect(t('urgency.critical')).toBe('特急')
    setLocale('en')
    expect(t('hello', { name: 'Zhang' })).toBe('Hello, Zhang')
  })
  it('leaves a hole that nobody fills', () => {
    expect(fill('{a} {b}', { a: 1 })).toBe('1 {b}')
  })
})

describe('figures and times', () => {
  it('a share of nothing is a dash', () => {
    expect(percent(null)).toBe('—')
    expect(percent(Number.NaN)).toBe('—')
    expect(percent(0.9641, 1)).toBe('96.4%')
  })
  it('times are in the business zone, whatever the machine', () => {
    expect(clock('2026-11-22T16:30:05Z')).toBe('00:30:05')
    expect(day('2026-11-22T16:30:05Z')).toBe('2026-11-23')
  })
  it.each([
    [1_000, '刚刚'],
    [42_000, '42 秒前'],
    [61_000, '1 分钟前'],
    [7_300_000, '2 小时前'],
  ])('%i ms is %s', (ms, text) => {
    expect(ago(ms)).toBe(text)
  })
})
