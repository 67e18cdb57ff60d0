/** Clients that do not read cost their own state only: the feed is read and acknowledged, and they end on the last values. */

import test, { type ExecutionContext } from 'ava'
import type { Config } from '#src/config/config.ts'
import { TestServer } from '#test/support/server.ts'

const CLIENTS = 8
const ITEMS = 50
const VALUE_BYTES = 600
/** Some 20 MB a client: more than the kernel takes for one that does not read. */
const LINES = 30_000
const WINDOW_LINES = 1_000

function line(index: number): string {
  const value = String(index).padStart(VALUE_BYTES, '.')
  return JSON.stringify({ item: `busy.${index % ITEMS}`, fields: { value } })
}

async function saturate(t: ExecutionContext, settings: Partial<Config>): Promise<void> {
  const server = await TestServer.start(t, { ...settings, feedWindowLines: WINDOW_LINES })
  const items = Array.from({ length: ITEMS }, (_, index) => `busy.${index}`)
  const streams = []
  for (let i = 0; i < CLIENTS; i++) {
    const stream = await server.stream(`items=${items.join(',')}`, { encoding: i % 2 === 0 ? 'sse' : 'ndjson' })
    stream.client.pause()
    streams.push(stream)
  }
  const feed = await server.feed()
  const lines = Array.from({ length: LINES }, (_, index) => line(index))
  await feed.play(lines, WINDOW_LINES)
  t.is(feed.acked, LINES, 'every line is acknowledged while nobody reads')

  const { sessions } = JSON.parse((await server.get('/sessions')).body) as {
    sessions: { waiting: number; conflated: number }[]
  }
  t.is(sessions.length, CLIENTS)
  for (const { waiting, conflated } of sessions) t.true(waiting + conflated > 0, 'the writes are saturated')
  for (const { all } of streams) t.true(all.length < LINES, 'nobody has read all')

  const finals = new Map(
    lines
      .slice(-ITEMS)
      .map(text => JSON.parse(text))
      .map(({ item, fields }) => [item, fields.value]),
  )
  for (const stream of streams) {
    stream.client.resume()
    await stream.until(() => items.every(item => stream.state.get(item)?.value === finals.get(item)))
    const seqs = stream.of(items[0]!).map(record => record.seq!)
    t.true(seqs.length < seqs.at(-1)!, 'a gap in seq tells what was conflated')
  }
  t.true((await server.metric('millrace_updates_conflated_total')) > 0)
}

test.serial('[P41] with the writes saturated a feed is acknowledged to its last line: one thread', async t => {
  await saturate(t, { placement: 'single' })
})

test.serial('[P41] with the writes saturated a feed is acknowledged to its last line: pools', async t => {
  await saturate(t, { placement: 'pools' })
})

test.serial('[P41] with the writes saturated a feed is acknowledged to its last line: pools of 2 threads', async t => {
  await saturate(t, { placement: 'pools', feedThreads: 2, coreThreads: 2, edgeThreads: 2 })
})

test.serial('[L20] when all is quiet, what was published was delivered, conflated, dropped or lost', async t => {
  const server = await TestServer.start(t, { placement: 'pools', coreThreads: 2, edgeThreads: 2, rawLogUpdates: 64 })
  const items = Array.from({ length: ITEMS }, (_, index) => `busy.${index}`).join(',')
  const reading = await server.stream(`items=${items}`)
  const stalled = await server.stream(`items=${items}`, { encoding: 'sse' })
  const cutOff = await server.stream(`items=${items}&mode=raw&onLost=snapshot`)
  const gone = await server.stream(`items=${items}`)
  for (const { client } of [stalled, cutOff, gone]) client.pause()
  const feed = await server.feed()
  await feed.play(
    Array.from({ length: LINES }, (_, index) => line(index)),
    WINDOW_LINES,
  )
  gone.client.destroy()
  for (const { client } of [stalled, cutOff]) client.resume()
  const last = JSON.parse(line(LINES - 1)).fields.value
  for (const stream of [reading, stalled, cutOff]) await stream.find(({ fields }) => fields?.value === last)
  const ledger = await server.poll(
    async () => {
      const [published = 0, delivered = 0, conflated = 0, dropped = 0, lost = 0, waiting = 0] = await Promise.all(
        ['published_total', 'delivered_total', 'conflated_total', 'dropped_total', 'lost_total', 'waiting'].map(name =>
          server.metric(`millrace_updates_${name}`),
        ),
      )
      return { published, delivered, conflated, dropped, lost, waiting }
    },
    ({ published, delivered, conflated, dropped, lost, waiting }) =>
      published === delivered + conflated + dropped + lost + waiting,
  )
  const { published, delivered, conflated, dropped, lost, waiting } = ledger
  t.is(published, delivered + conflated + dropped + lost + waiting, JSON.stringify(ledger))
  t.true(conflated > 0 && dropped > 0, JSON.stringify(ledger))
})
