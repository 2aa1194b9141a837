import type { Bucket } from '../api/schema'

/** A slice as charts want it: milliseconds since the epoch, and zeroes where nothing happened. */
export interface Slice {
  at: number
  events: number
  alerts: number
}

/** The slices of a window in order, with those the node left out filled in. */
export function slices(buckets: Bucket[], until: number, length: number, step: number): Slice[] {
  const known = new Map(buckets.map((bucket) => [Date.parse(bucket.time), bucket]))
  const anchor = buckets[0] ? Date.parse(buckets[0].time) : until
  // The node's slices start where it likes: the grid is continued from the first of them.
  const first = anchor - Math.floor((anchor - (until - length)) / step) * step
  const out: Slice[] = []
  for (let at = first; at <= until; at += step) {
    const bucket = known.get(at)
    out.push({ at, events: bucket?.events ?? 0, alerts: bucket?.alerts ?? 0 })
  }
  return out
}
