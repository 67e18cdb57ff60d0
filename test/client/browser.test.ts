/**
 * The library in a real browser, served file by file with nothing but its types taken off, over each transport. Needs
 * Debian's chromium; skips where that is not installed.
 */

import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import test from 'ava'
import { type Browser, chromium } from 'playwright-core'
import { FakeSessionServer } from '../support/fake-session-server.ts'
import { ROOT, readSources } from '../support/sources.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
const WAIT_MS = 20_000

/** Shows the state of items as text: `A bid=1`, and the transport with what befell the session. */
const PAGE = `<!doctype html><title>client</title><pre id="items"></pre><pre id="session"></pre>
<script type="module">
import { connect } from '/src/client/index.ts'
const transport = location.hash.slice(1)
const client = connect('/', { transports: [transport], reconnect: { minMs: 0, maxMs: 5, stableMs: 0 } })
const show = (id, text) => { document.getElementById(id).textContent = text }
const story = []
for (const name of ['welcome', 'recovered', 'lost']) {
  client.on(name, () => { story.push(name); show('session', story.join(' ')) })
}
const { items } = client.subscribe({ items: '*' }, {
  onBatch: () => show('items', [...items.values()].map(({ name, fields }) => name + ' bid=' + fields.bid).join('; ')),
})
addEventListener('click', () => {
  client.send('orders', { buy: 'A' }).then(result => show('items', JSON.stringify(result)), error => show('items', error.code))
})
</script>`

async function serve(): Promise<FakeSessionServer> {
  const server = await FakeSessionServer.listen()
  server.files.set('/page', { type: 'text/html', text: PAGE })
  for (const { path } of readSources('src/client')) {
    const text = stripTypeScriptTypes(readFileSync(join(ROOT, path), 'utf8'))
    server.files.set(`/${path}`, { type: 'text/javascript', text })
  }
  server.model.handlers.set('orders', data => ({ taken: data }))
  server.model.publish('A', { bid: '1' })
  return server
}

async function look(browser: Browser, server: FakeSessionServer, transport: string): Promise<string[]> {
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('pageerror', error => problems.push(String(error)))
  const shows = (id: string, text: string): Promise<void> =>
    page.locator(`#${id}`, { hasText: text }).waitFor({ state: 'attached', timeout: WAIT_MS })
  await page.goto(`${server.url}/page#${transport}`)
  await shows('items', 'A bid=1')
  server.model.publish('A', { bid: '2' })
  await shows('items', 'A bid=2')
  server.cut()
  server.model.publish('A', { bid: '3' })
  // The browser itself repeats a poll whose connection breaks.
  if (transport !== 'poll') await shows('session', 'welcome welcome recovered')
  await shows('items', 'A bid=3')
  await page.locator('html').click()
  await shows('items', '{"taken":{"buy":"A"}}')
  await page.close()
  return problems
}

test('[CL50] in a real browser it receives, resumes and sends over each transport', async t => {
  if (!existsSync(CHROMIUM)) {
    t.log('skipped: install chromium (apt-get install chromium) to run this test')
    t.pass()
    return
  }
  t.timeout(120_000)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  try {
    for (const transport of ['websocket', 'sse', 'poll']) {
      const server = await serve()
      try {
        t.deepEqual(await look(browser, server, transport), [], transport)
      } finally {
        await server.close()
      }
    }
  } finally {
    await browser.close()
  }
})
