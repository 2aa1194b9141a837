import { Area, AreaChart, Bar, BarChart, CartesianGrid, LabelList, Line, LineChart, Rectangle, type RectangleProps, Tooltip, XAxis, YAxis } from 'recharts'
import type { ScorePoint, Severity, Source } from '../api/schema'
import { clock, count, instant } from '../lib/format'
import { navigate, paths } from '../lib/router'
import type { Slice } from '../lib/timeline'
import { escapeText, shorten } from '../lib/untrusted'

const COLOUR: Record<Severity, string> = {
  low: 'var(--color-low)',
  medium: 'var(--color-medium)',
  high: 'var(--color-high)',
  critical: 'var(--color-critical)',
}
const TICK = { fill: 'var(--color-dim)', fontSize: 11 }
const AXIS = { stroke: 'var(--color-edge)' }
const GRID = { stroke: 'var(--color-line)' }
const TOOLTIP = {
  isAnimationActive: false,
  contentStyle: { background: 'var(--color-raised)', border: '1px solid var(--color-edge)', borderRadius: 6, fontSize: 12 },
  labelStyle: { color: 'var(--color-soft)' },
  itemStyle: { color: 'var(--color-ink)' },
  cursor: { fill: 'rgb(255 255 255 / 0.05)', stroke: 'var(--color-edge)' },
} as const

/** The scores of the highest scored sources. */
export function ScoreBars({ sources }: { sources: Source[] }) {
  const rows = sources.map(({ ip, score, level }) => ({ ip, score: Math.round(score), level }))
  const said = rows.map((row) => `${row.ip} ${row.score}`).join(', ')
  return (
    <div role="img" aria-label={`Threat scores: ${said}`} className="w-full" style={{ height: Math.max(120, rows.length * 24 + 34) }}>
      <BarChart responsive style={{ width: '100%', height: '100%' }} data={rows} layout="vertical" margin={{ top: 4, right: 36, bottom: 0, left: 4 }} accessibilityLayer={false}>
        <CartesianGrid horizontal={false} {...GRID} />
        <XAxis type="number" domain={[0, 100]} ticks={[0, 25, 50, 75, 100]} tick={TICK} axisLine={AXIS} tickLine={false} />
        <YAxis
          type="category"
          dataKey="ip"
          width={120}
          interval={0}
          tick={{ fill: 'var(--color-soft)', fontSize: 11.5, fontFamily: 'var(--font-mono)' }}
          tickFormatter={(ip: string) => shorten(escapeText(ip), 17)}
          axisLine={AXIS}
          tickLine={false}
        />
        <Tooltip {...TOOLTIP} />
        <Bar
          dataKey="score"
          name="score"
          barSize={13}
          isAnimationActive={false}
          className="cursor-pointer"
          onClick={(bar) => navigate(paths.source((bar.payload as { ip: string }).ip))}
          shape={(props: RectangleProps & { payload?: { level: Severity } }) => <Rectangle {...props} radius={[0, 3, 3, 0]} fill={COLOUR[props.payload?.level ?? 'low']} />}
        >
          <LabelList dataKey="score" position="right" fill="var(--color-ink)" fontSize={11.5} />
        </Bar>
      </BarChart>
    </div>
  )
}

/** Events and alerts over time, one above the other: their numbers differ too much to share an axis. */
export function Timeline({ slices, step }: { slices: Slice[]; step: number }) {
  const day = step * slices.length > 100_000_000
  const tick = (at: number) => (day ? instant(new Date(at), new Date(0)).split(' ').slice(0, 2).join(' ') : clock(new Date(at)).slice(0, 5))
  const label = (at: unknown) => (typeof at === 'number' ? `${instant(new Date(at), new Date())} to ${clock(new Date(at + step))}` : '')
  const events = slices.reduce((sum, slice) => sum + slice.events, 0)
  const alerts = slices.reduce((sum, slice) => sum + slice.alerts, 0)
  const shared = { data: slices, syncId: 'timeline', accessibilityLayer: false, responsive: true, margin: { top: 6, right: 8, bottom: 0, left: 0 } } as const
  const x = { dataKey: 'at', tickFormatter: tick, tick: TICK, axisLine: AXIS, tickLine: false, minTickGap: 40 } as const
  const y = { width: 40, tick: TICK, axisLine: false, tickLine: false, allowDecimals: false, tickCount: 3, tickFormatter: (n: number) => count(n) } as const
  return (
    <div role="img" aria-label={`Over time: ${count(events)} events, ${count(alerts)} alerts`} className="flex h-full min-h-60 w-full flex-col">
      <p className="pl-2 text-xs text-dim">
        <span className="text-phosphor">■</span> Events
      </p>
      <AreaChart {...shared} style={{ width: '100%', flex: '3 1 0', minHeight: 0 }}>
        <CartesianGrid vertical={false} {...GRID} />
        <XAxis {...x} hide />
        <YAxis {...y} />
        <Tooltip {...TOOLTIP} labelFormatter={label} />
        <Area type="stepAfter" dataKey="events" name="events" stroke="var(--color-phosphor)" fill="var(--color-phosphor)" fillOpacity={0.18} strokeWidth={1.5} isAnimationActive={false} />
      </AreaChart>
      <p className="mt-1 pl-2 text-xs text-dim">
        <span className="text-critical">■</span> Alerts
      </p>
      <BarChart {...shared} style={{ width: '100%', flex: '3 1 0', minHeight: 0 }}>
        <CartesianGrid vertical={false} {...GRID} />
        <XAxis {...x} />
        <YAxis {...y} />
        <Tooltip {...TOOLTIP} labelFormatter={label} />
        <Bar dataKey="alerts" name="alerts" fill="var(--color-critical)" isAnimationActive={false} minPointSize={(value) => (value ? 2 : 0)} />
      </BarChart>
    </div>
  )
}

/** How one source's score changed. */
export function ScoreLine({ points }: { points: ScorePoint[] }) {
  const rows = points.map(({ time, value }) => ({ at: Date.parse(time), score: Math.round(value * 10) / 10 }))
  const last = rows.at(-1)
  // The line goes on to the present: a score stands until it changes.
  if (last) rows.push({ at: Math.max(Date.now(), last.at), score: last.score })
  return (
    <div role="img" aria-label={`Score over time, now ${last?.score ?? 0}`} className="h-52 w-full">
      <LineChart responsive style={{ width: '100%', height: '100%' }} data={rows} margin={{ top: 8, right: 16, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} {...GRID} />
        <XAxis dataKey="at" type="number" domain={['dataMin', 'dataMax']} scale="time" tickFormatter={(at: number) => clock(new Date(at)).slice(0, 5)} tick={TICK} axisLine={AXIS} tickLine={false} minTickGap={50} />
        <YAxis domain={[0, 100]} ticks={[0, 25, 50, 75, 100]} width={36} tick={TICK} axisLine={false} tickLine={false} />
        <Tooltip {...TOOLTIP} labelFormatter={(at) => instant(new Date(Number(at)), new Date())} />
        <Line type="stepAfter" dataKey="score" name="score" stroke="var(--color-high)" strokeWidth={2} dot={false} isAnimationActive={false} />
      </LineChart>
    </div>
  )
}
