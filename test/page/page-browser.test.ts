/**
 * The dealing screen in a real browser, against the program: with the simulated market as a newcomer starts it, and with a
 * feed of the test's own, whose values are known.
 */

import test, { type ExecutionContext } from 'ava'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type ServerProcess, startServerProcess } from '#perf/server-process.ts'
import { connectFeed, type FeedClient } from '#src/feed/feed-client.ts'
import { becomes, countFlashes, figure, isInstalled, launch, rowOf, Screen } from '#test/support/dealing-screen.ts'
import { NoUpgradeProxy } from '#test/support/no-upgrade-proxy.ts'

const TEST_MS = 120_000
const MANY = 900

let browser: Browser
/** With a simulated market. */
let market: ServerProcess
/** Without anything. */
let quiet: ServerProcess
/** Of the test that runs. */
const feeds: FeedClient[] = []

test.before(async () => {
  if (!isInstalled) return
  market = await startServerProcess(['--simulate', '--simulate-rate', '1500'])
  quiet = await startServerProcess([])
  browser = await launch()
})

test.afterEach.always(async () => {
  for (const feed of feeds.splice(0)) await feed.close()
})

test.after.always(async () => {
  await browser?.close()
  await market?.stop()
  await quiet?.stop()
})

type Run = (t: ExecutionContext, screen: Screen) => Promise<void>

/** A test with a screen of its own, on which nothing may have gone wrong at the end. */
function onScreen(
  url: () => string,
  run: Run,
  options: BrowserContextOptions = {},
): (t: ExecutionContext) => Promise<void> {
  return async t => {
    if (!isInstalled) {
      t.log('skipped: install chromium (apt-get install chromium) to run this test')
      t.pass()
      return
    }
    t.timeout(TEST_MS)
    const screen = await Screen.open(browser, url(), options)
    try {
      await run(t, screen)
      t.deepEqual(screen.problems, [])
    } finally {
      await screen.close()
    }
  }
}

const marketUrl = (): string => `http://127.0.0.1:${market.httpPort}/`
const quietUrl = (): string => `http://127.0.0.1:${quiet.httpPort}/`

async function feedTo({ feedPort }: ServerProcess): Promise<FeedClient> {
  const feed = connectFeed({ port: feedPort, name: 'page-test' })
  feeds.push(feed)
  await feed.ready()
  return feed
}

function isLive(page: Page): Promise<boolean> {
  return becomes(async () => (await page.locator('#state').innerText()).includes('Live'))
}

