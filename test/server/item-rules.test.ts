/** What rules and tables refuse, as clients and feeds are told of it over real sockets. */

import test from 'ava'
import { TestServer } from '#test/support/server.ts'

const RULES = JSON.stringify([
  { items: 'trades', modes: ['distinct'] },
  { items: 'bars', merge: { volume: 'sum' } },
])

test('[MO5] a stream that asks for a mode that is not allowed is refused for good (found: it was told to come back)', async t => {
  const server = await TestServer.start(t, { itemRules: RULES })
  const { status, headers, body } = await server.get('/stream?items=trades')
  t.is(status, 400)
  t.is(headers['retry-after'], undefined)
  t.is((JSON.parse(body) as { error: { code: string } }).error.code, 'MODE_NOT_ALLOWED')
})

const BAD: readonly (readonly [line: object, code: string, says: RegExp])[] = [
  [{ item: 'book', mode: 'command', fields: { command: 'ADD', x: '1' } }, 'FEED_KEY_MISSING', /"key"/],
  [{ item: 'book', mode: 'command', fields: { key: 'a', command: 'SET' } }, 'FEED_COMMAND_INVALID', /ADD, UPDATE/],
  [{ item: 'book', mode: 'command', fields: { key: 'b', command: 'ADD' } }, 'FEED_ROWS_TOO_MANY', /tableRowsMax/],
  [{ item: 'bars', fields: { volume: 'many' } }, 'FEED_VALUE_INVALID', /decimals/],
]

test('[MO14] a feed is told what is wrong with an operation on a row, or a value (found: that it was refused)', async t => {
  const server = await TestServer.start(t, { itemRules: RULES, tableRowsMax: 1 })
  const feed = await server.feed()
  feed.write(`${JSON.stringify({ item: 'book', mode: 'command', fields: { key: 'a', command: 'ADD' } })}\n`)
  for (const [index, [line, code, says]] of BAD.entries()) {
    feed.write(`${JSON.stringify(line)}\n`)
    const { error } = await feed.replies.find(reply => reply.error?.line === index + 2)
    t.is(error!.code, code)
    t.regex(error!.message, says)
  }
})
