import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import type { ReactNode } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeClient } from './api/queries'
import type { Alert, HoneypotStatus, Session, Source } from './api/schema'
import { App } from './app'
import { LiveFeed } from './live/feed'
import { Widget } from './overview/honeypots'
import { Log } from './overview/log'
import { BlockControl, outcome } from './ui/block'
import { AlertTable, SessionTable, SourceTable } from './ui/tables'

const AT = '2026-01-01T00:00:00.000000Z'
const packet = { time: AT, src_ip: '10.0.0.9', dst_ip: '10.0.0.1', src_port: 1, dst_port: 22, protocol: 'tcp', length: 60, ttl: 64, tcp_flags: 2, payload_len: 0, flow_id: 1 }
const source: Source = { ip: '203.0.113.9', score: 71.6, level: 'high', first: AT, last: AT, events: 9, sessions: 1, services: ['ssh'], rules: ['ssh_bruteforce'], reasons: [{ name: 'guesses', text: 'guessed passwords', points: 40 }], blocked: true }
const alert: Alert = { id: 'a1', seq: 1, time: AT, sensor: 's', src: '203.0.113.9', rule: 'ssh_bruteforce', title: 'SSH brute force by \u202eevil', severity: 'high', score: 70, technique: [], evidence: [], count: 8, first: AT, last: AT, status: 'open', note: '' }
const session: Session = { id: 's1', sensor: 's', service: 'ssh', src: { ip: '203.0.113.9', port: 1 }, opened: AT, closed: AT, duration_ms: 8000, bytes_in: 1, bytes_out: 2, events: 3, logins: 2, commands: 1, requests: 0, transfers: 0, accepted: true, username: 'ro\uf7ffot' }
const honeypot: HoneypotStatus = { service: 'ssh', state: 'down', detail: 'port 2222 is in use', listen: ['0.0.0.0:2222'], open: 0, sessions: 4, refused: 2 }

/** Every request made, and an answer by method and path. */
let asked: { method: string; path: string; body: unknown; headers: Headers }[]
let answers: Record<string, unknown>

beforeEach(() => {
  localStorage.clear()
  window.history.replaceState(null, '', '/response')
  asked = []
  answers = { 'GET policy': { mode: 'dry-run', effective: 'dry-run', never_block: [], ladder: [], block_honeypots: false, block_internal: false } }
  vi.stubGlobal('EventSource', class extends EventTarget { close() {} })
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1/', '').split('?')[0]!
    asked.push({ method: init.method!, path, body: init.body && JSON.parse(init.body as string), headers: new Headers(init.headers) })
    const answer = answers[`${init.method} ${path}`] ?? { items: [] }
    return answer instanceof Response ? answer.clone() : Response.json(answer)
  })
})
afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const show = (children: ReactNode, role?: string) => {
  const client = makeClient()
  if (role) client.setQueryData(['me'], { name: 'ann', role, browser: true })
  render(<QueryClientProvider client={client}>{children}</QueryClientProvider>)
}
const problem = (status: number, title: string, detail: string) => new Response(JSON.stringify({ title, detail, status }), { status })

describe('App', () => {
  it('asks a stranger to log in without troubling the node', async () => {
    show(<App />)
    await screen.findByLabelText('Password')
    expect(asked).toEqual([])
  })

  it('logs in, says who is there, and logs out', async () => {
    answers['POST auth/login'] = { name: 'admin', role: 'admin', browser: true }
    answers['POST auth/logout'] = new Response(null, { status: 204 })
    show(<App />)
    fireEvent.change(await screen.findByLabelText('Password'), { target: { value: 'pw' } })
    fireEvent.submit(screen.getByLabelText('Password').closest('form')!)
    await screen.findByText('Nobody is blocked.')
    expect(asked[0]).toMatchObject({ method: 'POST', path: 'auth/login', body: { username: 'admin', password: 'pw' } })
    expect(asked[0]?.headers.get('x-phantomnet-csrf')).toBe('1')
    fireEvent.click(screen.getByText('Log out'))
    await screen.findByLabelText('Password')
    expect(asked.some(({ path }) => path === 'auth/logout')).toBe(true)
  })

  it('says why a login failed', async () => {
    answers['POST auth/login'] = problem(401, 'Log in first', 'the name or the password is wrong')
    show(<App />)
    fireEvent.submit((await screen.findByLabelText('Password')).closest('form')!)
    expect((await screen.findByRole('alert')).textContent).toBe('Log in first: the name or the password is wrong')
  })

  it('comes back to the login when the session has ended', async () => {
    localStorage.setItem('phantomnet.session', '1')
    answers['GET auth/me'] = { name: 'admin', role: 'admin', browser: true }
    answers['GET blocks'] = problem(401, 'Log in first', 'expired')
    show(<App />)
    await screen.findByLabelText('Password')
  })
})

