// One way to call the API. Failures are ApiErrors that say what the caller can
// do next, with the server's own public sentence.
import { t } from '../i18n/t'
import type { Session } from './types'

export type ErrorKind = 'invalid' | 'unknown' | 'denied' | 'missing' | 'conflict' | 'busy' | 'network'

export class ApiError extends Error {
  readonly status: number
  readonly kind: ErrorKind
  /** Seconds the server asked us to wait. */
  readonly retryAfter: number | null
  readonly fields: { location: string; message: string }[]

  constructor(
    status: number,
    kind: ErrorKind,
    sentence: string,
    retryAfter: number | null = null,
    fields: { location: string; message: string }[] = [],
  ) {
    super(sentence)
    this.name = 'ApiError'
    this.status = status
    this.kind = kind
    this.retryAfter = retryAfter
    this.fields = fields
  }
}

/** What went wrong, as a sentence to show. */
export const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What is wrong with each thing that was filled in; the sentence, where no field is to blame. */
export const faultsOf = (error: unknown): string =>
  (error instanceof ApiError && error.fields.map(field => field.message).join('；')) || sentenceOf(error)

const kinds: Record<number, ErrorKind> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'missing',
  409: 'conflict',
  412: 'conflict',
  413: 'invalid',
  415: 'invalid',
  422: 'invalid',
  429: 'busy',
  503: 'busy',
}

function sentenceFor(kind: ErrorKind): string {
  switch (kind) {
    case 'network':
      return t('error.network')
    case 'denied':
      return t('error.denied')
    case 'missing':
      return t('error.missing')
    case 'busy':
      return t('error.busy')
    default:
      return t('error.unknown')
  }
}

async function failure(response: Response): Promise<ApiError> {
  let kind: ErrorKind = kinds[response.status] ?? 'unknown'
  let sentence = ''
  let fields: { location: string; message: string }[] = []
  try {
    const problem = await response.json()
    if (typeof problem.kind === 'string') kind = problem.kind
    if (typeof problem.detail === 'string') sentence = problem.detail
    if (Array.isArray(problem.errors)) fields = problem.errors
  } catch {
    // not a problem document: a proxy's page, or nothing
  }
  const wait = Number(response.headers.get('Retry-After'))
  return new ApiError(
    response.status,
    kind,
    sentence || sentenceFor(kind),
    Number.isFinite(wait) && wait > 0 ? wait : null,
    fields,
  )
}

export type Query = Record<string, string | number | boolean | null | undefined>

export interface CallOptions {
  query?: Query
  body?: unknown
  signal?: AbortSignal
  headers?: Record<string, string>
}

export const base = '/api/v1'

export function address(path: string, query?: Query): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {}))
    if (value !== undefined && value !== null && value !== '') params.set(key, String(value))
  const tail = params.toString()
  return base + path + (tail ? `?${tail}` : '')
}

/** Listeners for "the session is gone": the page shows its sign-in. */
const signedOut = new Set<() => void>()
export function onSignedOut(listen: () => void): () => void {
  signedOut.add(listen)
  return () => {
    signedOut.delete(listen)
  }
}

async function send(method: string, path: string, options: CallOptions): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers }
  let body: BodyInit | undefined
  if (options.body instanceof FormData) body = options.body
  else if (options.body instanceof Blob) {
    headers['Content-Type'] ??= options.body.type || 'application/octet-stream'
    body = options.body
  } else if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json'
    body = JSON.stringify(options.body)
  }
  let response: Response
  try {
    response = await fetch(address(path, options.query), {
      method,
      headers,
      body,
      signal: options.signal,
      credentials: 'same-origin',
    })
  } catch (cause) {
    if (options.signal?.aborted) throw cause
    throw new ApiError(0, 'network', sentenceFor('network'))
  }
  if (!response.ok) {
    if (response.status === 401 && path !== '/session') for (const listen of signedOut) listen()
    throw await failure(response)
  }
  return response
}

export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const response = await send(method, path, options)
  if (response.status === 204 || response.headers.get('Content-Length') === '0') return undefined as T
  return (await response.json()) as T
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  call<T>('GET', path, { query, signal })
/** An answer that is no JSON. */
export const bytes = async (path: string, query?: Query, signal?: AbortSignal): Promise<ArrayBuffer> =>
  (await send('GET', path, { query, signal, headers: { Accept: 'application/octet-stream' } })).arrayBuffer()
/** The same as it arrives; whoever reads it hears of an answer that breaks off. */
export async function stream(path: string, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const { body } = await send('GET', path, { signal, headers: { Accept: 'application/octet-stream' } })
  return body ?? new ReadableStream({ start: c => c.close() })
}
export const post = <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> =>
  call<T>('POST', path, { ...options, body: body ?? {} })
export const del = <T>(path: string): Promise<T> => call<T>('DELETE', path)

/** The session of this browser, or null when nobody is signed in. */
export async function currentSession(): Promise<Session | null> {
  try {
    return await get<Session>('/session')
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null
    throw error
  }
}

export const signIn = (login: string, password: string): Promise<Session> =>
  post<Session>('/session', { login, password })
export const signOut = (): Promise<void> => del<void>('/session')
export const pairKiosk = (code: string): Promise<unknown> => post('/kiosk-session', { code })
