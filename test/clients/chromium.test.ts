/**
 * Chromium's own EventSource, fetch and WebSocket, in pages of the server's own origin. Needs Debian's chromium; skips where
 * that is not installed.
 */

import { existsSync } from 'node:fs'
import test from 'ava'
import { type Browser, chromium, type Page } from 'playwright-core'
import { Arrivals } from '#test/support/arrivals.ts'
import {
  type BareHandlers,
  ComingBack,
  type ForeignClient,
  liveThrough,
  type OpenBare,
  resuming,
  type StartClient,
} from '#test/support/foreign-client.ts'
import type { SessionRecord } from '#test/support/session-stream.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

/** What pages call with what came, and at the end with null. */
const TELL = 'tell'

/** Runs in the page. */
function readEvents(target: string): void {
  const page = globalThis as unknown as { tell(stream: number, text: string | null): void; EventSource: SourceType }
  const source = new page.EventSource(target)
  source.onmessage = ({ data }) => page.tell(0, data)
}

type SourceType = new (url: string) => { onmessage: ((event: { readonly data: string }) => void) | null }

/** Runs in the page. */
async function readLines({ stream, target }: { readonly stream: number; readonly target: string }): Promise<void> {
  const page = globalThis as unknown as { tell(stream: number, text: string | null): void }
  try {
    const response = await fetch(target, { headers: { Accept: 'application/x-ndjson' } })
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) page.tell(stream, decoder.decode(chunk, { stream: true }))
  } catch {
    // It was cut.
  }
  page.tell(stream, null)
}

/** Runs in the page. */
function readMessages({ stream, target }: { readonly stream: number; readonly target: string }): void {
  const page = globalThis as unknown as { tell(stream: number, text: string | null): void }
  const socket = new WebSocket(target)
  socket.onmessage = ({ data }) => page.tell(stream, data)
  socket.onclose = () => page.tell(stream, null)
}

/** A page of the server's origin that lets all through; its streams are told apart by their numbers. */
class Streams {
  readonly #page: Promise<Page>
  readonly #handlers: BareHandlers[] = []

  constructor(browser: Browser, port: number) {
    this.#page = this.#prepare(browser, port)
  }

  open(handlers: BareHandlers, run: (page: Page, stream: number) => Promise<unknown>): void {
    const stream = this.#handlers.push(handlers) - 1
    this.#page.then(page => run(page, stream)).catch(() => {})
  }

  async #prepare(browser: Browser, port: number): Promise<Page> {
    const page = await browser.newPage()
    await page.exposeFunction(TELL, (stream: number, text: string | null) => {
      const { onText, onEnd } = this.#handlers[stream]!
      if (text === null) onEnd()
      else onText(text)
    })
    await page.goto(`http://127.0.0.1:${port}/healthz`)
    return page
  }
}

function eventSource(browser: Browser): StartClient {
  return (port, target): ForeignClient => {
    const arrivals = new Arrivals<SessionRecord>()
    const onText = (text: string): void => arrivals.push(JSON.parse(text) as SessionRecord)
    new Streams(browser, port).open({ onText, onEnd: () => {} }, page => page.evaluate(readEvents, target))
    return { name: 'EventSource', arrivals, close: () => {} }
  }
}

function comingBack(browser: Browser, name: string, read: typeof readLines | typeof readMessages): StartClient {
  let streams: Streams | null = null
  const open: OpenBare = (port, target, handlers, resume) => {
    streams ??= new Streams(browser, port)
    streams.open(handlers, (page, stream) => page.evaluate(read, { stream, target: resuming(target, resume) }))
    return { close: () => {} }
  }
  return (port, target) => new ComingBack(name, open, port, target)
}

test.serial("[P93] Chromium's EventSource, fetch and WebSocket receive, resume and survive a restart", async t => {
  if (!existsSync(CHROMIUM)) {
    t.log('skipped: install chromium (apt-get install chromium) to run this test')
    t.pass()
    return
  }
  t.timeout(60_000)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  t.teardown(() => browser.close())
  await liveThrough(t, [
    eventSource(browser),
    comingBack(browser, 'fetch', readLines),
    comingBack(browser, 'WebSocket', readMessages),
  ])
})
