import test from 'ava'
import { transportOf } from '#src/codec/http-accept.ts'

const WISHES: [accept: string | undefined, transport: 'sse' | 'ndjson' | null][] = [
  [undefined, 'sse'],
  ['', 'sse'],
  ['*/*', 'sse'],
  ['*', 'sse'],
  ['text/*', 'sse'],
  ['text/event-stream', 'sse'],
  ['Text/Event-Stream', 'sse'],
  ['text/event-stream; charset=utf-8', 'sse'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/*', 'ndjson'],
  ['application/x-ndjson, */*', 'ndjson'],
  ['*/*, application/ndjson;q=1.0', 'ndjson'],
  ['text/event-stream, application/x-ndjson', 'sse'],
  ['application/x-ndjson, text/event-stream', 'sse'],
  ['text/event-stream;q=0.5, application/x-ndjson', 'ndjson'],
  ['text/event-stream;q=0.5, application/x-ndjson;q=0.6', 'ndjson'],
  ['text/event-stream ; q=0.7,application/x-ndjson;q=0.6', 'sse'],
  ['text/event-stream;q=0, */*', 'ndjson'],
  ['text/event-stream;q=0, application/x-ndjson;q=0, */*', null],
  ['*/*;q=0', null],
  ['*/*;q=0.1, text/*;q=0', 'ndjson'],
  ['text/html', null],
  ['text/html, */*;q=0.1', 'sse'],
  ['application/json', null],
  ['text/event-stream;q=2', null],
  ['text/event-stream;q=x, application/ndjson;q=0.001', 'ndjson'],
  ['constructor', null],
  [',,;,', null],
]

for (const [accept, transport] of WISHES) {
  test(`[H22] Accept ${JSON.stringify(accept)} asks for ${transport}`, t => {
    t.is(transportOf(accept), transport)
  })
}
