import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readCast, size } from './cast'
import Recording from './recording'
import { Screen } from './screen'

const line = (at: number, code: string, data: string) => JSON.stringify([at, code, data])
const CAST = [
  JSON.stringify({ version: 2, width: 20, height: 4 }),
  line(0, 'm', 'shell'),
  line(0.5, 'o', '$ '),
  line(60, 'i', 'x'),
  line(60.5, 'o', 'ls\r\n\u001b[1;31mred\u001b[0m \u001b[48;5;21mblue\u001b[0m'),
  line(61, 'r', '30x5'),
  line(61, 'o', '\u001b[2J\u001b[Hgone'),
  'torn',
].join('\n')

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('readCast', () => {
  it('shortens pauses and leaves out what is no step', () => {
    const cast = readCast(CAST)
    expect([cast.columns, cast.rows, cast.length]).toEqual([20, 4, 4500])
    expect(cast.steps.map(({ at, code }) => [at, code])).toEqual([
      [0, 'm'],
      [500, 'o'],
      [3500, 'i'],
      [4000, 'o'],
      [4500, 'r'],
      [4500, 'o'],
    ])
  })

  it('believes no absurd size', () => {
    expect(size('99999x0')).toEqual([500, 24])
    expect(readCast('{"width":-3}').columns).toBe(80)
  })
})

describe('Screen', () => {
  const words = (shown: Screen) => shown.lines().map((runs) => runs.map((run) => run.text).join('').trimEnd())

  it('draws forwards, backwards and in colours', async () => {
    const shown = new Screen(readCast(CAST))
    await shown.show(4_000)
    expect(words(shown).slice(0, 2)).toEqual(['$ ls', 'red blue'])
    const [red, , blue] = shown.lines()[1]!
    expect(red).toMatchObject({ text: 'red', color: '#fb7185', bold: true })
    expect(blue).toMatchObject({ text: 'blue', background: 'rgb(0 0 255)', bold: false })
    await shown.show(5_000)
    expect(words(shown)).toEqual(['gone', '', '', '', ''])
    await shown.show(600)
    expect(words(shown)).toEqual(['$', '', '', ''])
    shown.close()
  })

  it('shows no character that deceives', async () => {
    const shown = new Screen(readCast(`{}\n${line(0, 'o', 'a\u202eb')}`))
    await shown.show(1)
    expect(words(shown)[0]).not.toContain('\u202e')
  })
})

describe('Recording', () => {
  const show = (answer: Response) => {
    vi.stubGlobal('fetch', async () => answer)
    render(
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <Recording session="s1" />
      </QueryClientProvider>,
    )
  }

  it('plays to where it is told', async () => {
    show(new Response(CAST))
    fireEvent.change(await screen.findByLabelText('Position'), { target: { value: '4200' } })
    await waitFor(() => expect(screen.getByLabelText('Terminal').textContent).toContain('red blue'))
    expect(screen.getByText('shell')).toBeTruthy()
    fireEvent.click(screen.getByText('Play'))
    await waitFor(() => expect(screen.getByLabelText('Terminal').textContent).toContain('gone'))
    await screen.findByText('Again')
  })

  it('says when there is none', async () => {
    show(new Response(JSON.stringify({ title: 'There is no such thing' }), { status: 404 }))
    await screen.findByText('No recording of this session is kept.')
  })
})
