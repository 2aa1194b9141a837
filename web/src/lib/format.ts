/** Numbers, sizes, spans and instants in words. */

const counts = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export function count(n: number): string {
  return n < 100_000 ? counts.format(n) : compact.format(n)
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = n / 1024
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** The two largest units of a span: `3 d 4 h`, `2 min 5 s`, `0.4 s`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const steps: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ]
  const at = steps.findIndex(([length]) => seconds >= length)
  const [length, unit] = steps[at] ?? [1, 's']
  const whole = Math.floor(seconds / length)
  const next = steps[at + 1]
  const rest = next ? Math.floor((seconds - whole * length) / next[0]) : 0
  return next && rest > 0 && whole < 100 ? `${whole} ${unit} ${rest} ${next[1]}` : `${whole} ${unit}`
}

export function ago(from: number, now: number): string {
  const seconds = Math.round((now - from) / 1000)
  if (seconds < 2) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

const two = (n: number) => String(n).padStart(2, '0')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Local time of day, `14:03:22`. */
export function clock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** Local instant: the time alone within the day of `now`, else with the day. */
export function instant(at: Date, now: Date): string {
  if (Number.isNaN(at.getTime())) return 'unknown'
  if (at.toDateString() === now.toDateString()) return clock(at)
  const day = `${at.getDate()} ${MONTHS[at.getMonth()]}`
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`
  return `${day}${year} ${clock(at)}`
}

/** The instant in UTC as the node wrote it, for those who compare logs. */
export function utc(rfc3339: string): string {
  return `${rfc3339.replace('T', ' ').replace(/Z$/, '')} UTC`
}

/** The set TCP flags in the order of the header, `SYN,ACK`; a dot where none is set. */
export function tcpFlags(flags: number): string {
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']
  return names.filter((_, bit) => flags & (1 << bit)).join(',') || '.'
}

/** An address with its port, IPv6 in brackets; the address alone when there is no port. */
export function endpoint(ip: string, port: number): string {
  if (port === 0) return ip
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** `ssh_bruteforce` as words. */
export function words(name: string): string {
  return name.replaceAll('_', ' ')
}
