import { useEvents, useSource } from '../api/queries'
import { count } from '../lib/format'
import { escapeText } from '../lib/untrusted'
import { BlockControl } from '../ui/block'
import { ScoreLine } from '../ui/charts'
import { Answer, Chips, Empty, Fact, Heading, Level, Pages, Panel, Said, Techniques, Time } from '../ui/parts'
import { AlertTable, EventTable, SessionTable } from '../ui/tables'

export default function SourcePage({ ip }: { ip: string }) {
  const detail = useSource(ip)
  const events = useEvents({ src: ip })
  return (
    <Answer of={detail} what="the source">
      {({ source, scores, alerts, sessions, techniques }) => (
        <div className="space-y-4">
          <Heading
            title={
              <span className="flex flex-wrap items-center gap-3">
                <span className="font-mono text-xl">{escapeText(source.ip)}</span>
                <Level of={source.level} />
              </span>
            }
          >
            <BlockControl key={source.ip} ip={source.ip} blocked={source.blocked} />
          </Heading>
          <Panel title="Facts">
            <dl className="grid grid-cols-2 gap-4 p-4 md:grid-cols-4 lg:grid-cols-7">
              <Fact name="Score">
                <span className="text-2xl font-semibold tabular-nums">{Math.round(source.score)}</span>
                <span className="text-dim"> of 100</span>
              </Fact>
              <Fact name="First seen">
                <Time at={source.first} />
              </Fact>
              <Fact name="Last seen">
                <Time at={source.last} />
              </Fact>
              <Fact name="Sessions">{count(source.sessions)}</Fact>
              <Fact name="Events">{count(source.events)}</Fact>
              <Fact name="Services">
                <Chips of={source.services} most={8} />
              </Fact>
              <Fact name="Rules">
                <Chips of={source.rules} most={8} />
              </Fact>
            </dl>
          </Panel>
          <div className="grid gap-4 lg:grid-cols-2">
            <Panel title="Why this score">
              {source.reasons.length === 0 ? (
                <Empty>Nothing speaks against this source.</Empty>
              ) : (
                <ul className="divide-y divide-line">
                  {source.reasons.map((reason) => (
                    <li key={reason.name} className="flex items-center gap-4 px-4 py-2">
                      <span className="w-12 shrink-0 text-right font-semibold tabular-nums">+{reason.points.toFixed(1)}</span>
                      <span className="min-w-0 grow">
                        <Said text={reason.text} />
                        <span className="ml-2 font-mono text-xs text-dim">{escapeText(reason.name)}</span>
                      </span>
                      <span aria-hidden className="hidden h-1.5 w-28 shrink-0 overflow-hidden rounded bg-raised sm:block">
                        <span className="block h-full bg-high" style={{ width: `${Math.min(100, Math.max(0, reason.points))}%` }} />
                      </span>
                    </li>
                  ))}
                </ul>
              )}
              <div className="mt-auto border-t border-line p-4">
                <h3 className="mb-2 text-xs text-dim">ATT&CK techniques</h3>
                <Techniques of={techniques} />
              </div>
            </Panel>
            <Panel title="Score over time">
              {scores.length === 0 ? (
                <Empty>The score has not changed since it was first seen.</Empty>
              ) : (
                <div className="p-3">
                  <ScoreLine points={scores} />
                </div>
              )}
            </Panel>
          </div>
          <Panel title="Alerts" aside={<Latest n={alerts.length} />}>
            {alerts.length === 0 ? <Empty>No alert accuses this source.</Empty> : <div className="overflow-x-auto"><AlertTable alerts={alerts} source={false} /></div>}
          </Panel>
          <Panel title="Sessions" aside={<Latest n={sessions.length} />}>
            {sessions.length === 0 ? <Empty>It visited no honeypot.</Empty> : <div className="max-h-96 overflow-auto"><SessionTable sessions={sessions} source={false} /></div>}
          </Panel>
          <Panel title="Events, newest first">
            <Pages of={events} what="events" empty="No event of this source is kept.">
              {(items) => <EventTable events={items} />}
            </Pages>
          </Panel>
        </div>
      )}
    </Answer>
  )
}

/** The node tells at most fifty of each with a source. */
function Latest({ n }: { n: number }) {
  return n >= 50 ? <span className="text-xs text-dim">the latest 50</span> : null
}
