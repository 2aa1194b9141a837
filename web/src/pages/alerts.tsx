import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { send } from '../api/client'
import { useAlert, useAlerts, useMayAct } from '../api/queries'
import type { Alert, Triage } from '../api/schema'
import { count, endpoint } from '../lib/format'
import { Link, paths, useParameter } from '../lib/router'
import { escapeText } from '../lib/untrusted'
import { Answer, Choice, Chip, Fact, Failed, Heading, Level, Pages, Panel, Said, SourceLink, Techniques, Time } from '../ui/parts'
import { AlertTable, triageName } from '../ui/tables'

export const LEVELS: [string, string][] = [
  ['', 'any'],
  ['critical', 'critical'],
  ['high', 'high'],
  ['medium', 'medium'],
  ['low', 'low'],
]
const STATES: Triage[] = ['open', 'acknowledged', 'resolved', 'false_positive']

export function AlertsPage() {
  const [severity, setSeverity] = useParameter('severity')
  const [status, setStatus] = useParameter('status')
  const alerts = useAlerts({ severity, status })
  return (
    <div className="space-y-4">
      <Heading title="Alerts">
        <div className="flex flex-wrap gap-4">
          <Choice label="Severity" value={severity ?? ''} options={LEVELS} onChange={setSeverity} />
          <Choice label="Triage" value={status ?? ''} options={[['', 'any'], ...STATES.map((state): [string, string] => [state, triageName(state)])]} onChange={setStatus} />
        </div>
      </Heading>
      <Panel title="Newest first">
        <Pages of={alerts} what="alerts" empty={severity || status ? 'No alert matches.' : 'No alert so far: nobody has done anything the detectors know.'}>
          {(items) => <AlertTable alerts={items} />}
        </Pages>
      </Panel>
    </div>
  )
}

export function AlertPage({ id }: { id: string }) {
  const alert = useAlert(id)
  const mayAct = useMayAct()
  return (
    <Answer of={alert} what="the alert">
      {(alert) => (
        <div className="space-y-4">
          <Heading
            title={
              <span className="flex flex-wrap items-center gap-3">
                <Said text={alert.title} />
                <Level of={alert.severity} />
              </span>
            }
          >
            <span className="font-mono text-sm text-soft">{escapeText(alert.rule)}</span>
          </Heading>
          <div className="grid gap-4 lg:grid-cols-3">
            <div className="space-y-4 lg:col-span-2">
              <Panel title="Facts">
                <dl className="grid grid-cols-2 gap-4 p-4 md:grid-cols-4">
                  <Fact name="Source">{alert.src ? <SourceLink ip={alert.src} /> : 'many'}</Fact>
                  <Fact name="Target">{alert.dst ? <span className="font-mono">{endpoint(alert.dst.ip, alert.dst.port)}</span> : 'not one'}</Fact>
                  <Fact name="Service">{alert.service ? <Chip>{escapeText(alert.service)}</Chip> : 'none'}</Fact>
                  <Fact name="Score when it fired">{Math.round(alert.score)}</Fact>
                  <Fact name="Observed">{count(alert.count)}</Fact>
                  <Fact name="First">
                    <Time at={alert.first} />
                  </Fact>
                  <Fact name="Last">
                    <Time at={alert.last} />
                  </Fact>
                  <Fact name="Sensor">{escapeText(alert.sensor)}</Fact>
                </dl>
              </Panel>
              <Panel title="Evidence">
                <ol className="divide-y divide-line">
                  {alert.evidence.map((evidence, index) => (
                    <li key={index} className="px-4 py-2.5">
                      <span className="font-mono text-xs leading-5">
                        <Said text={evidence.text} />
                      </span>
                      {evidence.session && (
                        <Link href={paths.session(evidence.session)} className="ml-3 text-xs text-soft underline">
                          session
                        </Link>
                      )}
                    </li>
                  ))}
                  {alert.evidence.length === 0 && <li className="px-4 py-6 text-center text-dim">The detector named no single piece.</li>}
                </ol>
              </Panel>
            </div>
            <div className="space-y-4">
              <Panel title="ATT&CK techniques">
                <div className="p-4">
                  <Techniques of={alert.technique} />
                </div>
              </Panel>
              <Panel title="Triage">
                <div className="space-y-3 p-4">
                  <p>
                    {triageName(alert.status)}
                    {alert.triaged_by && alert.triaged_at && (
                      <span className="text-dim">
                        {' '}
                        by {escapeText(alert.triaged_by)}, <Time at={alert.triaged_at} />
                      </span>
                    )}
                  </p>
                  {mayAct ? <TriageForm key={alert.triaged_at} alert={alert} /> : alert.note && <Said text={alert.note} />}
                </div>
              </Panel>
            </div>
          </div>
        </div>
      )}
    </Answer>
  )
}

function TriageForm({ alert }: { alert: Alert }) {
  const client = useQueryClient()
  const triage = useMutation({
    mutationFn: (verdict: { status: string; note: string }) => send<Alert>('PATCH', `alerts/${alert.id}`, verdict),
    onSuccess: (row) => {
      client.setQueryData(['alert', alert.id], row)
      void client.invalidateQueries({ queryKey: ['alerts'] })
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    triage.mutate({ status: String(form.get('status')), note: String(form.get('note')) })
  }
  return (
    <form onSubmit={submit} className="space-y-3">
      <label className="block text-xs text-dim">
        State
        <select name="status" defaultValue={alert.status} className="control mt-1 block w-full text-sm">
          {STATES.map((state) => (
            <option key={state} value={state}>
              {triageName(state)}
            </option>
          ))}
        </select>
      </label>
      <label className="block text-xs text-dim">
        Note
        <textarea name="note" defaultValue={alert.note} maxLength={4000} rows={3} className="control mt-1 block w-full text-sm" />
      </label>
      {triage.error && <Failed error={triage.error} />}
      <button type="submit" className="control" disabled={triage.isPending}>
        {triage.isPending ? 'Saving…' : 'Save'}
      </button>
    </form>
  )
}
