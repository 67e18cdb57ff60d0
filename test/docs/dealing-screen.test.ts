/**
 * The guide to a dealing screen of one's own, followed: its files are written into a new folder, its commands run there against
 * the program, and what its page shows in a real browser is held against what the server has.
 */

import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Browser, Page } from 'playwright-core'
import { becomes, isInstalled, launch } from '#test/support/dealing-screen.ts'
import { Guide, type Running, Workshop } from '#test/support/guide.ts'
import { ROOT } from '#test/support/sources.ts'

const TEST_MS = 60_000
const SYMBOLS = ['ACME', 'BOLT', 'CORE']
const FILES = ['desk.json', 'feed.mjs', 'index.html', 'desk.js', 'static.mjs']

type Line = readonly string[]
type Fields = Readonly<Record<string, string>>

interface StreamRecord {
  readonly key?: string
  readonly time?: number
  readonly fields?: Fields
  readonly snapshotEnd?: boolean
}

const guide = new Guide('dealing-screen.md')
const folder = mkdtempSync(join(tmpdir(), 'millrace-guide-'))
const workshop = new Workshop(folder)
let browser: Browser
let server: Running
let feed: Running
let page: Page
let httpPort = ''
let staticPort = ''
const errors: string[] = []

test.before(async () => {
  if (!isInstalled) return
  // Ports that are free here; the guide's own stay the same in all of its files.
  staticPort = await freePort()
  workshop.replace('listen(3000', `listen(${staticPort}`)
  workshop.replace(':3000', `:${staticPort}`)
  workshop.write('static.mjs', guide.files.get('static.mjs')!)
  const [, started] = await Promise.all([workshop.start(guide.command('node static.mjs'), 'open '), launch()])
  browser = started
  const ports = /millrace: open http:\/\/127\.0\.0\.1:(\d+)\/ - feeds on 127\.0\.0\.1:(\d+)/
  workshop.write('desk.json', guide.files.get('desk.json')!.replace(/("\w+Port": )\d+/g, '$10'))
  server = await workshop.start(guide.command('millrace serve'), 'millrace: open')
  const [, http = '', feeds = ''] = ports.exec(server.line) ?? []
  httpPort = http
  workshop.replace('8080', http)
  workshop.replace('9090', feeds)
  for (const name of FILES) if (name !== 'static.mjs') workshop.write(name, guide.files.get(name)!)
})

test.after.always(async () => {
  await browser?.close()
  await workshop.close()
  rmSync(folder, { recursive: true, force: true })
})

function inBrowser(run: (t: ExecutionContext) => Promise<void>): (t: ExecutionContext) => Promise<void> {
  return async t => {
    if (!isInstalled) {
      t.log('skipped: install chromium (apt-get install chromium) to run this test')
      t.pass()
      return
    }
    t.timeout(TEST_MS)
    await run(t)
  }
}

/** One that nothing listens on now: what listens there next has to be told of it before. */
async function freePort(): Promise<string> {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  await once(taken, 'close')
  return String(port)
}

async function openPage(host: string): Promise<Page> {
  const opened = await browser.newPage()
  opened.on('console', message => {
    if (message.type() === 'error') errors.push(message.text())
  })
  opened.on('pageerror', error => errors.push(String(error)))
  await opened.goto(`http://${host}:${staticPort}/`)
  return opened
}

/** The cells of a table of the page, line by line. */
async function shown(id: string): Promise<Line[]> {
  const lines = await page.locator(`#${id} tr`).all()
  return Promise.all(lines.map(line => line.locator('td').allInnerTexts()))
}

function shows(id: string, lines: () => Promise<readonly Line[]> | readonly Line[]): Promise<boolean> {
  return becomes(async () => JSON.stringify(await shown(id)) === JSON.stringify(await lines()))
}

function says(id: string, text: string | RegExp): Promise<boolean> {
  return becomes(async () => (await page.locator(`#${id}`).innerText()).search(text) >= 0)
}

/** The snapshot of an item, as a client that is not the library gets it. */
async function snapshotOf(query: string): Promise<StreamRecord[]> {
  const ending = new AbortController()
  const headers = { accept: 'application/x-ndjson' }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/stream?${query}`, { headers, signal: ending.signal })
  const records: StreamRecord[] = []
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines.filter(one => one !== '')) {
      const record = JSON.parse(line) as StreamRecord
      if (record.snapshotEnd === true) {
        ending.abort()
        return records
      }
      if (record.fields !== undefined) records.push(record)
    }
  }
  throw new Error(`the stream of ${query} has ended`)
}

async function quoteLines(isIn = (_: Fields): boolean => true): Promise<Line[]> {
  const lines: Line[] = []
  for (const symbol of SYMBOLS) {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/items/quote.${symbol}`)
    const { fields } = (await answer.json()) as { fields: Fields }
    if (isIn(fields)) lines.push([symbol, fields.bid!, fields.ask!, fields.last!, fields.change!])
  }
  return lines
}

/** The best ten, the highest price first. */
async function bookLines(symbol: string, side: 'bid' | 'ask'): Promise<Line[]> {
  const rows = (await snapshotOf(`items=book.${symbol}&mode=command`)).map(({ fields }) => fields!)
  const away = side === 'bid' ? -1 : 1
  const best = rows.filter(row => row.side === side).sort((a, b) => away * (Number(a.price) - Number(b.price)))
  const lines = best.slice(0, 10).map(({ size, price }) => [size!, price!])
  return side === 'bid' ? lines : lines.reverse()
}

