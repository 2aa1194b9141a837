import { useHoneypots } from '../api/queries'
import type { HoneypotStatus } from '../api/schema'
import { count, span } from '../lib/format'
import { useNow } from '../lib/now'
import { Link } from '../lib/router'
import { escapeText } from '../lib/untrusted'
import { Answer, Empty, Said, Time } from '../ui/parts'

const STATE: Record<string, [dot: string, text: string]> = {
  up: ['bg-phosphor', 'text-phosphor'],
  starting: ['bg-medium', 'text-medium'],
  holding: ['bg-high', 'text-high'],
  down: ['bg-critical', 'text-critical'],
  off: ['bg-edge', 'text-dim'],
}

export function Honeypots() {
  return (
    <section aria-label="Honeypots">
      <Answer of={useHoneypots()} what="the honeypots">
        {(honeypots) =>
          honeypots.length === 0 ? (
            <Empty>No honeypot is set up.</Empty>
          ) : (
            <ul className="grid grid-cols-[repeat(auto-fit,minmax(13rem,1fr))] gap-3">
              {honeypots.map((honeypot) => (
                <Widget key={honeypot.service} of={honeypot} />
              ))}
            </ul>
          )
        }
      </Answer>
    </section>
  )
}

export function Widget({ of }: { of: HoneypotStatus }) {
  const now = useNow()
  const [dot, text] = STATE[of.state] ?? ['bg-medium', 'text-medium']
  return (
    <li data-testid="honeypot" data-service={of.service} data-state={of.state} className={`rounded-lg border border-line bg-panel px-4 py-3 ${of.state === 'off' ? 'opacity-75' : ''}`}>
      <div className="flex items-baseline justify-between gap-2">
        <Link href={`/sessions?service=${encodeURIComponent(of.service)}`} className="font-semibold uppercase hover:underline">
          {escapeText(of.service)}
        </Link>
        <span className={`flex items-center gap-1.5 text-xs font-medium ${text}`}>
          <span aria-hidden className={`size-2 rounded-full ${dot}`} />
          {escapeText(of.state)}
          {of.since && <span className="font-normal text-dim">{span(Math.max(now - Date.parse(of.since), 0))}</span>}
        </span>
      </div>
      <dl className="mt-2 grid grid-cols-3 gap-2">
        <Number name="sessions" value={of.sessions} />
        <Number name="open" value={of.open} />
        <Number name="refused" value={of.refused} warn />
      </dl>
      <p className="mt-2 flex flex-wrap justify-between gap-x-3 text-xs text-dim">
        <span>{of.last_event ? <>last event <Time at={of.last_event} relative /></> : 'no event yet'}</span>
        <span className="max-w-full truncate font-mono" title={of.listen.join(', ')}>
          {escapeText(ports(of.listen))}
        </span>
      </p>
      {of.detail && (
        <p className={`mt-1 text-xs ${text}`}>
          <Said text={of.detail} />
        </p>
      )}
    </li>
  )
}

function ports(listen: string[]): string {
  return [...new Set(listen.map((address) => address.slice(address.lastIndexOf(':'))))].join(' ')
}

function Number({ name, value, warn = false }: { name: string; value: number; warn?: boolean }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-xs text-dim">{name}</dt>
      <dd className={`text-base leading-5 font-semibold tabular-nums ${warn && value > 0 ? 'text-medium' : ''}`}>{count(value)}</dd>
    </div>
  )
}
