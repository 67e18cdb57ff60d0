/**
 * The dealing screen in a real browser: opens pages of a server, and gathers whatever is wrong with them, an error, a refused
 * resource, a request to another host. Needs Debian's chromium; tests skip where that is not installed.
 */

import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  '--disable-background-networking',
]
const LOOK_MS = 100
export const WAIT_MS = 20_000

export const isInstalled = existsSync(CHROMIUM)

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}

/** The pages of one profile: they share workers and storage with each other and with no other screen. */
export class Screen {
  /** What went wrong; empty at the end of each test. */
  readonly problems: string[] = []
  readonly url: string
  readonly #context: BrowserContext

  private constructor(context: BrowserContext, url: string) {
    this.#context = context
    this.url = url
    context.on('request', request => {
      const address = request.url()
      if (!address.startsWith(url) && !address.startsWith('data:')) this.problems.push(`asked ${address}`)
    })
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Screen> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
    return new Screen(context, url)
  }

  /** A tab. `isBroken`: its server or its transports fail on purpose, so what the browser says to that is no problem. */
  async tab(query = '', isBroken = false): Promise<Page> {
    const page = await this.#context.newPage()
    page.on('console', message => {
      if (message.type() === 'error' && !isBroken) this.problems.push(message.text())
    })
    page.on('pageerror', error => this.problems.push(String(error)))
    await page.goto(`${this.url}${query}`)
    return page
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}

/** A figure of the connection panel. */
export function figure(page: Page, name: string): Promise<string> {
  return page.locator(`#connection dd[data-name="${name}"]`).innerText()
}

/** The line that shows an instrument, by the title of its first cell; lines that show nothing are hidden. */
export function rowOf(page: Page, instrument: string): ReturnType<Page['locator']> {
  return page.locator(`#rows .row:not([hidden]):has([title="${instrument}"])`)
}

/** Looks until it is so; false when it does not become so in time. */
export async function becomes(isSo: () => Promise<boolean>, waitMs = WAIT_MS): Promise<boolean> {
  for (let look = 0; look < waitMs / LOOK_MS; look++) {
    if (await isSo()) return true
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
  return false
}

/** Counts from now on how often cells of the watch list light up. */
export async function countFlashes(page: Page): Promise<() => Promise<number>> {
  await page.locator('#rows').evaluate(rows => {
    const scope = globalThis as unknown as {
      flashes: number
      MutationObserver: new (
        call: (all: { target: { dataset: { move?: string } } }[]) => void,
      ) => { observe(target: unknown, options: object): void }
    }
    scope.flashes = 0
    new scope.MutationObserver(all => {
      scope.flashes += all.filter(({ target }) => target.dataset.move !== undefined).length
    }).observe(rows, { subtree: true, attributes: true, attributeFilter: ['data-move'] })
  })
  return () => page.locator('#rows').evaluate(() => (globalThis as unknown as { flashes: number }).flashes)
}
