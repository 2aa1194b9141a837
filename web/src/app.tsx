import { useQueryClient } from '@tanstack/react-query'
import { Component, lazy, type ReactNode, Suspense, useEffect, useRef } from 'react'
import { send } from './api/client'
import { remember, useMe, usePolicy } from './api/queries'
import { Link, navigate, usePath } from './lib/router'
import { escapeText } from './lib/untrusted'
import { feed, useFeed } from './live/feed'
import { Login } from './pages/login'
import { AlertPage, AlertsPage } from './pages/alerts'
import { ResponsePage } from './pages/response'
import { SessionPage, SessionsPage } from './pages/sessions'
import { SourcesPage } from './pages/sources'
import { Empty, Failed, Loading } from './ui/parts'

// The charts are most of the bytes: whoever logs in or reads a list need not wait for them.
const Overview = lazy(() => import('./pages/overview'))
const SourcePage = lazy(() => import('./pages/source'))

export function App() {
  const me = useMe()
  if (me.data) return <Shell name={me.data.name} role={me.data.role} />
  if (me.error) return <Failed error={me.error} retry={() => void me.refetch()} />
  return me.data === null ? <Login /> : <Loading what="the dashboard" />
}

const NAVIGATION = [
  ['/', 'Overview'],
  ['/alerts', 'Alerts'],
  ['/sources', 'Sources'],
  ['/sessions', 'Sessions'],
  ['/response', 'Response'],
] as const

function Shell({ name, role }: { name: string; role: string }) {
  const client = useQueryClient()
  const path = usePath()
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)

  useEffect(() => {
    feed.onVerdict = () => {
      for (const key of ['alerts', 'sources', 'source', 'summary', 'blocks', 'actions']) void client.invalidateQueries({ queryKey: [key] })
    }
    feed.start()
    feed.recall().catch(() => {})
    return () => feed.stop()
  }, [client])

  useEffect(() => {
    const here = NAVIGATION.find(([href]) => (href === '/' ? path === '/' : path.startsWith(href)))
    document.title = here ? `${here[1]} · PhantomNet` : 'PhantomNet'
    // Readers of the screen hear the new page; on the first one the browser does that itself.
    if (!first.current) main.current?.focus()
    first.current = false
  }, [path])

  const leave = async () => {
    await send('POST', 'auth/logout').catch(() => {})
    remember(false)
    // The page asks who is there first: clearing that question too would leave it without an answer.
    client.setQueryData(['me'], null)
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' })
    navigate('/')
  }

  return (
    <div className="min-h-screen">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:bg-panel focus:p-2">
        Skip to the content
      </a>
      <header className="border-b border-line bg-panel">
        <div className="mx-auto flex max-w-[100rem] flex-wrap items-center gap-x-6 gap-y-1 px-4 py-2">
          <Link href="/" className="flex items-center gap-2 text-base font-semibold">
            <img src="/favicon.svg" alt="" width="24" height="24" />
            PhantomNet
          </Link>
          <nav aria-label="Main" className="order-last -mx-2 flex w-full overflow-x-auto sm:order-none sm:w-auto">
            {NAVIGATION.map(([href, label]) => {
              const current = href === '/' ? path === '/' : path.startsWith(href)
              return (
                <Link
                  key={href}
                  href={href}
                  aria-current={current ? 'page' : undefined}
                  className={`rounded px-2.5 py-1.5 ${current ? 'bg-raised text-ink' : 'text-soft hover:text-ink'}`}
                >
                  {label}
                </Link>
              )
            })}
          </nav>
          <div className="ml-auto flex items-center gap-4 text-xs text-soft">
            <Connection />
            <Mode />
            <span className="hidden md:inline" title={`role ${role}`}>
              {escapeText(name)}
            </span>
            <button type="button" className="control text-xs" onClick={() => void leave()}>
              Log out
            </button>
          </div>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className="mx-auto max-w-[100rem] px-4 py-4">
        <Guarded key={path}>
          <Suspense fallback={<Loading what="the page" />}>
            <Page path={path} />
          </Suspense>
        </Guarded>
      </main>
    </div>
  )
}

function Page({ path }: { path: string }) {
  const [, section, given, ...rest] = path.split('/')
  const id = decode(given)
  if (rest.length > 0 || (section !== '' && section === undefined)) return <Nowhere />
  switch (section) {
    case '':
      return <Overview />
    case 'alerts':
      return id ? <AlertPage id={id} /> : <AlertsPage />
    case 'sources':
      return id ? <SourcePage ip={id} /> : <SourcesPage />
    case 'sessions':
      return id ? <SessionPage id={id} /> : <SessionsPage />
    case 'response':
      return <ResponsePage />
    default:
      return <Nowhere />
  }
}

function decode(segment: string | undefined): string | undefined {
  try {
    return segment && decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function Nowhere() {
  return (
    <Empty>
      There is no such page.{' '}
      <Link href="/" className="text-ink underline">
        Back to the overview
      </Link>
    </Empty>
  )
}

function Connection() {
  const { status } = useFeed()
  const [dot, text] = {
    live: ['bg-phosphor', 'Live'],
    connecting: ['bg-medium', 'Connecting'],
    lost: ['bg-critical', 'Connection lost'],
  }[status] as [string, string]
  return (
    <span role="status" data-testid="connection" className="flex items-center gap-1.5">
      <span aria-hidden className={`size-2 rounded-full ${dot}`} />
      {text}
    </span>
  )
}

function Mode() {
  const { data } = usePolicy()
  if (!data) return null
  const differs = data.effective !== data.mode
  return (
    <Link href="/response" className="hover:text-ink" title={data.detail ?? 'how alerts are answered'}>
      Response: <span className={differs ? 'text-medium' : 'text-ink'}>{escapeText(data.effective)}</span>
    </Link>
  )
}

/** One broken page must not take the navigation with it. */
class Guarded extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    return this.state.error ? <Failed error={this.state.error} retry={() => this.setState({ error: undefined })} /> : this.props.children
  }
}
