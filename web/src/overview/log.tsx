import { useState } from 'react'
import { clock, count, utc } from '../lib/format'
import { Link, paths } from '../lib/router'
import { feed, KINDS, type Kind, type LiveFeed, type Row, type Snapshot, useFeed } from '../live/feed'
import { Empty, Panel } from '../ui/parts'

/** More rows than this are kept but not drawn: nobody scrolls further in a moving log. */
const DRAWN = 200

const LABEL: Record<Kind, string> = { packet: 'packets', event: 'events', score: 'scores', alert: 'alerts', action: 'actions' }
const COLOUR: Record<Kind, string> = {
  packet: 'text-dim',
  event: 'text-phosphor',
  score: 'text-low',
  alert: 'text-critical',
  action: 'text-medium',
}

/** The live log; it stands still while it is paused or scrolled down. */
export function Log({ of = feed, className = '' }: { of?: LiveFeed; className?: string }) {
  const live = useFeed(of)
  const [hidden, setHidden] = useState<ReadonlySet<Kind>>(new Set())
  const [held, setHeld] = useState<Snapshot>()
  const [scrolled, setScrolled] = useState(false)
  const shown = held ?? live
  const rows = shown.rows.filter((row) => !hidden.has(row.kind)).slice(0, DRAWN)
  const missed = live.received - shown.received
  const skipped = live.skipped.packets + live.skipped.messages

  const toggle = (kind: Kind) => {
    const next = new Set(hidden)
    if (!next.delete(kind)) next.add(kind)
    setHidden(next)
  }
  const pause = () => {
    setScrolled(false)
    setHeld(held ? undefined : live)
  }
  const scroll = (top: number) => {
    if (top > 8 && !held) {
      setHeld(live)
      setScrolled(true)
    } else if (top <= 8 && scrolled) {
      setHeld(undefined)
      setScrolled(false)
    }
  }

  return (
    <Panel
      title="Live traffic"
      className={className}
      aside={
        <div className="flex items-center gap-3 text-xs text-dim">
          <span title={`${count(live.skipped.packets)} packets and ${count(live.skipped.messages)} other messages were too many to tell`}>
            <span data-testid="received" className="tabular-nums">{count(live.received)}</span> received,{' '}
            <span data-testid="skipped" className={`tabular-nums ${skipped > 0 ? 'text-medium' : ''}`}>{count(skipped)}</span> skipped
          </span>
          <button type="button" className="control text-xs" aria-pressed={held !== undefined} onClick={pause}>
            {held ? `Resume${missed > 0 ? ` (${count(missed)} new)` : ''}` : 'Pause'}
          </button>
        </div>
      }
    >
      <div role="group" aria-label="Kinds shown" className="flex flex-wrap gap-1.5 border-b border-line px-4 py-2">
        {KINDS.map((kind) => (
          <button
            key={kind}
            type="button"
            aria-pressed={!hidden.has(kind)}
            onClick={() => toggle(kind)}
            className={`rounded border px-2 text-xs leading-6 ${hidden.has(kind) ? 'border-line text-dim line-through' : `border-edge bg-raised ${COLOUR[kind]}`}`}
          >
            {LABEL[kind]}
          </button>
        ))}
      </div>
      {rows.length === 0 ? (
        <Empty>{live.status === 'live' ? 'Nothing has happened yet. What happens next appears here.' : 'Waiting for the live feed…'}</Empty>
      ) : (
        <div tabIndex={0} role="log" aria-live="off" aria-label="Live traffic, newest first" className="min-h-0 grow overflow-y-auto overscroll-contain bg-black/30 py-1 font-mono text-xs leading-5" onScroll={(event) => scroll(event.currentTarget.scrollTop)}>
          {rows.map((row) => (
            <Line key={row.key} row={row} />
          ))}
        </div>
      )}
    </Panel>
  )
}

function Line({ row }: { row: Row }) {
  const at = new Date(row.time)
  return (
    <div data-testid="log-row" data-kind={row.kind} className={`flex gap-2 px-4 hover:bg-raised ${row.key > 0 ? 'fresh' : ''} ${row.kind === 'packet' ? 'text-dim' : 'text-soft'}`}>
      <time dateTime={row.time} title={utc(row.time)} className="shrink-0 text-dim">
        {clock(at)}
      </time>
      <span className={`w-16 shrink-0 truncate ${COLOUR[row.kind]}`}>{row.label}</span>
      {row.source ? (
        <Link href={paths.source(row.source)} tabIndex={-1} className="w-[7.5rem] shrink-0 truncate hover:underline" title={row.source}>
          {row.source}
        </Link>
      ) : (
        <span className="w-[7.5rem] shrink-0" />
      )}
      <bdi className={`min-w-0 grow truncate ${row.kind === 'packet' ? '' : 'text-ink'}`} title={row.text}>
        {row.service && <span className="text-dim">{row.service} </span>}
        {row.text}
      </bdi>
    </div>
  )
}