/** Sessions with a stream: those of tabs that were closed in a test before may be kept for a while. */
async function sessionCount(server: ServerProcess): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${server.httpPort}/sessions`)
  const { sessions } = (await answer.json()) as { sessions: { readonly isBound: boolean }[] }
  return sessions.filter(({ isBound }) => isBound).length
}

test.serial(
  '[H40] the simulated market is live: rows, prices that move, an instrument with trades and chart',
  onScreen(marketUrl, async (t, screen) => {
    const page = await screen.tab()
    await page.locator('#rows .row').nth(29).waitFor()
    const before = await page.locator('#rows').innerText()
    t.true(await becomes(async () => (await page.locator('#rows').innerText()) !== before), 'prices move')
    t.is(await page.locator('#watchCount').innerText(), '36 instruments')
    await page.locator('#trades tr').nth(2).waitFor()
    t.true((await page.locator('#chart canvas').count()) > 0)
    const drawn = await page.locator('#chart canvas').first().boundingBox()
    t.true(drawn !== null && drawn.width > 200 && drawn.height > 100)
  }),
)

test.serial(
  '[PG20] rows show what the server has, light up when prices move, and are moved through by keys',
  onScreen(quietUrl, async (t, screen) => {
    const feed = await feedTo(quiet)
    feed.publish('quote.desk.ACME', { bid: '7.611', ask: '7.613', bid_size: '1200', last: '7.612', change: '-0.25' })
    feed.publish('quote.desk.BOLT', { bid: '101.5', ask: '102', ask_size: '1250000' })
    await feed.flushed()
    const page = await screen.tab()
    const [acme, bolt] = [rowOf(page, 'desk.ACME'), rowOf(page, 'desk.BOLT')]
    await bolt.waitFor()
    const texts = async (row: typeof acme): Promise<string[]> =>
      (await row.locator('.cell').allInnerTexts()).map(text => text.replaceAll(/[\u2007\u2008]/g, '').trim())
    t.deepEqual((await texts(acme)).slice(1), ['1200', '7.611', '7.613', '–', '7.612', '-0.25', '–'])
    t.deepEqual((await texts(bolt)).slice(1), ['–', '101.5', '102', '1.25M', '–', '–', '–'])
    const flashes = await countFlashes(page)
    feed.publish('quote.desk.ACME', { bid: '7.612', ask: '7.610' })
    t.true(await becomes(async () => (await texts(acme))[2] === '7.612'))
    t.is(await flashes(), 2)
    const trend = (column: number): Promise<string | null> =>
      acme.locator('.cell').nth(column).getAttribute('data-trend')
    t.deepEqual([await trend(2), await trend(3)], ['up', 'down'])
    await page.locator('#grid').focus()
    for (const key of ['Home', 'ArrowDown', 'Enter']) await page.keyboard.press(key)
    t.true(await becomes(async () => (await page.locator('#symbol').innerText()) === 'BOLT'))
    t.is(await bolt.getAttribute('aria-selected'), 'true')
    t.regex(page.url(), /open=desk\.BOLT/)
    await page.locator('#heads button', { hasText: 'Bid' }).click()
    t.true(await becomes(async () => (await page.locator('#rows .row:visible').first().innerText()).includes('BOLT')))
    await page.locator('#search').fill('acm')
    t.true(await becomes(async () => (await page.locator('#rows .row:visible').count()) === 1))
    feed.delete('quote.desk.ACME')
    feed.delete('quote.desk.BOLT')
  }),
)

test.serial(
  '[PG20] an item of any name can be added, and taken off again',
  onScreen(quietUrl, async (t, screen) => {
    const page = await screen.tab()
    t.true(await isLive(page))
    await page.locator('#search').fill('odd.one*')
    await page.keyboard.press('Enter')
    await page.locator('#chips button').waitFor()
    await page.locator('#search').fill('')
    const feed = await feedTo(quiet)
    feed.publish('odd.one.more', { bid: '3', ask: '4' })
    await rowOf(page, 'odd.one.more').waitFor()
    feed.delete('odd.one.more')
    t.true(await becomes(async () => (await rowOf(page, 'odd.one.more').count()) === 0))
    await page.locator('#chips button').click()
    t.is(await page.locator('#chips button').count(), 0)
  }),
)

test.serial(
  '[PG21] with a lower rate fewer updates come, and more are conflated',
  onScreen(marketUrl, async (t, screen) => {
    const page = await screen.tab()
    const rate = async (): Promise<number> => Number((await figure(page, 'Updates/s')).replace(/k$/, '000'))
    const share = async (): Promise<number> => Number((await figure(page, 'Conflated')).replace(/ %$/, ''))
    t.true(await isLive(page))
    t.true(await becomes(async () => (await rate()) > 200), 'all come')
    t.true((await share()) < 30)
    await page.locator('#rate').fill('0')
    t.is(await page.locator('#rateText').innerText(), '1 in 2 s')
    t.true(await becomes(async () => (await rate()) < 100 && (await share()) > 70), 'few come, most are conflated')
    await page.locator('#rate').fill('7')
    t.true(await becomes(async () => (await rate()) > 200 && (await share()) < 30), 'all come again')
  }),
)

test.serial('[PG22] where WebSocket is refused the page goes on over SSE, and the switch chooses polling', async t => {
  if (!isInstalled) return t.pass()
  const proxy = await NoUpgradeProxy.listen(market.httpPort)
  const run: Run = async (t, screen) => {
    const page = await screen.tab('', true)
    const carried = (): Promise<string> => figure(page, 'Carried by')
    t.true(await becomes(async () => (await carried()) === 'SSE, JSON'))
    t.true(proxy.refused > 0)
    await page.locator('#rows .row').nth(9).waitFor()
    const session = await figure(page, 'Session')
    await page.locator('#transports label', { hasText: 'Polling' }).click()
    t.true(await becomes(async () => (await carried()) === 'long polling, terse'))
    const before = await page.locator('#rows').innerText()
    t.true(await becomes(async () => (await page.locator('#rows').innerText()) !== before), 'prices move')
    t.is((await figure(page, 'Session')).split(',')[0], session.split(',')[0], 'the session is the same')
  }
  try {
    await onScreen(() => `http://127.0.0.1:${proxy.port}/`, run)(t)
  } finally {
    await proxy.close()
  }
})