/** Bars of all trades of a symbol, as they should be; the newest first. */
function barLines(trades: readonly StreamRecord[]): Line[] {
  const minutes = Map.groupBy(trades, ({ time }) => new Date(time!).toISOString().slice(11, 16))
  const lines = [...minutes].map(([minute, own]) => {
    const prices = own.map(({ fields }) => fields!.price!)
    const sorted = prices.toSorted((a, b) => Number(a) - Number(b))
    const volume = own.reduce((sum, { fields }) => sum + Number(fields!.size), 0)
    return [minute, prices[0]!, sorted.at(-1)!, sorted[0]!, prices.at(-1)!, String(volume), String(own.length)]
  })
  return lines.reverse()
}

test('[GD1] the guide has the files that it speaks of, its links lead somewhere, and README leads to it', async t => {
  t.deepEqual([...guide.files.keys()], FILES)
  for (const [, target] of guide.text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
    t.true(existsSync(join(ROOT, 'docs', target!)), target)
  }
  const readme = new Guide('../README.md')
  t.true(readme.text.includes('](docs/dealing-screen.md)'))
})

test.serial(
  '[GD2] a page of an origin that the settings do not name gets nothing, and the browser says so',
  inBrowser(async t => {
    const stranger = await openPage('localhost')
    t.true(await becomes(async () => errors.some(error => error.includes('blocked by CORS policy'))))
    t.is(await stranger.locator('#state').innerText(), '…')
    await stranger.close()
    errors.length = 0
  }),
)

test.serial(
  "[GD3] the guide's page shows the quotes, the best of the book, the trades and the bars that its feed has published",
  inBrowser(async t => {
    page = await openPage('127.0.0.1')
    t.true(await says('state', /^connected websocket$/))
    feed = await workshop.start(guide.command('node feed.mjs'), 'connected')
    t.true(await becomes(async () => (await shown('trades')).length >= 6))
    t.true((await shown('quotes')).length === 3 && (await page.locator('.stale').count()) === 0)
    t.true(await says('counts', /conflated [1-9]/))
    await feed.stop()
    t.true(await shows('quotes', quoteLines))
    t.true(await shows('asks', () => bookLines('ACME', 'ask')))
    t.true(await shows('bids', () => bookLines('ACME', 'bid')))
    t.is((await shown('bids')).length, 10)
    const trades = await snapshotOf('items=trades.ACME&mode=distinct&snapshot=200')
    const tape = trades.slice(-20).map(({ fields }) => [fields!.id!, fields!.price!, fields!.size!, fields!.side!])
    t.is(trades[0]!.fields!.id, '1', 'all of them')
    t.true(await shows('trades', () => tape.reverse()))
    t.true(await shows('bars', () => barLines(trades)), `${await shown('bars')} for ${barLines(trades)}`)
    t.is(await page.locator('.stale').count(), 3 + 20, 'quotes and the book of a feed that has gone')
    t.deepEqual(errors, [])
  }),
)

test.serial(
  '[GD4] the list takes a filter and tells what is wrong with one, and shows what is published by hand',
  inBrowser(async t => {
    const ask = async (filter: string): Promise<void> => {
      await page.locator('#filter').fill(filter)
      await page.keyboard.press('Enter')
    }
    await ask('change >= 0 and bid > 10')
    t.true(await shows('quotes', () => quoteLines(({ change, bid }) => Number(change) >= 0 && Number(bid) > 10)))
    await ask('bid >')
    t.true(await says('error', 'filter: at 6: expected a field or a value'))
    await ask('')
    t.true(await shows('quotes', quoteLines))
    const published = guide.commands.filter(command => /^curl .*DELTA/.test(command))
    for (const command of published.slice(0, -1)) t.notRegex(await workshop.run(command), /error/, command)
    const line = page.locator('#quotes tr[data-key="DELTA"]')
    await line.waitFor()
    t.is(await line.getAttribute('class'), '')
    await line.click()
    t.true(await shows('bids', () => [['500', '12.30']]))
    t.true(await shows('trades', () => [['1', '12.32', '100', 'buy']]))
    t.notRegex(await workshop.run(published.at(-1)!), /error/)
    t.true(await becomes(async () => (await line.count()) === 0))
    t.deepEqual(errors, [])
  }),
)

test.serial(
  '[GD5] what the guide has its reader look at shows what it says',
  inBrowser(async t => {
    const look = (beginning: string): Promise<string> => workshop.run(guide.command(beginning))
    const [[, bid] = []] = await quoteLines()
    t.true((await look('curl http://127.0.0.1:8080/items/quote.ACME')).includes(`"bid":"${bid}"`))
    t.regex(await look("curl 'http://127.0.0.1:8080/items?prefix=bars.'"), /"bars\.ACME\.\d\d:\d\d"/)
    t.regex(await look('curl http://127.0.0.1:8080/sessions'), /"transport":"websocket".*"conflated":[1-9]/)
    t.regex(await look('curl -s http://127.0.0.1:8080/metrics'), /^millrace_updates_conflated_total.* [1-9]/m)
    for (const [beginning, text] of [
      ["millrace watch --config desk.json 'quote.*'", bid!],
      ['millrace watch --config desk.json book.ACME', (await bookLines('ACME', 'bid'))[0]![1]!],
    ] as const) {
      const watch = await workshop.start(guide.command(beginning), text)
      await watch.stop()
    }
    t.pass()
  }),
)

test.serial(
  '[GD6] a server that was ended and started again has its feed and its page back, which says that it has begun anew',
  inBrowser(async t => {
    await server.stop()
    t.true(await says('state', /^waiting/))
    server = await workshop.start(guide.command('millrace serve'), 'millrace: open')
    feed = await workshop.start(guide.command('node feed.mjs'), 'connected')
    t.true(await says('counts', /begunAnew 1/))
    t.true(await becomes(async () => (await shown('quotes')).length === 3))
    t.true(await becomes(async () => (await page.locator('.stale').count()) === 0))
  }),
)
