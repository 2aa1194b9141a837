import { expect, it } from 'vitest'
import { slices } from './timeline'

const at = (iso: string) => Date.parse(iso)
const bucket = (time: string, events: number) => ({ time, events, alerts: 0, sessions: 0, packets: 0 })

it('fills the gaps on the grid of the node', () => {
  const buckets = [bucket('2026-01-01T00:02:30Z', 4), bucket('2026-01-01T00:04:30Z', 6)]
  const shown = slices(buckets, at('2026-01-01T00:05:00Z'), 5 * 60_000, 60_000)
  expect(shown.map((slice) => slice.events)).toEqual([0, 0, 4, 0, 6])
  expect(shown[0]?.at).toBe(at('2026-01-01T00:00:30Z'))
})

it('shows an empty window as zeroes', () => {
  const shown = slices([], at('2026-01-01T01:00:00Z'), 3_600_000, 600_000)
  expect(shown).toHaveLength(7)
  expect(shown.every((slice) => slice.events === 0)).toBe(true)
})