test.serial(
  '[PG23] two tabs share one session, the second one shows what there is at once, and one that closes is missed',
  onScreen(quietUrl, async (t, screen) => {
    const feed = await feedTo(quiet)
    feed.publish('quote.desk.ACME', { bid: '7.611', ask: '7.613' })
    await feed.flushed()
    const first = await screen.tab()
    await rowOf(first, 'desk.ACME').waitFor()
    const second = await screen.tab()
    await rowOf(second, 'desk.ACME').waitFor()
    const shows = (page: Page, text: string): Promise<boolean> =>
      becomes(async () => (await page.locator('#sharing').innerText()) === text)
    t.true(await shows(first, 'shared by 2 tabs'))
    t.true(await shows(second, 'shared by 2 tabs'))
    t.is(await figure(first, 'Session'), await figure(second, 'Session'))
    t.is(await sessionCount(quiet), 1)
    const own = await screen.tab('?own')
    t.true(await shows(own, 'of this tab alone'))
    t.true(await becomes(async () => (await sessionCount(quiet)) === 2))
    await own.close()
    await second.locator('#rate').fill('2')
    t.true(await becomes(async () => (await first.locator('#rateText').innerText()) === '2/s'))
    await second.close()
    t.true(await shows(first, 'shared: 1 tab'))
    feed.publish('quote.desk.ACME', { bid: '7.700' })
    t.true(await becomes(async () => (await rowOf(first, 'desk.ACME').innerText()).includes('7.700')))
    feed.delete('quote.desk.ACME')
  }),
)

test.serial('[PG24] rows of a feed that has gone are stale, and a server that has gone is said', async t => {
  if (!isInstalled) return t.pass()
  const server = await startServerProcess([])
  const run: Run = async (t, screen) => {
    const feed = await feedTo(server)
    feed.publish('quote.desk.ACME', { bid: '7.611', ask: '7.613' })
    const page = await screen.tab('', true)
    const row = rowOf(page, 'desk.ACME')
    await row.waitFor()
    t.false(await row.locator('.tag').isVisible())
    await feed.close()
    await row.locator('.tag', { hasText: 'stale' }).waitFor()
    t.true(await page.locator('#staleTag').isVisible())
    t.regex(await page.locator('#watchCount').innerText(), /1 stale/)
    await server.stop()
    await page.locator('#state', { hasText: 'Offline' }).waitFor()
    t.regex(await page.locator('#notice').innerText(), /No connection/)
  }
  await onScreen(() => `http://127.0.0.1:${server.httpPort}/`, run)(t)
})

