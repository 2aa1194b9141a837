import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Event, LivePacket } from '../api/schema'
import { LiveFeed } from './feed'

class FakeSource extends EventTarget {
  static CLOSED = 2
  static all: FakeSource[] = []
  readyState = 1
  onopen: (() => void) | undefined
  onerror: (() => void) | undefined
  closed = false
  readonly url: string
  constructor(url: string) {
    super()
    this.url = url
    FakeSource.all.push(this)
  }
  close() {
    this.closed = true
  }
  say(name: string, data: string) {
    this.dispatchEvent(new MessageEvent(name, { data }))
  }
}

const packet: LivePacket = { time: '2026-01-01T00:00:00.000001Z', src_ip: '10.0.0.9', dst_ip: '10.0.0.1', src_port: 1, dst_port: 22, protocol: 'tcp', length: 60, ttl: 64, tcp_flags: 2, payload_len: 0, flow_id: 1 }
const login = (id: string): Event => ({ v: 1, id, time: '2026-01-01T00:00:01Z', sensor: 's', kind: 'login', src: { ip: '10.0.0.9', port: 1 }, login: { username: '\u202eroot', secret: 'x', method: 'password', accepted: false } })
const alert: Event = { v: 1, id: 'a', time: '2026-01-01T00:00:02Z', sensor: 's', kind: 'alert', alert: { rule: 'port_scan', title: 'Scan', severity: 'high' } }

beforeEach(() => {
  vi.useFakeTimers()
  FakeSource.all = []
  vi.stubGlobal('EventSource', FakeSource)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function opened(): [LiveFeed, FakeSource] {
  const feed = new LiveFeed()
  feed.start()
  const source = FakeSource.all[0]!
  source.onopen?.()
  return [feed, source]
}

describe('LiveFeed', () => {
  it('shows newest first and escapes what peers chose', () => {
    const [feed, source] = opened()
    source.say('packet', JSON.stringify([packet]))
    source.say('event', JSON.stringify(login('1')))
    vi.advanceTimersByTime(300)
    const { rows, status, received } = feed.snapshot()
    expect(status).toBe('live')
    expect(received).toBe(2)
    expect(rows.map((row) => row.label)).toEqual(['login', 'packet'])
    expect(rows[0]?.text).toBe('refused “\\u{202e}root” with “x” by password')
  })

  it('takes an event that comes twice once', () => {
    const [feed, source] = opened()
    source.say('event', JSON.stringify(login('1')))
    source.say('event', JSON.stringify(login('1')))
    vi.advanceTimersByTime(300)
    expect(feed.snapshot().rows).toHaveLength(1)
  })

  it('is bounded, and packets do not push verdicts out', () => {
    const [feed, source] = opened()
    source.say('alert', JSON.stringify(alert))
    for (let i = 0; i < 20; i += 1) source.say('packet', JSON.stringify(Array(100).fill(packet)))
    vi.advanceTimersByTime(300)
    const { rows, received } = feed.snapshot()
    expect(received).toBe(2001)
    expect(rows).toHaveLength(401)
    expect(rows.at(-1)?.kind).toBe('alert')
  })

  it('tells of verdicts once a beat', () => {
    const [feed, source] = opened()
    const told = vi.fn()
    feed.onVerdict = told
    source.say('alert', JSON.stringify(alert))
    source.say('score', JSON.stringify({ ...alert, id: 'b', kind: 'score', score: { value: 3, level: 'low' } }))
    vi.advanceTimersByTime(300)
    expect(told).toHaveBeenCalledTimes(1)
  })

  it('adds up what was skipped over reconnections', () => {
    const [feed, source] = opened()
    source.say('skipped', '{"messages":2,"packets":10}')
    source.onerror?.()
    source.onopen?.()
    source.say('skipped', '{"messages":1,"packets":0}')
    vi.advanceTimersByTime(300)
    expect(feed.snapshot().skipped).toEqual({ messages: 3, packets: 10 })
  })

  it('tries again when the node refused', () => {
    const [feed, source] = opened()
    source.readyState = FakeSource.CLOSED
    source.onerror?.()
    vi.advanceTimersByTime(300)
    expect(feed.snapshot().status).toBe('lost')
    vi.advanceTimersByTime(5_000)
    expect(FakeSource.all).toHaveLength(2)
    feed.stop()
    expect(FakeSource.all[1]?.closed).toBe(true)
  })

  it('forgets when it is stopped', () => {
    const [feed, source] = opened()
    source.say('event', JSON.stringify(login('1')))
    vi.advanceTimersByTime(300)
    feed.stop()
    expect(feed.snapshot()).toMatchObject({ rows: [], received: 0, status: 'connecting' })
  })

  it('survives a message it cannot read', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [feed, source] = opened()
    source.say('event', 'not json')
    source.say('event', JSON.stringify(login('1')))
    vi.advanceTimersByTime(300)
    expect(feed.snapshot().rows).toHaveLength(1)
  })

  it('recalls what happened before, older than what is live', async () => {
    const answers: Record<string, unknown> = { events: { items: [login('1'), login('0')] }, packets: { items: [packet] } }
    vi.stubGlobal('fetch', vi.fn(async (url: string) => Response.json(answers[url.split('/')[3]!.split('?')[0]!])))
    const [feed, source] = opened()
    source.say('event', JSON.stringify(login('1')))
    await feed.recall()
    vi.advanceTimersByTime(300)
    expect(feed.snapshot().rows.map((row) => [row.label, row.key])).toEqual([['login', 1], ['login', -1], ['packet', -2]])
  })
})
