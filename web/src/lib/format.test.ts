import { describe, expect, it } from 'vitest'
import { ago, bytes, count, endpoint, instant, plural, span, tcpFlags, utc } from './format'

describe('format', () => {
  it('counts', () => {
    expect(count(99_999)).toBe('99,999')
    expect(count(1_234_567)).toBe('1.2M')
    expect(plural(1, 'event')).toBe('1 event')
    expect(plural(0, 'event')).toBe('0 events')
  })

  it('tells sizes', () => {
    expect([bytes(0), bytes(1023), bytes(1536), bytes(20 * 1024 * 1024)]).toEqual(['0 B', '1023 B', '1.5 KiB', '20 MiB'])
  })

  it('tells spans by their two largest units', () => {
    expect([400, 59_000, 125_000, 3_600_000, 100_000_000].map(span)).toEqual([
      '0.4 s',
      '59 s',
      '2 min 5 s',
      '1 h',
      '1 d 3 h',
    ])
    expect(span(-5)).toBe('0.0 s')
  })

  it('tells how long ago', () => {
    expect([0, 5_000, 61_000, 7_300_000, 200_000_000].map((ms) => ago(0, ms))).toEqual([
      'just now',
      '5 s ago',
      '1 min ago',
      '2 h ago',
      '2 d ago',
    ])
  })

  it('leaves the day out within it', () => {
    const now = new Date(2026, 10, 23, 12)
    expect(instant(new Date(2026, 10, 23, 9, 5, 7), now)).toBe('09:05:07')
    expect(instant(new Date(2026, 10, 22, 9, 5, 7), now)).toBe('22 Nov 09:05:07')
    expect(instant(new Date(2025, 0, 1), now)).toBe('1 Jan 2025 00:00:00')
    expect(instant(new Date('nonsense'), now)).toBe('unknown')
  })

  it('writes UTC as the node does', () => {
    expect(utc('2026-11-23T21:00:00.123456Z')).toBe('2026-11-23 21:00:00.123456 UTC')
  })

  it('names TCP flags', () => {
    expect([0, 0x02, 0x12, 0x19].map(tcpFlags)).toEqual(['.', 'SYN', 'SYN,ACK', 'FIN,PSH,ACK'])
  })

  it('brackets IPv6', () => {
    expect([endpoint('10.0.0.1', 22), endpoint('2001:db8::1', 22), endpoint('10.0.0.1', 0)]).toEqual([
      '10.0.0.1:22',
      '[2001:db8::1]:22',
      '10.0.0.1',
    ])
  })
})
