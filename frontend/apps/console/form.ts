// Forms as data: what is asked, what is missing, and which field a refusal of
// the server belongs to.
import type { ApiError } from '@core/api/client'
import { t } from './texts'

export type FieldKind =
  | 'text'
  | 'area'
  | 'secret'
  | 'number'
  | 'choice'
  | 'many'
  | 'day'
  | 'moment'
  | 'yes'
  | 'org'
  | 'orgs'
  | 'worker'
  | 'category'
  | 'photos'
  | 'grade'
  | 'point'
  | 'tags'

export type Value = string | number | boolean | null | string[] | number[] | [number, number]
export type Values = Record<string, Value>

export interface Field {
  key: string
  label: string
  kind: FieldKind
  required?: boolean
  help?: string
  options?: { value: string | number; label: string }[]
  /** For text: characters; for number: the range. */
  min?: number
  max?: number
  /** Shown only while this holds. */
  when?: (values: Values) => boolean
  initial?: Value
  /** Half of the width. */
  half?: boolean
  /** What kind of organisation is offered. */
  orgKind?: string
}

const blankOf: Record<FieldKind, Value> = {
  text: '',
  area: '',
  secret: '',
  number: null,
  choice: null,
  many: [],
  day: null,
  moment: null,
  yes: false,
  org: null,
  orgs: [],
  worker: null,
  category: null,
  photos: [],
  grade: null,
  point: null,
  tags: [],
}

export function blank(fields: readonly Field[], given: Values = {}): Values {
  return Object.fromEntries(
    fields.map(field => [field.key, given[field.key] ?? field.initial ?? blankOf[field.kind]]),
  ) as Values
}

const empty = (value: Value | undefined): boolean =>
  value === null ||
  value === undefined ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.length === 0)

export const shown = (fields: readonly Field[], values: Values): Field[] =>
  fields.filter(field => !field.when || field.when(values))

/** What the page itself can see is wrong; the server has the last word. */
export function faults(fields: readonly Field[], values: Values): Record<string, string> {
  const found: Record<string, string> = {}
  for (const field of shown(fields, values)) {
    const value = values[field.key]
    if (field.required && empty(value)) found[field.key] = t('form.required')
    else if ((field.kind === 'text' || field.kind === 'area') && typeof value === 'string' && value.trim()) {
      const length = [...value.trim()].length
      if (field.min && length < field.min) found[field.key] = t('form.short', { n: field.min })
      else if (field.max && length > field.max) found[field.key] = t('form.long', { n: field.max })
    }
  }
  return found
}

/** The values as a body: hidden and empty ones are left out, moments become instants. */
export function body(fields: readonly Field[], values: Values): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  for (const field of shown(fields, values)) {
    const value = values[field.key]
    if (empty(value)) continue
    if (field.kind === 'moment') made[field.key] = new Date(value as number).toISOString()
    else made[field.key] = typeof value === 'string' ? value.trim() : value
  }
  return made
}

/** The server's words beside the fields they are about; the rest above the buttons. */
export function sort(error: ApiError, fields: readonly Field[]): { at: Record<string, string>; rest: string } {
  const at: Record<string, string> = {}
  const rest: string[] = []
  for (const { location, message } of error.fields) {
    const path = location.replace(/^body\./, '').split(/[.[]/)
    const field = fields.find(one => one.key === path[0])
    if (field) at[field.key] = message
    else rest.push(message)
  }
  if (Object.keys(at).length === 0 && rest.length === 0) rest.push(error.message)
  return { at, rest: rest.join('；') }
}
