import type { Problem } from './schema'

/** What the node answered instead of what was asked for; status 0 when it could not be reached. */
export class ApiError extends Error {
  readonly status: number
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, retryAfter?: number) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.retryAfter = retryAfter
  }
}

type Query = Record<string, string | number | boolean | null | undefined>

/** `path` under `/api/v1/` with the parameters that have a value. */
export function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const parameters = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return `/api/v1/${path}${parameters ? `?${parameters}` : ''}`
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return ask<T>('GET', address(path, query), undefined, signal)
}

export async function send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return ask<T>(method, address(path), body)
}

/** As `get`, for what is no JSON. */
export async function text(path: string, signal?: AbortSignal): Promise<string> {
  return (await answer('GET', address(path), undefined, signal)).text()
}

async function ask<T>(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await answer(method, url, body, signal)
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function answer(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' }
  // The node refuses unsafe requests of a browser without this header, which no other site's page can set.
  if (method !== 'GET') headers['x-phantomnet-csrf'] = '1'
  if (body !== undefined) headers['content-type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(url, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, 'The node cannot be reached.')
  }
  if (!response.ok) throw await failure(response)
  return response
}

async function failure(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined
  const said = [problem?.title, problem?.detail].filter(Boolean).join(': ')
  return new ApiError(response.status, said || `The node answered with status ${response.status}.`, problem?.retry_after ?? undefined)
}
