import { useLatestAlerts, useSummary, useTimeline, useTopSources, type Window, WINDOWS } from '../api/queries'
import type { Alert } from '../api/schema'
import { count } from '../lib/format'
import { Link, paths, useParameter } from '../lib/router'
import { slices } from '../lib/timeline'
import { escapeText } from '../lib/untrusted'
import { Honeypots } from '../overview/honeypots'
import { Log } from '../overview/log'
import { ScoreBars, Timeline } from '../ui/charts'
import { Answer, Empty, Level, Panel, Said, SourceLink, Time } from '../ui/parts'
import { SourceTable } from '../ui/tables'

export default function Overview() {
  const [given, setWindow] = useParameter('window')
  const window: Window = given && given in WINDOWS ? (given as Window) : '24h'
  return (
    <div className="space-y-3">
      <h1 className="sr-only">Overview</h1>
      <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-3">
        <Totals window={window} />
        <div role="group" aria-label="Window" className="flex gap-1">
          {(Object.keys(WINDOWS) as Window[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === window}
              onClick={() => setWindow(name)}
              className={`rounded px-2.5 py-1 text-xs ${name === window ? 'bg-raised text-ink' : 'text-soft hover:text-ink'}`}
            >
              {WINDOWS[name].label}
            </button>
          ))}
        </div>
      </div>
      <Honeypots />
      <div className="grid gap-3 xl:grid-cols-12">
        <div className="flex min-w-0 flex-col gap-3 xl:col-span-7">
          <div className="grid gap-3 md:grid-cols-2">
            <Panel title="Threat scores">
              <Scores window={window} />
            </Panel>
            <Panel title="Events and alerts">
              <Past window={window} />
            </Panel>
          </div>
          <Panel title="Top sources" className="grow" aside={<More href="/sources">All sources</More>}>
            <Top window={window} />
          </Panel>
        </div>
        <div className="flex min-w-0 flex-col gap-3 xl:col-span-5">
          <Log className="h-[27rem]" />
          <Panel title="Latest alerts" className="grow" aside={<More href="/alerts">All alerts</More>}>
            <Latest window={window} />
          </Panel>
        </div>
      </div>
    </div>
  )
}

function More({ href, children }: { href: string; children: string }) {
  return (
    <Link href={href} className="text-xs text-soft hover:text-ink hover:underline">
      {children}
    </Link>
  )
}

function Totals({ window }: { window: Window }) {
  const { data } = useSummary(window)
  const serious = (data?.severities.high ?? 0) + (data?.severities.critical ?? 0)
  const totals: [string, number | undefined, string?][] = [
    ['sources', data?.sources],
    ['sessions', data?.sessions],
    ['events', data?.events],
    ['alerts', data?.alerts, serious ? `${count(serious)} high or critical` : undefined],
    ['packets', data?.packets],
  ]
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-2" aria-label={`Counts: ${WINDOWS[window].label.toLowerCase()}`}>
      {totals.map(([name, value, note]) => (
        <div key={name} className="flex items-baseline gap-2">
          <dd className="text-2xl leading-7 font-semibold tabular-nums">{value === undefined ? '–' : count(value)}</dd>
          <dt className="text-soft">
            {name}
            {note && <span className="ml-1.5 text-xs text-high">{note}</span>}
          </dt>
        </div>
      ))}
    </dl>
  )
}

function Scores({ window }: { window: Window }) {
  return (
    <Answer of={useTopSources(window)} what="scores">
      {({ items }) => (items.length === 0 ? <Empty>Nobody was scored in this window.</Empty> : <div className="p-2"><ScoreBars sources={items} /></div>)}
    </Answer>
  )
}

function Past({ window }: { window: Window }) {
  const { length, step } = WINDOWS[window]
  const timeline = useTimeline(window)
  return (
    <Answer of={timeline} what="the timeline">
      {(buckets) => (
        <div className="grow p-2">
          <Timeline slices={slices(buckets, timeline.dataUpdatedAt, length, step)} step={step} />
        </div>
      )}
    </Answer>
  )
}

function Top({ window }: { window: Window }) {
  return (
    <Answer of={useTopSources(window)} what="sources">
      {({ items }) => (items.length === 0 ? <Empty>Nobody has touched this node in this window.</Empty> : <div className="overflow-x-auto"><SourceTable sources={items} /></div>)}
    </Answer>
  )
}

function Latest({ window }: { window: Window }) {
  return (
    <Answer of={useLatestAlerts(window)} what="alerts">
      {({ items }) =>
        items.length === 0 ? (
          <Empty>No alert in this window.</Empty>
        ) : (
          <ul className="divide-y divide-line">
            {items.map((alert) => (
              <Item key={alert.id} alert={alert} />
            ))}
          </ul>
        )
      }
    </Answer>
  )
}

function Item({ alert }: { alert: Alert }) {
  return (
    <li data-testid="alert" className="grid grid-cols-[4.5rem_1fr_auto] items-baseline gap-x-3 px-4 py-2 hover:bg-raised/50">
      <span>
        <Level of={alert.severity} />
      </span>
      <div className="min-w-0">
        <Link href={paths.alert(alert.id)} className="font-medium hover:underline">
          <Said text={alert.title} />
        </Link>
        <div className="flex flex-wrap gap-x-3 text-xs text-dim">
          <span className="font-mono">{escapeText(alert.rule)}</span>
          {alert.src && <SourceLink ip={alert.src} />}
        </div>
      </div>
      <span className="text-xs text-soft">
        <Time at={alert.time} />
      </span>
    </li>
  )
}
