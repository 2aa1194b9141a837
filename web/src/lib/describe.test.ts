import { describe as suite, expect, it } from 'vitest'
import type { Event } from '../api/schema'
import { describe, describePacket } from './describe'

const event = (kind: string, body: unknown): Event => ({
  v: 1,
  id: 'e',
  time: '2026-11-23T21:00:00.000000Z',
  sensor: 's',
  kind,
  dst: { ip: '10.0.0.1', port: 22 },
  transport: 'tcp',
  [kind]: body,
})

suite('describe', () => {
  it.each([
    ['opened', {}, 'connected to port 22'],
    ['login', { username: 'root', secret: 'a\u001b[m', method: 'password', accepted: false }, 'refused “root” with “a\\x1b[m” by password'],
    ['login', { username: 'git', secret: '', method: 'none', accepted: true }, 'accepted “git” by none'],
    ['command', { line: 'cat /etc/passwd\u202e', accepted: true }, '$ cat /etc/passwd\\u{202e}'],
    ['request', { method: 'GET', target: '/\uf7ff', status: 404 }, 'GET /\\xff → 404'],
    ['transfer', { direction: 'upload', name: 'x', bytes: 2048, sha256: 'ab'.repeat(32) }, 'upload “x”, 2.0 KiB, sha256 abababababab…'],
    ['note', { name: 'client_version', value: 'SSH-2.0-Go' }, 'client_version: SSH-2.0-Go'],
    ['flow', { app: 'ssh', state: 'SF', packets_out: 1, packets_in: 1, bytes_out: 60, bytes_in: 60, duration_ms: 100 }, 'ssh to 10.0.0.1:22 SF, 2 packets, 120 B in 0.1 s'],
    ['score', { value: 71.6, level: 'high', reasons: [{ text: 'many logins' }] }, 'score 72 (high): many logins'],
    ['alert', { rule: 'port_scan', title: 'Scan' }, 'port_scan: Scan'],
    ['action', { what: 'block', target: '10.0.0.9', outcome: 'dry_run' }, 'block 10.0.0.9: dry_run'],
    ['fault', { role: 'capture', message: 'gone' }, 'capture: gone'],
    ['closed', { duration_ms: 61_000, bytes_in: 1, bytes_out: 2, why: 'idle' }, 'left after 1 min 1 s, sent 1 B, got 2 B (idle)'],
    ['brand_new', { a: '\u0007' }, '{"a":"\\u0007"}'],
  ])('%s', (kind, body, said) => {
    expect(describe(event(kind, body))).toBe(said)
  })

  it('survives events without the object they name', () => {
    for (const kind of ['login', 'command', 'request', 'transfer', 'note', 'flow', 'score', 'alert', 'action', 'closed', 'x']) {
      expect(() => describe(event(kind, undefined))).not.toThrow()
      expect(() => describe(event(kind, { reasons: 'no', username: 7 }))).not.toThrow()
    }
  })

  it('tells packets', () => {
    const packet = { time: '', src_ip: '10.0.0.9', dst_ip: '10.0.0.1', src_port: 4711, dst_port: 22, protocol: 'tcp', length: 60, ttl: 64, tcp_flags: 2, payload_len: 0, flow_id: 1 }
    expect(describePacket(packet)).toBe('tcp SYN :4711 → 10.0.0.1:22 len 60 ttl 64')
    expect(describePacket({ ...packet, protocol: 'icmp', src_port: 0, dst_port: 0, payload_len: 8 })).toBe('icmp → 10.0.0.1 len 60 ttl 64 payload 8')
  })
})
