/* Recordings as the node gives them: asciicast v2, already rid of everything that does more than draw. */

export interface Step {
  /** Milliseconds since the play began, long pauses shortened. */
  at: number
  /** `o` output, `i` input, `r` the terminal's size, `m` a mark. */
  code: string
  data: string
}

export interface Cast {
  columns: number
  rows: number
  steps: Step[]
  /** Of the whole play, in milliseconds. */
  length: number
}

/** A pause longer than this is shortened to it, in milliseconds. */
export const LONGEST_PAUSE = 3_000

/** Reads a recording; lines that are no steps are left out. */
export function readCast(text: string): Cast {
  const [head, ...lines] = text.split('\n')
  const { width, height } = JSON.parse(head ?? '{}') as { width?: number; height?: number }
  const steps: Step[] = []
  let before = 0
  let at = 0
  for (const line of lines) {
    const step = parse(line)
    if (!step) continue
    at += Math.min(Math.max(step.at - before, 0), LONGEST_PAUSE)
    before = Math.max(step.at, before)
    steps.push({ ...step, at })
  }
  return { columns: bounded(width, 80, 500), rows: bounded(height, 24, 200), steps, length: at }
}

/** Columns and rows of a size step. */
export function size(data: string): [number, number] {
  const [columns, rows] = data.split('x').map(Number)
  return [bounded(columns, 80, 500), bounded(rows, 24, 200)]
}

function parse(line: string): Step | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return undefined
  const [seconds, code, data] = value as unknown[]
  if (typeof seconds !== 'number' || typeof code !== 'string' || typeof data !== 'string') return undefined
  return { at: seconds * 1000, code, data }
}

function bounded(value: number | undefined, otherwise: number, most: number): number {
  return value !== undefined && Number.isInteger(value) && value >= 1 ? Math.min(value, most) : otherwise
}
