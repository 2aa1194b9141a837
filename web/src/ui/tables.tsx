import type { ReactNode } from 'react'
import { useStanding } from '../api/queries'
import type { Alert, Event, Session, Source } from '../api/schema'
import { describe } from '../lib/describe'
import { count, plural, span } from '../lib/format'
import { Link, paths } from '../lib/router'
import { escapeText } from '../lib/untrusted'
import { standingName } from './block'
import { Bytes, Chip, Chips, Level, Said, Score, SourceLink, Time } from './parts'

function Table({ caption, head, children }: { caption: string; head: (string | [name: string, className: string])[]; children: ReactNode }) {
  return (
    <table className="w-full border-collapse">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr className="text-xs text-dim">
          {head.map((column) => {
            const [name, className] = typeof column === 'string' ? [column, ''] : column
            return (
              <th key={name} scope="col" className={`px-3 py-2 whitespace-nowrap first:pl-4 last:pr-4 ${className}`}>
                {name}
              </th>
            )
          })}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

const ROW = 'border-t border-line align-top hover:bg-raised/50'
const CELL = 'px-3 py-2 first:pl-4 last:pr-4'

/** The highest scored first, with what the score rests on. */
export function SourceTable({ sources }: { sources: Source[] }) {
  const standing = useStanding()
  return (
    <Table
      caption="Sources, the highest score first"
      head={['Source', 'Score', ['Why', 'hidden sm:table-cell'], ['Services', 'hidden md:table-cell'], ['Last seen', 'hidden lg:table-cell']]}
    >
      {sources.map((source) => (
        <tr key={source.ip} data-testid="source" className={ROW}>
          <td className={CELL}>
            <SourceLink ip={source.ip} />
            <div className="mt-0.5 text-xs whitespace-nowrap text-dim">
              {plural(source.sessions, 'session')}, {plural(source.events, 'event')}
            </div>
            {source.blocked && <span className="text-xs text-soft">{standingName(standing.get(source.ip)?.outcome)}</span>}
          </td>
          <td className={CELL}>
            <Score value={source.score} level={source.level} />
          </td>
          <td className={`${CELL} hidden sm:table-cell`}>
            <Chips of={source.rules} most={4} />
            <ul className="mt-1 text-xs text-soft">
              {source.reasons.slice(0, 2).map((reason) => (
                <li key={reason.name} className="flex gap-2">
                  <span className="w-7 shrink-0 text-right text-dim tabular-nums">+{Math.round(reason.points)}</span>
                  <Said text={reason.text} />
                </li>
              ))}
              {source.reasons.length > 2 && <li className="pl-9 text-dim">and {plural(source.reasons.length - 2, 'more reason')}</li>}
            </ul>
          </td>
          <td className={`${CELL} hidden md:table-cell`}>
            <Chips of={source.services} most={6} />
          </td>
          <td className={`${CELL} hidden text-soft lg:table-cell`}>
            <Time at={source.last} relative />
          </td>
        </tr>
      ))}
    </Table>
  )
}

const TRIAGE: Record<string, string> = { open: 'open', acknowledged: 'acknowledged', resolved: 'resolved', false_positive: 'false positive' }

export function triageName(status: string): string {
  return TRIAGE[status] ?? escapeText(status)
}

export function AlertTable({ alerts, source = true }: { alerts: Alert[]; source?: boolean }) {
  return (
    <Table
      caption="Alerts, newest first"
      head={['When', 'Severity', 'Alert', ...(source ? ['Source'] : []), ['Observed', 'hidden md:table-cell text-right'], ['Triage', 'hidden sm:table-cell']]}
    >
      {alerts.map((alert) => (
        <tr key={alert.id} data-testid="alert" className={ROW}>
          <td className={`${CELL} text-soft`}>
            <Time at={alert.time} />
          </td>
          <td className={CELL}>
            <Level of={alert.severity} />
          </td>
          <td className={CELL}>
            <Link href={paths.alert(alert.id)} className="font-medium hover:underline">
              <Said text={alert.title} />
            </Link>
            <div className="font-mono text-xs text-dim">{escapeText(alert.rule)}</div>
          </td>
          {source && <td className={CELL}>{alert.src ? <SourceLink ip={alert.src} /> : <span className="text-dim">many</span>}</td>}
          <td className={`${CELL} hidden text-right tabular-nums md:table-cell`}>{count(alert.count)}</td>
          <td className={`${CELL} hidden text-soft sm:table-cell`}>{triageName(alert.status)}</td>
        </tr>
      ))}
    </Table>
  )
}

export function SessionTable({ sessions, source = true }: { sessions: Session[]; source?: boolean }) {
  return (
    <Table
      caption="Sessions, newest first"
      head={['Opened', 'Service', ...(source ? ['Source'] : []), 'What happened', ['Lasted', 'hidden sm:table-cell'], ['User name', 'hidden md:table-cell']]}
    >
      {sessions.map((session) => (
        <tr key={session.id} className={ROW}>
          <td className={CELL}>
            <Link href={paths.session(session.id)} className="underline decoration-edge underline-offset-4 hover:decoration-phosphor">
              <Time at={session.opened} />
            </Link>
          </td>
          <td className={CELL}>{session.service ? <Chip>{escapeText(session.service)}</Chip> : <span className="text-dim">unknown</span>}</td>
          {source && <td className={CELL}>{session.src && <SourceLink ip={session.src.ip} />}</td>}
          <td className={CELL}>
            {happened(session)}
            {session.accepted && <span className="ml-2 text-xs text-medium">logged in</span>}
          </td>
          <td className={`${CELL} hidden whitespace-nowrap text-soft sm:table-cell`}>
            {session.closed ? span(session.duration_ms) : <span className="text-phosphor">open</span>}
          </td>
          <td className={`${CELL} hidden md:table-cell`}>{session.username && <Bytes of={session.username} />}</td>
        </tr>
      ))}
    </Table>
  )
}

export function happened(session: Session): string {
  const parts = [
    [session.logins, 'login'],
    [session.commands, 'command'],
    [session.requests, 'request'],
    [session.transfers, 'transfer'],
  ] as const
  return parts.flatMap(([n, name]) => (n > 0 ? [plural(n, name)] : [])).join(', ') || plural(session.events, 'event')
}

export function EventTable({ events, source = false }: { events: Event[]; source?: boolean }) {
  return (
    <Table caption="Events" head={['When', 'Kind', ...(source ? ['Source'] : []), 'What']}>
      {events.map((event) => (
        <tr key={event.id} className={ROW}>
          <td className={`${CELL} text-soft`}>
            <Time at={event.time} />
          </td>
          <td className={CELL}>
            <Chip>{escapeText(event.kind)}</Chip>
          </td>
          {source && <td className={CELL}>{event.src && <SourceLink ip={event.src.ip} />}</td>}
          <td className={`${CELL} font-mono text-xs leading-5 break-all`}>
            <bdi>{describe(event)}</bdi>
            {event.kind === 'request' && <RequestDetail event={event} />}
          </td>
        </tr>
      ))}
    </Table>
  )
}

interface Request {
  headers?: [string, string][]
  body_head?: string
  body_sha256?: string
}

function RequestDetail({ event }: { event: Event }) {
  const { headers = [], body_head: body = '', body_sha256: hash } = (event.request ?? {}) as Request
  if (headers.length === 0 && !body) return null
  return (
    <details className="mt-1 text-soft">
      <summary className="cursor-pointer font-sans text-dim">{plural(headers.length, 'header')}{body && ' and a body'}</summary>
      <ul className="mt-1 border-l border-line pl-3">
        {headers.map(([name, value], index) => (
          <li key={index}>
            <Bytes of={`${name}: `} />
            <Bytes of={value} />
          </li>
        ))}
        {body && (
          <li className="mt-1">
            <Bytes of={body} />
          </li>
        )}
        {hash && <li className="mt-1 text-dim">sha256 {escapeText(hash)}</li>}
      </ul>
    </details>
  )
}
