import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { ApiError, address, text } from '../api/client'
import { span } from '../lib/format'
import { escapeText } from '../lib/untrusted'
import { Choice, Empty, Failed, Loading } from '../ui/parts'
import { type Cast, readCast } from './cast'
import { type Run, Screen } from './screen'

/** Plays what a visitor typed and was shown. */
export default function Recording({ session }: { session: string }) {
  const path = `sessions/${encodeURIComponent(session)}/recording`
  const recording = useQuery({
    queryKey: ['recording', session],
    staleTime: Infinity,
    queryFn: ({ signal }) => text(path, signal),
  })
  if (recording.error instanceof ApiError && recording.error.status === 404) return <Empty>No recording of this session is kept.</Empty>
  if (recording.error) return <Failed error={recording.error} retry={() => void recording.refetch()} />
  if (recording.data === undefined) return <Loading what="the recording" />
  return <Player cast={readCast(recording.data)} file={address(path)} key={recording.dataUpdatedAt} />
}

/** Milliseconds between two pictures. */
const TICK = 50

function Player({ cast: given, file }: { cast: Cast; file: string }) {
  const cast = useRef(given).current
  const [at, setAt] = useState(0)
  const [playing, setPlaying] = useState(false)
  const [speed, setSpeed] = useState('1')
  const lines = useScreen(cast, at)
  const over = at >= cast.length

  useEffect(() => {
    if (!playing) return
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      const passed = (now - last) * Number(speed)
      last = now
      setAt((before) => Math.min(before + passed, cast.length))
    }, TICK)
    return () => clearInterval(timer)
  }, [playing, speed, cast])
  useEffect(() => {
    if (over) setPlaying(false)
  }, [over])

  const toggle = () => {
    if (over) setAt(0)
    setPlaying(!playing)
  }
  const marks = useMemo(() => cast.steps.filter(({ code }) => code === 'm'), [cast])
  const mark = marks.filter((step) => step.at <= at).at(-1)
  return (
    <div className="space-y-3 p-4">
      <pre aria-label="Terminal" tabIndex={0} translate="no" className="overflow-auto rounded border border-line bg-ground p-3 font-mono text-xs leading-4">
        {lines.map((runs, row) => (
          <div key={row} className="min-h-4">
            {runs.map((run, index) => (
              <span key={index} style={style(run)}>
                {run.text}
              </span>
            ))}
          </div>
        ))}
      </pre>
      <div className="flex flex-wrap items-center gap-4 text-xs text-soft">
        <button type="button" className="control w-20" onClick={toggle}>
          {playing ? 'Pause' : over && cast.length > 0 ? 'Again' : 'Play'}
        </button>
        <input
          type="range"
          aria-label="Position"
          aria-valuetext={`${span(at)} of ${span(cast.length)}`}
          className="min-w-40 grow accent-phosphor"
          min={0}
          max={cast.length}
          step="any"
          value={at}
          onChange={(event) => setAt(Number(event.target.value))}
        />
        <span className="tabular-nums">
          {span(at)} of {span(cast.length)}
        </span>
        <Choice label="Speed" value={speed} options={['0.5', '1', '2', '5', '20'].map((factor) => [factor, `${factor} ×`])} onChange={(value) => setSpeed(value ?? '1')} />
        <a href={file} download="session.cast" className="underline decoration-edge underline-offset-4 hover:text-ink">
          asciicast
        </a>
        {mark && <span className="min-w-0 truncate font-mono">{escapeText(mark.data)}</span>}
      </div>
    </div>
  )
}

/** The picture at an instant; pictures are made one after another, and only the latest wish is kept. */
function useScreen(cast: Cast, at: number): Run[][] {
  const [lines, setLines] = useState<Run[][]>([])
  const wish = useRef(at)
  const busy = useRef(false)
  const screen = useRef<Screen>(undefined)
  useEffect(() => {
    screen.current = new Screen(cast)
    busy.current = false
    return () => {
      screen.current?.close()
      screen.current = undefined
    }
  }, [cast])
  useEffect(() => {
    wish.current = at
    const drawn = screen.current
    if (busy.current || !drawn) return
    busy.current = true
    void (async () => {
      for (let shown; shown !== wish.current && screen.current === drawn; ) {
        shown = wish.current
        await drawn.show(shown)
      }
      if (screen.current !== drawn) return
      busy.current = false
      setLines(drawn.lines())
    })()
  }, [cast, at])
  return lines
}

function style({ color, background, bold, italic, underline, dim }: Run) {
  return {
    color,
    backgroundColor: background,
    fontWeight: bold ? 700 : undefined,
    fontStyle: italic ? 'italic' : undefined,
    textDecoration: underline ? 'underline' : undefined,
    opacity: dim ? 0.7 : undefined,
  }
}
