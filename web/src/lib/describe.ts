import type { Action, Alert, Event, LivePacket } from '../api/schema'
import { bytes, endpoint, plural, span, tcpFlags } from './format'
import { escapeBytes, escapeText, shorten } from './untrusted'

type Fields = Record<string, unknown>

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
const quoted = (value: unknown): string => `“${escapeBytes(text(value))}”`

/** What an event says beside who, where and when, in one line that is safe to show. */
export function describe(event: Event): string {
  const body = event[event.kind]
  const fields: Fields = typeof body === 'object' && body !== null ? (body as Fields) : {}
  switch (event.kind) {
    case 'opened':
      return event.dst ? `connected to port ${event.dst.port}` : 'connected'
    case 'login': {
      const secret = text(fields.secret)
      const who = `${quoted(fields.username)}${secret ? ` with ${quoted(secret)}` : ''}`
      return `${fields.accepted ? 'accepted' : 'refused'} ${who} by ${escapeText(text(fields.method))}`
    }
    case 'command':
      return `$ ${escapeBytes(text(fields.line))}`
    case 'request':
      return `${escapeBytes(text(fields.method))} ${escapeBytes(text(fields.target))} → ${number(fields.status)}`
    case 'transfer': {
      const from = text(fields.url) ? ` from ${escapeBytes(text(fields.url))}` : ''
      const hash = text(fields.sha256) ? `, sha256 ${text(fields.sha256).slice(0, 12)}…` : ''
      return `${escapeText(text(fields.direction))} ${quoted(fields.name)}${from}, ${bytes(number(fields.bytes))}${escapeText(hash)}`
    }
    case 'note':
      return `${escapeText(text(fields.name))}: ${escapeBytes(text(fields.value))}`
    case 'flow': {
      const app = text(fields.app) || text(event.transport)
      const packets = number(fields.packets_out) + number(fields.packets_in)
      const size = number(fields.bytes_out) + number(fields.bytes_in)
      const to = event.dst ? ` to ${endpoint(event.dst.ip, event.dst.port)}` : ''
      return escapeText(
        `${app}${to} ${text(fields.state)}, ${plural(packets, 'packet')}, ${bytes(size)} in ${span(number(fields.duration_ms))}`,
      )
    }
    case 'score': {
      const reasons = Array.isArray(fields.reasons) ? (fields.reasons as Fields[]) : []
      const why = reasons[0] ? `: ${escapeText(text(reasons[0].text))}` : ''
      return `score ${Math.round(number(fields.value))} (${escapeText(text(fields.level))})${why}`
    }
    case 'alert': {
      const alert = fields as Partial<Alert>
      return `${escapeText(text(alert.rule))}: ${escapeText(text(alert.title))}`
    }
    case 'action': {
      const action = fields as Partial<Action>
      return escapeText(`${text(action.what)} ${text(action.target)}: ${text(action.outcome)}`)
    }
    case 'fault':
      return `${escapeText(text(fields.role))}: ${escapeText(text(fields.message))}`
    case 'closed': {
      const why = text(fields.why) ? ` (${escapeText(text(fields.why))})` : ''
      return `left after ${span(number(fields.duration_ms))}, sent ${bytes(number(fields.bytes_in))}, got ${bytes(number(fields.bytes_out))}${why}`
    }
    default:
      // A newer node may tell of deeds this page has no words for.
      return shorten(escapeText(JSON.stringify(body) ?? ''), 400)
  }
}

/** What a packet says beside its sender and instant. */
export function describePacket(packet: LivePacket): string {
  const to = endpoint(packet.dst_ip, packet.dst_port)
  const from = packet.src_port ? `:${packet.src_port} ` : ''
  const flags = packet.protocol === 'tcp' ? ` ${tcpFlags(packet.tcp_flags)}` : ''
  const payload = packet.payload_len ? ` payload ${packet.payload_len}` : ''
  return escapeText(`${packet.protocol}${flags} ${from}→ ${to} len ${packet.length} ttl ${packet.ttl}${payload}`)
}
