// Looks at a running node as a person would:
//   node e2e/dashboard.mjs URL PASSWORD PICTURE.png IP...
// Logs in as admin, waits until every IP is among the sources and the alerts, until the honeypots are up and the
// live log has rows, and saves a picture of the overview. Anything the browser complains of fails the run.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const [url, password, picture, ...ips] = process.argv.slice(2)
if (!url || !password || !picture) {
  console.error('usage: node e2e/dashboard.mjs URL PASSWORD PICTURE.png IP...')
  process.exit(2)
}
/** Milliseconds until something that should appear counts as missing. */
const PATIENCE = 30_000
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium']

const executablePath = process.env.CHROMIUM ?? BROWSERS.find((path) => existsSync(path))
if (!executablePath) {
  console.error('no chromium: install it, or name it in CHROMIUM')
  process.exit(1)
}
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 } })).newPage()
page.setDefaultTimeout(PATIENCE)

const origin = new URL(url).origin
const complaints = new Set()
const missing = []
/** A stream, or a question of a page that is being left, ends without being a failure. */
const abandoned = 'net::ERR_ABORTED'

page.on('console', (message) => {
  if (message.type() === 'error') complaints.add(`console: ${message.text()} ${message.location().url ?? ''}`)
})
page.on('pageerror', (error) => complaints.add(`exception: ${error.message}`))
page.on('request', (request) => {
  const asked = new URL(request.url())
  if (asked.origin !== origin) complaints.add(`request to another origin: ${request.url().slice(0, 200)}`)
})
page.on('requestfailed', (request) => {
  if (request.failure()?.errorText !== abandoned) complaints.add(`failed request: ${request.url()} ${request.failure()?.errorText}`)
})
page.on('response', (response) => {
  if (response.status() >= 400) complaints.add(`status ${response.status()}: ${response.request().method()} ${response.url()}`)
})

/** One check: what `look` returns is what is missing, nothing when all is there; it is asked again until then. */
async function check(name, look) {
  const until = Date.now() + PATIENCE
  let gone
  do {
    gone = await look().catch((error) => [error.message.split('\n')[0]])
    if (gone.length === 0) break
    await page.waitForTimeout(500)
  } while (Date.now() < until)
  if (gone.length === 0) console.log(`ok       ${name}`)
  else {
    console.log(`MISSING  ${name}: ${gone.join(', ')}`)
    missing.push(name)
  }
}

const navigation = page.getByRole('navigation', { name: 'Main' })
const follow = async (name) => {
  await navigation.getByRole('link', { name, exact: true }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

/** Those of `ips` that no row of `kind` names; rows are read to the end of the list. */
async function unnamed(kind) {
  const more = page.getByRole('button', { name: /^More / })
  for (let pages = 0; ; pages += 1) {
    const rows = await page.getByTestId(kind).allInnerTexts()
    const named = new Set(rows.flatMap((row) => row.split(/\s+/)))
    const gone = ips.filter((ip) => !named.has(ip))
    if (gone.length === 0 || pages === 20 || (await more.count()) === 0) return gone
    await more.click()
    await page.waitForTimeout(300)
  }
}

try {
  await check('login form', async () => {
    await page.goto(url)
    await page.getByLabel('Password').waitFor()
    return []
  })
  await check('login as admin', async () => {
    await page.getByLabel('User name').fill('admin')
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await Promise.race([navigation.waitFor(), page.getByRole('alert').waitFor()])
    return (await navigation.isVisible()) ? [] : [await page.getByRole('alert').innerText()]
  })

  await follow('Sources')
  await check(`sources list ${ips.length} addresses`, () => unnamed('source'))
  await follow('Alerts')
  await check(`alerts name ${ips.length} addresses`, () => unnamed('alert'))
  await follow('Overview')

  await check('honeypots are up', async () => {
    const widgets = await page.getByTestId('honeypot').all()
    const states = await Promise.all(widgets.map(async (widget) => [await widget.getAttribute('data-service'), await widget.getAttribute('data-state')]))
    const on = states.filter(([, state]) => state !== 'off')
    if (on.length === 0) return ['any honeypot that is switched on']
    return on.filter(([, state]) => state !== 'up').map(([service, state]) => `${service} is ${state}`)
  })
  await check('live feed is connected', async () => {
    const said = await page.getByTestId('connection').innerText()
    return said === 'Live' ? [] : [said]
  })
  await check('live log has rows', async () => ((await page.getByTestId('log-row').count()) > 0 ? [] : ['rows']))
  await check('threat scores are drawn', async () => ((await page.locator('[aria-label^="Threat scores"] .recharts-rectangle').count()) > 0 ? [] : ['bars']))
  await check('time line is drawn', async () => ((await page.locator('[aria-label^="Over time"] .recharts-area-curve').count()) > 0 ? [] : ['curve']))
  await check('overview shows sources and alerts', async () => {
    const kinds = ['source', 'alert']
    const counts = await Promise.all(kinds.map((kind) => page.getByTestId(kind).count()))
    return kinds.filter((_, at) => counts[at] === 0)
  })
  await page.waitForTimeout(1_500)
  console.log(`note     ${await page.getByTestId('received').innerText()} live rows received, ${await page.getByTestId('skipped').innerText()} skipped`)
} catch (error) {
  console.log(`MISSING  ${error.message.split('\n')[0]}`)
  missing.push('the run itself')
} finally {
  await page.screenshot({ path: picture }).catch((error) => missing.push(`picture: ${error.message}`))
  await browser.close()
}
for (const complaint of complaints) console.log(`BAD      ${complaint}`)
if (complaints.size === 0) console.log('ok       no console error, failed request or request elsewhere')
if (missing.length > 0 || complaints.size > 0) {
  console.error(`failed: ${[...missing, ...(complaints.size ? [`${complaints.size} complaints of the browser`] : [])].join('; ')}`)
  process.exit(1)
}
