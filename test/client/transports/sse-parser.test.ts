import test from 'ava'
import { LINE_LENGTH_MAX, LineSplitter } from '#src/client/transports/line-splitter.ts'
import { type ServerSentEvent, SseParser } from '#src/client/transports/sse-parser.ts'
import { Random, seedOr } from '../../support/random.ts'

function parse(...pieces: readonly string[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = []
  const parser = new SseParser(event => events.push(event))
  for (const piece of pieces) parser.push(piece)
  return events
}

test('[CL39] lines end in \\n, \\r\\n or \\r, wherever the pieces are cut', t => {
  const text = 'a\nbc\r\n\r\n\n\rd\r\re\n'
  const expected = ['a', 'bc', '', '', '', 'd', '', 'e']
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) {
      const lines: string[] = []
      const splitter = new LineSplitter(line => lines.push(line))
      for (const piece of [text.slice(0, first), text.slice(first, second), text.slice(second)]) splitter.push(piece)
      t.deepEqual(lines, expected, `cut at ${first} and ${second}`)
    }
  }
})

test('[CL39] a line that does not end is given up', t => {
  const splitter = new LineSplitter(() => t.fail())
  const piece = 'x'.repeat(LINE_LENGTH_MAX / 4)
  t.deepEqual(
    [1, 2, 3, 4, 5].map(() => splitter.push(piece)),
    [true, true, true, true, false],
  )
})

test('[CL40] an event is told at its blank line, with its data and its own id', t => {
  t.deepEqual(parse('data: {"a":1}\n\n', 'id: s.12\ndata: {"b":2}\n\n', 'data: {"c":3}\n'), [
    { data: '{"a":1}', id: null },
    { data: '{"b":2}', id: 's.12' },
  ])
})

test('[CL40] one blank behind the colon is no part of the value, lines of data are joined, comments and names pass', t => {
  t.deepEqual(parse(':\n\n', ': x\n', 'event: update\nretry: 10\ndata:a\ndata:  b\ndata\n\n'), [
    { data: 'a\n b\n', id: null },
  ])
})

test('[CL40] an event without data is none, and its id is not that of the next one', t => {
  t.deepEqual(parse('id: s.1\n\n', 'data: a\n\n'), [{ data: 'a', id: null }])
})

test('[CL40] a byte order mark before the first line is passed over', t => {
  t.deepEqual(parse('\uFEFFdata: a\n\n', '\uFEFFdata: b\n\n'), [{ data: 'a', id: null }])
})

test('[CL40] events come out the same however the stream is cut', t => {
  const random = new Random(seedOr(4))
  const text = 'data: {"a":1}\r\n\r\n:\n\nid: s.2\ndata: x\ndata: y\n\ndata:\n\n'
  const whole = parse(text)
  t.is(whole.length, 3)
  for (let round = 0; round < 500; round++) {
    const pieces: string[] = []
    for (let at = 0; at < text.length; ) {
      const length = 1 + random.int(8)
      pieces.push(text.slice(at, at + length))
      at += length
    }
    t.deepEqual(parse(...pieces), whole, `seed ${random.seed}`)
  }
})
