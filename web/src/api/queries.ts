import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ApiError, get } from './client'
import type {
  Alert,
  AlertPage,
  Action,
  Block,
  Bucket,
  Event,
  HoneypotStatus,
  Me,
  PolicyView,
  Session,
  Source,
  SourceDetail,
  SourcePage,
  Summary,
} from './schema'

/** A page of any list. */
export interface Page<T> {
  items: T[]
  next?: string | null
}

/** What a chart or count is about; `step` is a timeline's slice in milliseconds. */
export const WINDOWS = {
  '1h': { label: 'Last hour', length: 3_600_000, step: 60_000, bucket: '1m' },
  '24h': { label: 'Last 24 hours', length: 86_400_000, step: 900_000, bucket: '15m' },
  '7d': { label: 'Last 7 days', length: 604_800_000, step: 7_200_000, bucket: '2h' },
} as const
export type Window = keyof typeof WINDOWS

/** A session that once was, so that a page without one does not have to ask the node and be refused. */
const REMEMBERED = 'phantomnet.session'

export function remember(loggedIn: boolean): void {
  if (loggedIn) localStorage.setItem(REMEMBERED, '1')
  else localStorage.removeItem(REMEMBERED)
}

export function makeClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  })
  client.getQueryCache().subscribe(({ query }) => {
    const { error } = query.state
    if (error instanceof ApiError && error.status === 401 && client.getQueryData(['me']) !== null) {
      remember(false)
      client.setQueryData(['me'], null)
    }
  })
  return client
}

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    staleTime: Infinity,
    queryFn: async ({ signal }): Promise<Me | null> => {
      if (!localStorage.getItem(REMEMBERED)) return null
      try {
        return await get<Me>('auth/me', undefined, signal)
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 401)) throw error
        remember(false)
        return null
      }
    },
  })
}

/** Whether whoever is logged in may block, unblock and triage. */
export function useMayAct(): boolean {
  const role = useMe().data?.role
  return role === 'admin' || role === 'analyst'
}

export function useSummary(window: Window) {
  return useQuery({
    queryKey: ['summary', window],
    queryFn: ({ signal }) => get<Summary>('summary', { since: window }, signal),
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  })
}

export function useTimeline(window: Window) {
  const { bucket } = WINDOWS[window]
  return useQuery({
    queryKey: ['timeline', window],
    queryFn: ({ signal }) => get<Bucket[]>('analytics/timeline', { since: window, bucket }, signal),
    refetchInterval: 15_000,
  })
}

export function useHoneypots() {
  return useQuery({
    queryKey: ['honeypots'],
    queryFn: ({ signal }) => get<HoneypotStatus[]>('honeypots', undefined, signal),
    refetchInterval: 3_000,
  })
}

export function useTopSources(window: Window) {
  return useQuery({
    queryKey: ['sources', 'top', window],
    queryFn: ({ signal }) => get<SourcePage>('sources', { since: window, limit: 10 }, signal),
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
  })
}

export function useLatestAlerts(window: Window) {
  return useQuery({
    queryKey: ['alerts', 'latest', window],
    queryFn: ({ signal }) => get<AlertPage>('alerts', { since: window, limit: 12 }, signal),
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
  })
}

export function useSource(ip: string) {
  return useQuery({
    queryKey: ['source', ip],
    queryFn: ({ signal }) => get<SourceDetail>(`sources/${encodeURIComponent(ip)}`, undefined, signal),
    refetchInterval: 5_000,
  })
}

export function useAlert(id: string) {
  return useQuery({
    queryKey: ['alert', id],
    queryFn: ({ signal }) => get<Alert>(`alerts/${encodeURIComponent(id)}`, undefined, signal),
  })
}

export function useSession(id: string) {
  return useQuery({
    queryKey: ['session', id],
    queryFn: ({ signal }) => get<Session>(`sessions/${encodeURIComponent(id)}`, undefined, signal),
    refetchInterval: (query) => (query.state.data?.closed ? false : 3_000),
  })
}

export function usePolicy() {
  return useQuery({
    queryKey: ['policy'],
    queryFn: ({ signal }) => get<PolicyView>('policy', undefined, signal),
    refetchInterval: 30_000,
  })
}

type Filter = Record<string, string | undefined>

/** A list that grows page by page. `every`: milliseconds between two askings of the pages already shown. */
function useList<T>(path: string, filter: Filter, every?: number) {
  return useInfiniteQuery({
    queryKey: [path, 'list', filter],
    queryFn: ({ pageParam, signal }) => get<Page<T>>(path, { limit: 100, ...filter, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    // Asking again for all of many pages would be a burden to the node and of no use to who reads the tenth.
    refetchInterval: (query) => (every && (query.state.data?.pages.length ?? 0) <= 1 ? every : false),
    placeholderData: keepPreviousData,
  })
}

export type List<T> = ReturnType<typeof useList<T>>

export const useAlerts = (filter: Filter) => useList<Alert>('alerts', filter, 5_000)
export const useSources = (filter: Filter) => useList<Source>('sources', filter, 5_000)
export const useSessions = (filter: Filter) => useList<Session>('sessions', filter, 5_000)
export const useEvents = (filter: Filter) => useList<Event>('events', filter, 5_000)
export const useBlocks = (filter: Filter) => useList<Block>('blocks', filter, 5_000)
/** How each standing block came out, `enforced` or `dry_run`, by its target. */
export function useStanding(): Map<string, Block> {
  const blocks = useBlocks({})
  return new Map(blocks.data?.pages.flatMap((page) => page.items).map((block) => [block.target, block]))
}

export const useActions = (filter: Filter) => useList<Action>('actions', filter, 5_000)