test.serial(
  '[PG25] on a phone nothing is wider than the screen, and less motion is no motion',
  onScreen(
    marketUrl,
    async (t, screen) => {
      const page = await screen.tab()
      await page.locator('#trades tr').nth(2).waitFor()
      const widths = await page.locator('html').evaluate(html => {
        const { scrollWidth, clientWidth } = html as unknown as { scrollWidth: number; clientWidth: number }
        return [scrollWidth, clientWidth]
      })
      t.deepEqual(widths, [360, 360])
      const flashes = await countFlashes(page)
      const before = await page.locator('#rows').innerText()
      t.true(await becomes(async () => (await page.locator('#rows').innerText()) !== before))
      t.is(await flashes(), 0)
    },
    { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' },
  ),
)

test.serial(
  '[PG25] the theme follows the system until one is chosen, which is remembered',
  onScreen(
    quietUrl,
    async (t, screen) => {
      const page = await screen.tab()
      const ground = (): Promise<string> =>
        page.locator('body').evaluate(body => {
          const scope = globalThis as unknown as { getComputedStyle(of: unknown): { backgroundColor: string } }
          return scope.getComputedStyle(body).backgroundColor
        })
      const dark = await ground()
      await page.emulateMedia({ colorScheme: 'light' })
      const light = await ground()
      t.not(light, dark)
      await page.locator('#themes label', { hasText: 'Dark' }).click()
      t.is(await ground(), dark)
      await page.reload()
      t.is(await ground(), dark)
    },
    { colorScheme: 'dark' },
  ),
)

test.serial(
  '[PG26] of many rows only those in sight are in the document, and all can be reached',
  onScreen(quietUrl, async (t, screen) => {
    const feed = await feedTo(quiet)
    const nameOf = (index: number): string => `quote.many.S${String(index).padStart(4, '0')}`
    for (let index = 0; index < MANY; index++) {
      await feed.ready()
      feed.publish(nameOf(index), { bid: String(index + 1), ask: String(index + 2) })
    }
    await feed.flushed()
    const page = await screen.tab()
    t.true(await becomes(async () => (await page.locator('#grid').getAttribute('aria-rowcount')) === String(MANY + 1)))
    t.true((await page.locator('#rows .row').count()) < 100)
    await page.locator('#grid').focus()
    await page.keyboard.press('End')
    const last = rowOf(page, `many.S0${MANY - 1}`)
    await last.waitFor()
    t.is(await last.getAttribute('aria-rowindex'), String(MANY + 1))
    feed.publish(nameOf(MANY - 1), { bid: '5.5' })
    t.true(await becomes(async () => (await last.innerText()).includes('5.5')))
    for (let index = 0; index < MANY; index++) feed.delete(nameOf(index))
  }),
)

test.serial(
  '[PG27] trades stand as they were published, the newest on top, and a book that is none is said',
  onScreen(quietUrl, async (t, screen) => {
    const feed = await feedTo(quiet)
    const trade = (id: number): boolean =>
      feed.publish(
        'trades.desk.ACME',
        { id, price: `7.${600 + id}`, size: 100 * id, side: id % 2 === 0 ? 'buy' : 'sell' },
        { mode: 'distinct' },
      )
    feed.publish('quote.desk.ACME', { bid: '7.611', ask: '7.613' })
    trade(1)
    await feed.flushed()
    const page = await screen.tab('?open=desk.ACME')
    t.true(await becomes(async () => (await page.locator('#symbol').innerText()) === 'ACME'))
    await page.locator('#bookEmpty', { hasText: 'has no order book' }).waitFor()
    await page
      .locator('#tradesNote, #tradesEmpty', { hasText: /No trades yet|none lost/ })
      .first()
      .waitFor()
    for (let id = 2; id <= 6; id++) trade(id)
    t.true(await becomes(async () => (await page.locator('#trades tr').count()) >= 5))
    const rows = await page.locator('#trades tr').allInnerTexts()
    t.deepEqual(
      rows.slice(0, 5).map(text =>
        text
          .split('\t')
          .slice(1)
          .map(cell => cell.trim()),
      ),
      [6, 5, 4, 3, 2].map(id => [`7.${600 + id}`, String(100 * id), id % 2 === 0 ? 'buy ▲' : 'sell ▼']),
    )
    t.is(await page.locator('#tradesNote').innerText(), 'none lost')
    feed.delete('quote.desk.ACME')
    feed.delete('trades.desk.ACME')
  }),
)

test.serial(
  '[PG27] the ladder shows the ten best prices of each side of the book that was published, as it changes',
  onScreen(quietUrl, async (t, screen) => {
    const feed = await feedTo(quiet)
    const row = (command: string, side: string, price: number, size?: number, snapshot = false): boolean => {
      const fields = command === 'DELETE' ? {} : { side, price, size: size ?? 1 }
      return feed.publish(
        'book.desk.ACME',
        { key: `${side}:${price}`, command, ...fields },
        { mode: 'command', snapshot },
      )
    }
    feed.publish('quote.desk.ACME', { bid: '99', ask: '101' })
    for (let level = 0; level < 15; level++) {
      row('ADD', 'bid', 99 - level, 10 + level, level === 0)
      row('ADD', 'ask', 101 + level, 20 + level)
    }
    await feed.flushed()
    const page = await screen.tab('?open=desk.ACME')
    const levels = async (id: string): Promise<string[]> =>
      (await page.locator(`#${id} tr`).allInnerTexts()).map(text => text.replaceAll(/\s+/g, ' ').trim())
    t.true(await becomes(async () => (await levels('bids'))[9] === '90 19 145'))
    t.deepEqual((await levels('bids')).slice(0, 3), ['99 10 10', '98 11 21', '97 12 33'])
    // The best ask stands last, next to the spread.
    t.deepEqual((await levels('asks')).slice(7), ['103 22 63', '102 21 41', '101 20 20'])
    t.regex(await page.locator('#bookSpread').innerText(), /^spread 2 /)
    row('DELETE', 'bid', 99)
    row('UPDATE', 'bid', 98, 50)
    row('ADD', 'ask', 100, 7)
    t.true(
      await becomes(async () => (await levels('bids'))[0] === '98 50 50' && (await levels('asks'))[9] === '100 7 7'),
    )
    t.true(await becomes(async () => (await levels('bids'))[9]?.startsWith('89 20 ') === true), 'the next one moves up')
    feed.delete('book.desk.ACME')
    feed.delete('quote.desk.ACME')
  }),
)
