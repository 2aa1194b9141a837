import { useSyncExternalStore } from 'react'
import { get } from '../api/client'
import type { Event, LivePacket, Severity, Skipped } from '../api/schema'
import { describe, describePacket } from '../lib/describe'
import { escapeText } from '../lib/untrusted'

export const KINDS = ['packet', 'event', 'score', 'alert', 'action'] as const
export type Kind = (typeof KINDS)[number]

/** A line of the log, already safe to show. */
export interface Row {
  /** Grows with every row that arrives; negative for what happened before the page was opened. */
  key: number
  kind: Kind
  /** `packet`, or the event's own kind. */
  label: string
  time: string
  source: string
  service: string
  text: string
  level: Severity | undefined
  session: string | undefined
}

export type Status = 'connecting' | 'live' | 'lost'

export interface Snapshot {
  /** Newest first. */
  rows: Row[]
  status: Status
  /** Rows that arrived live since the page was opened. */
  received: number
  skipped: Skipped
}

/** Kept of packets and of everything else, each: a flood of packets does not push the verdicts out. */
const KEPT = 400
/** Arrivals are shown this many milliseconds apart at most, however many there are. */
const BEAT = 250
/** The browser does not come back by itself when the node refused the stream. */
const RETRY = 5_000

const EMPTY: Snapshot = { rows: [], status: 'connecting', received: 0, skipped: { messages: 0, packets: 0 } }

/** The live feed of the node: one connection for the page, read by whoever shows it. */
export class LiveFeed {
  /** Called when a verdict arrived, at most once a beat. */
  onVerdict: () => void = () => {}

  #snapshot = EMPTY
  #listeners = new Set<() => void>()
  #packets: Row[] = []
  #others: Row[] = []
  #ids = new Set<string>()
  #key = 0
  #status: Status = 'connecting'
  /** Of connections before this one: the node counts anew with each. */
  #skippedBefore: Skipped = { messages: 0, packets: 0 }
  #skippedNow: Skipped = { messages: 0, packets: 0 }
  #source: EventSource | undefined
  #beat: ReturnType<typeof setTimeout> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #verdict = false

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  snapshot = (): Snapshot => this.#snapshot

  start(): void {
    if (this.#source) return
    const source = new EventSource(`/api/v1/stream?kinds=${KINDS.join(',')}`)
    this.#source = source
    source.onopen = () => {
      this.#skippedBefore = this.#skipped()
      this.#skippedNow = { messages: 0, packets: 0 }
      this.#set('live')
    }
    source.onerror = () => {
      this.#set('lost')
      if (source.readyState === EventSource.CLOSED) {
        this.#source = undefined
        this.#retry = setTimeout(() => this.start(), RETRY)
      }
    }
    source.addEventListener('packet', (message) => this.#tell(() => this.packets(JSON.parse(message.data))))
    source.addEventListener('skipped', (message) => this.#tell(() => this.skip(JSON.parse(message.data))))
    for (const kind of KINDS.slice(1)) {
      source.addEventListener(kind, (message) => this.#tell(() => this.event(kind, JSON.parse(message.data))))
    }
  }

  /** Closes the connection and forgets: whoever logs in next must not see what the one before saw. */
  stop(): void {
    this.#source?.close()
    this.#source = undefined
    clearTimeout(this.#retry)
    clearTimeout(this.#beat)
    this.#beat = undefined
    this.#packets = []
    this.#others = []
    this.#ids.clear()
    this.#key = 0
    this.#skippedBefore = { messages: 0, packets: 0 }
    this.#skippedNow = { messages: 0, packets: 0 }
    this.#status = 'connecting'
    this.#snapshot = EMPTY
  }

  /** What happened before the page was opened, so that it does not open empty. */
  async recall(): Promise<void> {
    const [events, packets] = await Promise.all([
      get<{ items: Event[] }>('events', { limit: 80 }),
      get<{ items: LivePacket[] }>('packets', { limit: 40 }),
    ])
    const known = events.items.filter((event) => !this.#ids.has(event.id))
    this.#others.push(...known.map((event) => ({ ...eventRow(kindOf(event), event), key: 0 })))
    known.forEach((event) => this.#ids.add(event.id))
    this.#packets.push(...packets.items.map((packet) => ({ ...packetRow(packet), key: 0 })))
    const old = [...this.#others, ...this.#packets].filter((row) => row.key === 0)
    old.sort((a, b) => (a.time < b.time ? 1 : -1)).forEach((row, index) => (row.key = -1 - index))
    this.#schedule()
  }

  packets(batch: LivePacket[]): void {
    const rows = batch.map((packet) => ({ ...packetRow(packet), key: ++this.#key })).reverse()
    this.#packets = [...rows, ...this.#packets].slice(0, KEPT)
    this.#schedule()
  }

  event(kind: Kind, event: Event): void {
    if (this.#ids.has(event.id)) return
    this.#ids.add(event.id)
    if (this.#ids.size > 4 * KEPT) this.#ids = new Set([...this.#ids].slice(-2 * KEPT))
    this.#others = [{ ...eventRow(kind, event), key: ++this.#key }, ...this.#others].slice(0, KEPT)
    this.#verdict ||= kind !== 'event'
    this.#schedule()
  }

  skip(skipped: Skipped): void {
    this.#skippedNow = skipped
    this.#schedule()
  }

  #skipped(): Skipped {
    return {
      messages: this.#skippedBefore.messages + this.#skippedNow.messages,
      packets: this.#skippedBefore.packets + this.#skippedNow.packets,
    }
  }

  #set(status: Status): void {
    this.#status = status
    this.#schedule()
  }

  /** A message of a newer node that cannot be understood must not end the feed. */
  #tell(read: () => void): void {
    try {
      read()
    } catch (error) {
      console.warn('a message of the live feed was not understood', error)
    }
  }

  #schedule(): void {
    this.#beat ??= setTimeout(() => {
      this.#beat = undefined
      this.flush()
    }, BEAT)
  }

  /** Makes what has arrived visible. */
  flush(): void {
    const rows = [...this.#packets, ...this.#others].sort((a, b) => b.key - a.key)
    this.#snapshot = { rows, status: this.#status, received: this.#key, skipped: this.#skipped() }
    for (const listener of this.#listeners) listener()
    if (this.#verdict) {
      this.#verdict = false
      this.onVerdict()
    }
  }
}

function kindOf(event: Event): Kind {
  return event.kind === 'score' || event.kind === 'alert' || event.kind === 'action' ? event.kind : 'event'
}

function packetRow(packet: LivePacket): Omit<Row, 'key'> {
  return {
    kind: 'packet',
    label: 'packet',
    time: packet.time,
    source: escapeText(packet.src_ip),
    service: '',
    text: describePacket(packet),
    level: undefined,
    session: undefined,
  }
}

function eventRow(kind: Kind, event: Event): Omit<Row, 'key'> {
  const alert = event.alert as { severity?: Severity } | undefined
  const score = event.score as { level?: Severity } | undefined
  return {
    kind,
    label: escapeText(event.kind),
    time: event.time,
    source: escapeText(event.src?.ip ?? ''),
    service: escapeText(event.service ?? ''),
    text: describe(event),
    level: alert?.severity ?? score?.level,
    session: event.session,
  }
}

export const feed = new LiveFeed()

export function useFeed(of: LiveFeed = feed): Snapshot {
  return useSyncExternalStore(of.subscribe, of.snapshot)
}
