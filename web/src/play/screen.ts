import type { IBufferCell } from '@xterm/headless'
import { Terminal } from '@xterm/headless/lib-headless/xterm-headless.mjs'
import { escapeText } from '../lib/untrusted'
import { type Cast, size } from './cast'

/** Characters side by side that look the same. */
export interface Run {
  text: string
  color?: string
  background?: string
  bold: boolean
  italic: boolean
  underline: boolean
  dim: boolean
}

/** xterm's emulator without its page: what it would draw is read cell by cell, since its own drawing needs inline styles that
 * the node's content policy refuses. */
export class Screen {
  readonly #cast: Cast
  readonly #terminal: Terminal
  #next = 0

  constructor(cast: Cast) {
    this.#cast = cast
    this.#terminal = new Terminal({ cols: cast.columns, rows: cast.rows, scrollback: 0, allowProposedApi: true })
  }

  /** Shows everything up to this instant; an earlier one than before starts anew. */
  async show(at: number): Promise<void> {
    const { steps } = this.#cast
    if (this.#next > 0 && steps[this.#next - 1]!.at > at) {
      this.#terminal.reset()
      this.#terminal.resize(this.#cast.columns, this.#cast.rows)
      this.#next = 0
    }
    let output = ''
    for (; this.#next < steps.length && steps[this.#next]!.at <= at; this.#next++) {
      const { code, data } = steps[this.#next]!
      if (code === 'o') output += data
      else if (code === 'r') {
        await this.#write(output)
        output = ''
        this.#terminal.resize(...size(data))
      }
    }
    await this.#write(output)
  }

  lines(): Run[][] {
    const buffer = this.#terminal.buffer.active
    return Array.from({ length: this.#terminal.rows }, (_, row) => {
      const line = buffer.getLine(buffer.viewportY + row)
      const runs: Run[] = []
      for (let column = 0; line && column < line.length; column++) {
        const cell = line.getCell(column)
        if (!cell || cell.getWidth() === 0) continue
        const look = appearance(cell)
        const last = runs.at(-1)
        if (last && alike(last, look)) last.text += look.text
        else runs.push(look)
      }
      return runs
    })
  }

  close(): void {
    this.#terminal.dispose()
  }

  #write(output: string): Promise<void> {
    return output ? new Promise((done) => this.#terminal.write(output, done)) : Promise.resolve()
  }
}

function appearance(cell: IBufferCell): Run {
  const characters = cell.getChars() || ' '
  let color = colour(cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor())
  let background = colour(cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor())
  if (cell.isInverse()) [color, background] = [background ?? GROUND, color ?? INK]
  return {
    // The node has replaced what deceives; what is left of it must not reach the page either.
    text: escapeText(characters) === characters ? characters : '\ufffd',
    color: cell.isInvisible() ? 'transparent' : color,
    background,
    bold: cell.isBold() !== 0,
    italic: cell.isItalic() !== 0,
    underline: cell.isUnderline() !== 0,
    dim: cell.isDim() !== 0,
  }
}

function alike(a: Run, b: Run): boolean {
  return (['color', 'background', 'bold', 'italic', 'underline', 'dim'] as const).every((key) => a[key] === b[key])
}

const INK = '#e8eef4'
const GROUND = '#0a0e12'
const PALETTE = [
  ['#3a4856', '#fb7185', '#4ade80', '#facc15', '#60a5fa', '#c084fc', '#22d3ee', '#d3dce5'],
  ['#8c9aa8', '#fda4af', '#86efac', '#fde047', '#93c5fd', '#d8b4fe', '#67e8f9', '#ffffff'],
].flat()
/** Levels of the colour cube that xterm has at 16 to 231. */
const CUBE = [0, 95, 135, 175, 215, 255]

function colour(rgb: boolean, palette: boolean, value: number): string | undefined {
  if (rgb) return `#${(value & 0xffffff).toString(16).padStart(6, '0')}`
  if (!palette) return undefined
  if (value < 16) return PALETTE[value]
  if (value >= 232) return `rgb(${Array(3).fill(8 + (value - 232) * 10).join(' ')})`
  const index = value - 16
  return `rgb(${[Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map((level) => CUBE[level]).join(' ')})`
}
