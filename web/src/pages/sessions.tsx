import { lazy, Suspense } from 'react'
import { useEvents, useHoneypots, useSession, useSessions } from '../api/queries'
import { bytes, endpoint, span } from '../lib/format'
import { useParameter } from '../lib/router'
import { escapeText } from '../lib/untrusted'
import { Answer, Bytes, Chip, Choice, Fact, Heading, Loading, Pages, Panel, SourceLink, Time } from '../ui/parts'
import { EventTable, happened, SessionTable } from '../ui/tables'

// A terminal emulator comes with it: only whoever looks at a recording need wait for that.
const Recording = lazy(() => import('../play/recording'))

export function SessionsPage() {
  const [service, setService] = useParameter('service')
  const [accepted, setAccepted] = useParameter('accepted')
  const honeypots = useHoneypots()
  const sessions = useSessions({ service, accepted })
  const services = [...new Set([...(honeypots.data ?? []).map((honeypot) => honeypot.service), ...(service ? [service] : [])])]
  return (
    <div className="space-y-4">
      <Heading title="Sessions">
        <div className="flex flex-wrap gap-4">
          <Choice label="Service" value={service ?? ''} options={[['', 'any'], ...services.map((name): [string, string] => [name, escapeText(name)])]} onChange={setService} />
          <Choice
            label="Login"
            value={accepted ?? ''}
            options={[
              ['', 'any'],
              ['true', 'accepted'],
              ['false', 'never accepted'],
            ]}
            onChange={setAccepted}
          />
        </div>
      </Heading>
      <Panel title="Newest first">
        <Pages of={sessions} what="sessions" empty={service || accepted ? 'No session matches.' : 'Nobody has visited a honeypot so far.'}>
          {(items) => <SessionTable sessions={items} />}
        </Pages>
      </Panel>
    </div>
  )
}

export function SessionPage({ id }: { id: string }) {
  const session = useSession(id)
  const events = useEvents({ session: id })
  return (
    <Answer of={session} what="the session">
      {(session) => (
        <div className="space-y-4">
          <Heading
            title={
              <>
                Session with {session.service ? escapeText(session.service) : 'an unknown service'}
                {session.src && (
                  <>
                    {' '}
                    from <SourceLink ip={session.src.ip} />
                  </>
                )}
              </>
            }
          >
            {!session.closed && <span className="text-phosphor">still open</span>}
          </Heading>
          <Panel title="Facts">
            <dl className="grid grid-cols-2 gap-4 p-4 md:grid-cols-4 lg:grid-cols-8">
              <Fact name="Opened">
                <Time at={session.opened} />
              </Fact>
              <Fact name="Lasted">{session.closed ? span(session.duration_ms) : 'still open'}</Fact>
              <Fact name="What happened">{happened(session)}</Fact>
              <Fact name="User name">{session.username ? <Bytes of={session.username} /> : 'none'}</Fact>
              <Fact name="Login">{session.accepted ? <span className="text-medium">accepted</span> : 'not accepted'}</Fact>
              <Fact name="Received, sent">
                {bytes(session.bytes_in)}, {bytes(session.bytes_out)}
              </Fact>
              <Fact name="Port">{session.dst && <span className="font-mono">{endpoint(session.dst.ip, session.dst.port)}</span>}</Fact>
              <Fact name="Ended by">{session.why ? <Chip>{escapeText(session.why)}</Chip> : session.closed ? 'peer or protocol' : 'nobody yet'}</Fact>
            </dl>
          </Panel>
          {session.accepted && session.service === 'ssh' && (
            <Panel title="Recording">
              <Suspense fallback={<Loading what="the player" />}>
                <Recording session={id} />
              </Suspense>
            </Panel>
          )}
          <Panel title="Events, newest first">
            <Pages of={events} what="events" empty="No event of this session is kept.">
              {(items) => <EventTable events={items} />}
            </Pages>
          </Panel>
        </div>
      )}
    </Answer>
  )
}
