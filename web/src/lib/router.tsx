import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react'

/** The few paths of the dashboard, on the History API. */

const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}

export function navigate(to: string, replace = false): void {
  if (replace) window.history.replaceState(null, '', to)
  else window.history.pushState(null, '', to)
  for (const listener of listeners) listener()
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname)
}

/** One parameter of the address; setting it to `undefined` takes it out. */
export function useParameter(name: string): [string | undefined, (value: string | undefined) => void] {
  const search = useSyncExternalStore(subscribe, () => window.location.search)
  const set = (value: string | undefined) => {
    const parameters = new URLSearchParams(window.location.search)
    if (value) parameters.set(name, value)
    else parameters.delete(name)
    const text = parameters.toString()
    navigate(`${window.location.pathname}${text ? `?${text}` : ''}`, true)
  }
  return [new URLSearchParams(search).get(name) ?? undefined, set]
}

export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    const own = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (event.defaultPrevented || !own) return
    event.preventDefault()
    navigate(href)
    window.scrollTo(0, 0)
  }
  return <a href={href} onClick={follow} {...rest} />
}

export const paths = {
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  source: (ip: string) => `/sources/${encodeURIComponent(ip)}`,
  session: (id: string) => `/sessions/${encodeURIComponent(id)}`,
}
