import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { send } from '../api/client'
import { remember } from '../api/queries'
import type { Me } from '../api/schema'
import { Said } from '../ui/parts'

export function Login() {
  const client = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setError(undefined)
    try {
      const me = await send<Me>('POST', 'auth/login', { username: String(form.get('username')).trim(), password: form.get('password') })
      remember(true)
      client.setQueryData(['me'], me)
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem))
      setBusy(false)
    }
  }

  return (
    <main className="mx-auto flex min-h-screen max-w-sm flex-col justify-center px-4 py-8">
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" width="40" height="40" />
        <h1 className="text-xl font-semibold">PhantomNet</h1>
      </div>
      <form onSubmit={(event) => void submit(event)} className="mt-6 space-y-4 rounded-lg border border-line bg-panel p-5">
        <label className="block">
          <span className="text-soft">User name</span>
          <input name="username" defaultValue="admin" autoComplete="username" autoCapitalize="none" spellCheck={false} required maxLength={256} className="control mt-1 w-full" />
        </label>
        <label className="block">
          <span className="text-soft">Password</span>
          <input name="password" type="password" autoComplete="current-password" autoFocus required className="control mt-1 w-full" />
        </label>
        {error && (
          <p role="alert" className="rounded border border-critical/50 bg-critical/10 px-3 py-2">
            <Said text={error} />
          </p>
        )}
        <button type="submit" disabled={busy} className="w-full rounded-md bg-phosphor px-3 py-2 font-semibold text-ground hover:bg-phosphor/90 disabled:opacity-60">
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
      <p className="mt-4 text-xs text-dim">The node prints a one-time password for admin when it starts for the first time.</p>
    </main>
  )
}
