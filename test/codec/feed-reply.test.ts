import test from 'ava'
import {
  ackLine,
  closingLine,
  errorLine,
  messageLine,
  unwantedLine,
  wantedLine,
  welcomeLine,
} from '#src/codec/feed-reply.ts'

const LINES: [name: string, line: string, expected: object][] = [
  ['welcome', welcomeLine(65_536), { millrace: 1, window: 65_536 }],
  ['ack', ackLine(1_200), { ack: 1_200 }],
  ['wanted', wantedLine('a "quoted"\\ item'), { wanted: 'a "quoted"\\ item' }],
  ['unwanted', unwantedLine('grün'), { unwanted: 'grün' }],
  [
    'message',
    messageLine(17, '{"to":"orders","session":"kR3","data":{"price":1.10}}'),
    { message: 17, to: 'orders', session: 'kR3', data: { price: 1.1 } },
  ],
  [
    'error',
    errorLine(7, 'FEED_LINE_NOT_JSON', 'two\nlines'),
    { error: { line: 7, code: 'FEED_LINE_NOT_JSON', message: 'two\nlines' } },
  ],
  ['closing', closingLine('SERVER_CLOSING', 'bye'), { closing: { code: 'SERVER_CLOSING', message: 'bye' } }],
]

for (const [name, line, expected] of LINES) {
  test(`[F14] the ${name} line is one line of JSON`, t => {
    t.is(line.indexOf('\n'), line.length - 1)
    t.deepEqual(JSON.parse(line), expected)
  })
}
