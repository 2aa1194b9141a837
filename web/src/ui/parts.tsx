import { type ReactNode, useId } from 'react'
import { ApiError } from '../api/client'
import type { Severity } from '../api/schema'
import type { List } from '../api/queries'
import { ago, instant, utc } from '../lib/format'
import { useNow } from '../lib/now'
import { Link, paths } from '../lib/router'
import { technique } from '../lib/techniques'
import { escapeBytes, escapeText } from '../lib/untrusted'

/** A titled part of a page. */
export function Panel({ title, aside, children, className = '' }: { title: string; aside?: ReactNode; children: ReactNode; className?: string }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={`flex min-w-0 flex-col rounded-lg border border-line bg-panel ${className}`}>
      <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-2">
        <h2 id={id} className="text-sm font-semibold">
          {title}
        </h2>
        {aside}
      </header>
      {children}
    </section>
  )
}

/** An instant in local time; UTC as the node wrote it when pointed at. */
export function Time({ at, relative = false }: { at: string; relative?: boolean }) {
  const now = useNow()
  const date = new Date(at)
  return (
    <time dateTime={at} title={utc(at)} className="whitespace-nowrap tabular-nums">
      {relative ? ago(date.getTime(), now) : instant(date, new Date(now))}
    </time>
  )
}

/** Attacker bytes as sent. */
export function Bytes({ of }: { of: string }) {
  return (
    <bdi className="font-mono break-all" translate="no">
      {escapeBytes(of)}
    </bdi>
  )
}

/** Words of the node that may quote a peer, already escaped there. */
export function Said({ text }: { text: string }) {
  return <bdi className="break-words">{escapeText(text)}</bdi>
}

const LEVEL: Record<Severity, string> = {
  low: 'text-low border-low/40 bg-low/10',
  medium: 'text-medium border-medium/40 bg-medium/10',
  high: 'text-high border-high/40 bg-high/10',
  critical: 'text-critical border-critical/50 bg-critical/10',
}

export function Level({ of }: { of: Severity }) {
  return <span className={`inline-block rounded border px-1.5 text-xs leading-5 font-medium ${LEVEL[of] ?? ''}`}>{of}</span>
}

export function Chip({ children, title }: { children: ReactNode; title?: string }) {
  return (
    <span title={title} className="inline-block rounded bg-raised px-1.5 text-xs leading-5 whitespace-nowrap text-soft">
      {children}
    </span>
  )
}

/** Short names side by side; those past `most` are counted. */
export function Chips({ of, most = 3 }: { of: string[]; most?: number }) {
  if (of.length === 0) return <span className="text-dim">none</span>
  return (
    <span className="flex flex-wrap gap-1">
      {of.slice(0, most).map((name) => (
        <Chip key={name}>{escapeText(name)}</Chip>
      ))}
      {of.length > most && <Chip title={of.slice(most).join(', ')}>+{of.length - most}</Chip>}
    </span>
  )
}

export function Techniques({ of }: { of: string[] }) {
  if (of.length === 0) return <span className="text-dim">none named</span>
  return (
    <ul className="flex flex-wrap gap-1.5">
      {of.map((id) => (
        <li key={id} className="rounded bg-raised px-2 py-0.5 text-xs">
          <span className="font-mono text-ink">{escapeText(id)}</span>
          {technique(id) && <span className="text-soft"> {technique(id)}</span>}
        </li>
      ))}
    </ul>
  )
}

export function SourceLink({ ip }: { ip: string }) {
  return (
    <Link href={paths.source(ip)} className="font-mono text-ink underline decoration-edge underline-offset-4 hover:decoration-phosphor">
      {escapeText(ip)}
    </Link>
  )
}

export function Score({ value, level }: { value: number; level: Severity }) {
  return (
    <span className="flex items-center gap-2">
      <span className="w-8 text-right text-base font-semibold tabular-nums">{Math.round(value)}</span>
      <Level of={level} />
    </span>
  )
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="px-4 py-8 text-center text-dim">{children}</p>
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="px-4 py-8 text-center text-dim">
      Loading {what}…
    </p>
  )
}

export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div role="alert" className="m-4 rounded border border-critical/50 bg-critical/10 px-3 py-2">
      <Said text={error.message} />
      {retry && !(error instanceof ApiError && error.status === 404) && (
        <button type="button" className="control ml-3 text-xs" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** What a question came to: its answer once there is one, and how things stand until then. */
export function Answer<T>({ of, what, children }: { of: { data: T | undefined; error: Error | null; refetch: () => unknown }; what: string; children: (data: T) => ReactNode }) {
  if (of.data === undefined) {
    return of.error ? <Failed error={of.error} retry={() => void of.refetch()} /> : <Loading what={what} />
  }
  return (
    <>
      {of.error && (
        <p role="status" className="border-b border-line px-4 py-1.5 text-xs text-medium">
          Not up to date: <Said text={of.error.message} />
        </p>
      )}
      {children(of.data)}
    </>
  )
}

/** The items of all pages read so far, and a way to more. */
export function Pages<T>({ of, what, empty, children }: { of: List<T>; what: string; empty: ReactNode; children: (items: T[]) => ReactNode }) {
  return (
    <Answer of={of} what={what}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items)
        if (items.length === 0) return <Empty>{empty}</Empty>
        return (
          <>
            <div className="overflow-x-auto">{children(items)}</div>
            {of.hasNextPage && (
              <div className="border-t border-line p-3 text-center">
                <button type="button" className="control" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
                  {of.isFetchingNextPage ? 'Loading…' : `More ${what}`}
                </button>
              </div>
            )}
          </>
        )
      }}
    </Answer>
  )
}

export function Choice({ label, value, options, onChange }: { label: string; value: string; options: [value: string, label: string][]; onChange: (value: string) => void }) {
  return (
    <label className="flex items-center gap-2 text-xs text-dim">
      {label}
      <select className="control text-sm" value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([option, name]) => (
          <option key={option} value={option}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

/** A name and its value, for the heads of detail pages. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-dim">{name}</dt>
      <dd className="mt-0.5 break-words">{children}</dd>
    </div>
  )
}

export function Heading({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <h1 className="text-lg font-semibold">{title}</h1>
      {children}
    </div>
  )
}
