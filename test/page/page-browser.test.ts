/**
 * The page at `/` in a real browser, against the program as a newcomer starts it: prices of the simulated market appear,
 * move, and go on after a change of the frequency. Needs Debian's chromium; skips where that is not installed.
 */

import { existsSync } from 'node:fs'
import test from 'ava'
import { type Browser, chromium, type Page } from 'playwright-core'
import { startServerProcess } from '#perf/server-process.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
]
const WAIT_MS = 20_000
const LOOK_MS = 100
const LOOKS_MAX = WAIT_MS / LOOK_MS

async function withPage(run: (browser: Browser, url: string) => Promise<void>): Promise<void> {
  const server = await startServerProcess(['--simulate', '--simulate-rate', '400'])
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  try {
    await run(browser, `http://127.0.0.1:${server.httpPort}/`)
  } finally {
    await browser.close()
    await server.stop()
  }
}

/** Looks at the table until it shows something else. Without code run by text in the page: its policy forbids that. */
async function differs(page: Page, before: string): Promise<boolean> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    if ((await page.locator('tbody').innerText()) !== before) return true
    await page.waitForTimeout(LOOK_MS)
  }
  return false
}

test('[H40] the page shows the market live in a real browser, without an error or a refused resource', async t => {
  if (!existsSync(CHROMIUM)) {
    t.log('skipped: install chromium (apt-get install chromium) to run this test')
    t.pass()
    return
  }
  t.timeout(60_000)
  await withPage(async (browser, url) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    const problems: string[] = []
    page.on('console', message => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('pageerror', error => problems.push(String(error)))
    await page.goto(url)
    await page.locator('tbody tr').nth(29).waitFor({ timeout: WAIT_MS })
    const before = await page.locator('tbody').innerText()
    t.true(await differs(page, before), 'prices move')
    const screenshot = process.env.SCREENSHOT
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
    await page.locator('select').first().selectOption({ index: 1 })
    const changed = await page.locator('tbody').innerText()
    t.true(await differs(page, changed), 'prices move at the new frequency')
    t.deepEqual(problems, [])
  })
})
