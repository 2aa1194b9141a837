import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useRef, useState } from 'react'
import { send } from '../api/client'
import { useMayAct, usePolicy, useStanding } from '../api/queries'
import type { Action } from '../api/schema'
import { span } from '../lib/format'
import { escapeText } from '../lib/untrusted'
import { Failed, Said } from './parts'

const LENGTHS: [string, string][] = [
  ['', 'as the policy has it'],
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['24h', '1 day'],
  ['7d', '7 days'],
]

/** Blocks and unblocks one address, and says what the node made of it. */
export function BlockControl({ ip, blocked }: { ip: string; blocked: boolean }) {
  const client = useQueryClient()
  const mayAct = useMayAct()
  const policy = usePolicy().data
  const dialog = useRef<HTMLDialogElement>(null)
  const [done, setDone] = useState<Action>()
  const standing = useStanding().get(ip)

  const settled = (action: Action) => {
    setDone(action)
    dialog.current?.close()
    for (const key of ['source', 'sources', 'blocks', 'actions']) void client.invalidateQueries({ queryKey: [key] })
  }
  const block = useMutation({
    mutationFn: (order: { why: string; for?: string }) => send<Action>('POST', 'blocks', { ip, ...order }),
    onSuccess: settled,
  })
  const unblock = useMutation({
    mutationFn: () => send<Action>('DELETE', `blocks/${encodeURIComponent(ip)}`),
    onSuccess: settled,
  })

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const lasts = String(form.get('for'))
    block.mutate({ why: String(form.get('why')).trim(), ...(lasts && { for: lasts }) })
  }

  return (
    <div className="flex flex-wrap items-center gap-3">
      {(standing || blocked) && (
        <span className={standing?.outcome === 'enforced' ? 'text-phosphor' : 'text-medium'}>
          {standingName(standing?.outcome)}
          {standing?.until && <span className="text-soft"> for {span(Date.parse(standing.until) - Date.now())} more</span>}
        </span>
      )}
      {done && (
        <span role="status" className="text-soft">
          <Said text={outcome(done)} />
        </span>
      )}
      {unblock.error && <Failed error={unblock.error} />}
      {mayAct &&
        (standing || blocked ? (
          <button type="button" className="control" disabled={unblock.isPending} onClick={() => unblock.mutate()}>
            {unblock.isPending ? 'Unblocking…' : 'Unblock'}
          </button>
        ) : (
          <button
            type="button"
            className="control"
            onClick={() => {
              block.reset()
              dialog.current?.showModal()
            }}
          >
            Block…
          </button>
        ))}
      <dialog ref={dialog} aria-labelledby="block-title" className="m-auto w-96 max-w-[calc(100vw-2rem)] rounded-lg border border-edge bg-panel p-5 text-ink backdrop:bg-black/60">
        <form onSubmit={submit} className="space-y-4">
          <h2 id="block-title" className="text-base font-semibold">
            Block <span className="font-mono">{escapeText(ip)}</span>
          </h2>
          {policy && policy.effective !== 'enforce' && (
            <p className="text-medium">The response is in mode {escapeText(policy.effective)}: the block is recorded, and nothing is dropped.</p>
          )}
          <label className="block text-soft">
            For
            <select name="for" className="control mt-1 block w-full">
              {LENGTHS.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label className="block text-soft">
            Why
            <input name="why" required maxLength={200} pattern=".*\S.*" className="control mt-1 block w-full" />
          </label>
          {block.error && <Failed error={block.error} />}
          <div className="flex justify-end gap-3">
            <button type="button" className="control" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" disabled={block.isPending} className="rounded-md bg-critical px-3 py-1.5 font-semibold text-ground disabled:opacity-60">
              {block.isPending ? 'Blocking…' : 'Block'}
            </button>
          </div>
        </form>
      </dialog>
    </div>
  )
}

/** What a standing block means for its target: a dry run drops nothing and must not look as if it did. */
export function standingName(outcome: string | undefined): string {
  return outcome === 'enforced' ? 'blocked' : outcome === 'dry_run' ? 'dry-run block' : 'block recorded'
}

export function outcome({ what, ttl, outcome }: Pick<Action, 'what' | 'ttl' | 'outcome'>): string {
  const lasts = ttl ? ` for ${span(ttl * 1000)}` : ''
  switch (outcome) {
    case 'dry_run':
      return `Dry run: would ${what}${lasts}, nothing was changed.`
    case 'enforced':
      return what === 'block' ? `Blocked${lasts}.` : what === 'unblock' ? 'Unblocked.' : `Done: ${what}.`
    default:
      return `${what}: ${outcome}`
  }
}