describe('Log', () => {
  const filled = () => {
    const feed = new LiveFeed()
    feed.packets([packet])
    feed.event('alert', { v: 1, id: 'e', time: AT, sensor: 's', kind: 'alert', alert })
    feed.skip({ messages: 1, packets: 4 })
    feed.flush()
    return feed
  }

  it('shows, counts and filters', () => {
    show(<Log of={filled()} />)
    expect(screen.getAllByTestId('log-row')).toHaveLength(2)
    expect(screen.getByTestId('skipped').textContent).toBe('5')
    fireEvent.click(screen.getByRole('button', { name: 'packets' }))
    expect(screen.getByTestId('log-row').textContent).toContain('brute force by \\u{202e}evil')
  })

  it('stands still while paused and says what came meanwhile', async () => {
    const feed = filled()
    show(<Log of={feed} />)
    fireEvent.click(screen.getByRole('button', { name: 'Pause' }))
    feed.packets([packet, packet])
    feed.flush()
    const resume = await screen.findByRole('button', { name: 'Resume (2 new)' })
    expect(screen.getAllByTestId('log-row')).toHaveLength(2)
    fireEvent.click(resume)
    expect(screen.getAllByTestId('log-row')).toHaveLength(4)
  })

  it('says so when there is nothing yet', () => {
    show(<Log of={new LiveFeed()} />)
    expect(screen.getByText('Waiting for the live feed…')).toBeTruthy()
  })
})

describe('tables', () => {
  it('do not call a dry run a block', async () => {
    answers['GET blocks'] = { items: [{ target: source.ip, since: AT, reason: '', outcome: 'dry_run' }] }
    show(<SourceTable sources={[source]} />)
    const row = screen.getByTestId('source')
    expect(row.textContent).toContain('203.0.113.9')
    expect(row.textContent).toContain('72high')
    await waitFor(() => expect(row.textContent).toContain('dry-run block'))
  })

  it('escape what peers chose', () => {
    show(
      <>
        <AlertTable alerts={[alert]} />
        <SessionTable sessions={[session]} />
      </>,
    )
    expect(screen.getByTestId('alert').textContent).toMatch(/by \\u\{202e\}evil.*ssh_bruteforce.*203\.0\.113\.9/)
    expect(screen.getByText('ro\\xffot')).toBeTruthy()
    expect(screen.getByText('2 logins, 1 command')).toBeTruthy()
  })
})

it('a honeypot says that it is down and why', () => {
  show(<Widget of={honeypot} />)
  const widget = screen.getByTestId('honeypot')
  expect(widget.dataset.state).toBe('down')
  expect(widget.textContent).toMatch(/ssh.*down.*sessions4.*refused2.*no event yet:2222port 2222 is in use/)
})

describe('BlockControl', () => {
  it('blocks by asking the node, and says what came of it', async () => {
    answers['POST blocks'] = { what: 'block', target: source.ip, ttl: 3600, reason: 'x', outcome: 'dry_run' }
    show(<BlockControl ip={source.ip} blocked={false} />, 'admin')
    fireEvent.click(await screen.findByText('Block…'))
    fireEvent.change(screen.getByLabelText('Why'), { target: { value: ' noisy ' } })
    fireEvent.submit(screen.getByLabelText('Why').closest('form')!)
    await screen.findByText('Dry run: would block for 1 h, nothing was changed.')
    expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({ ip: source.ip, why: 'noisy' })
  })

  it('unblocks, and shows a refusal', async () => {
    answers[`DELETE blocks/${source.ip}`] = problem(409, 'The node refused', 'the response is off')
    show(<BlockControl ip={source.ip} blocked />, 'analyst')
    fireEvent.click(await screen.findByText('Unblock'))
    await screen.findByText('The node refused: the response is off')
  })

  it('offers a viewer nothing', async () => {
    show(<BlockControl ip={source.ip} blocked={false} />, 'viewer')
    await waitFor(() => expect(asked.length).toBeGreaterThan(0))
    expect(screen.queryByText('Block…')).toBeNull()
  })

  it('names every outcome', () => {
    expect(outcome({ what: 'unblock', outcome: 'enforced' })).toBe('Unblocked.')
    expect(outcome({ what: 'block', outcome: 'failed: nft' })).toBe('block: failed: nft')
  })
})
