/** Messages of clients on their way through a lane thread: from the cores to a feed, and its answers back. */

import test from 'ava'
import { FEED_MESSAGES_MAX } from '#src/codec/feed-reply.ts'
import { NameTable } from '#src/codec/name-table.ts'
import {
  ANSWERED,
  FEED_DOWN,
  FEED_UP,
  HANDLES,
  MESSAGE,
  readText,
  textBytesMax,
  UPDATE,
  WANTED,
  writeText,
} from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import type { Config } from '#src/config/config.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { HEADER_BYTES } from '#src/ring/layout.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { Lane } from '#stages/lane.ts'
import { FeedParse } from '#stages/parse/feed-parse.ts'
import { FeedRoute } from '#stages/route/feed-route.ts'
import { FakeSocket } from '#test/support/fake-socket.ts'

const CORES = 2
const DATA_BYTES = 65_536
const SLOT = 3
const GENERATION = 9
const GREETING = '{"feed":"desk","handles":["orders","fx.*"]}\n'

/** A record of the data lane, as a core reads it. */
type Heard = readonly [name: string, slot: number, ...rest: (number | string)[]]

interface Reply {
  readonly message?: number
  readonly to?: string
  readonly session?: string
  readonly data?: unknown
  readonly ack?: number
  readonly wanted?: string
  readonly error?: { readonly line: number; readonly code: string }
  readonly closing?: { readonly code: string }
}

/** A lane thread whose cores are played by the test. */
class LaneBench {
  readonly clock = new VirtualClock()
  readonly metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  readonly data = Array.from({ length: CORES }, () => createLocalQueue(DATA_BYTES))
  readonly downs = Array.from({ length: CORES }, () => createLocalQueue(1_048_576))
  readonly parse: FeedParse
  readonly #wheel = new TimingWheel(this.clock.nowMs())
  readonly #route: FeedRoute
  readonly #partial = new Map<FakeSocket, string>()

  constructor(settings: Partial<Config> = {}) {
    const config = makeConfig(settings)
    const { clock, metrics } = this
    const items = new NameTable(config.itemsMax, config.itemNameBytesMax)
    const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax)
    const lane = new Lane(
      this.data.map(({ producer }) => producer),
      items,
      fields,
    )
    const wheel = this.#wheel
    const parse = new FeedParse({ config, lane, wheel, clock, metrics, log: silentLog, release: () => {} })
    this.parse = parse
    this.#route = new FeedRoute({
      lane,
      downs: this.downs.map(({ consumer }) => consumer),
      drainRecordsMax: 10_000,
      queueCapacity: 1_048_576,
      tellWanted: (slot, item, isWanted) => parse.tellWanted(slot, item, isWanted),
      tellRefused: (slot, generation, line, code) => parse.tellRefused(slot, generation, line, code),
      tellMessage: (core, slot, generation, number, text) => parse.tellMessage(core, slot, generation, number, text),
    })
  }

  /** A feed that has said `text`. */
  feed(text: string, slot = SLOT, generation = GENERATION, kernelBytesMax = 1_048_576): FakeSocket {
    const socket = new FakeSocket(kernelBytesMax)
    this.parse.admit(socket, slot, generation)
    this.say(socket, text)
    return socket
  }

  say(socket: FakeSocket, text: string): void {
    socket.peerSend(Buffer.from(text))
    this.turn(socket)
  }

  /** What is under way arrives. */
  turn(...sockets: FakeSocket[]): void {
    for (const socket of sockets) while (socket.pump(4_096));
    for (const { producer } of this.downs) producer.publish()
    this.#route.work()
    this.parse.work(this.clock.nowMs())
    this.clock.advance(100)
    this.#wheel.advance(this.clock.nowMs())
    for (const { producer } of this.data) producer.publish()
  }

  /** A core has a message for a feed. */
  send(core: number, number: number, data: unknown = number, slot = SLOT, generation = GENERATION): void {
    const { producer } = this.downs[core]!
    const text = JSON.stringify({ to: 'orders', session: 'abc', data })
    const claim = producer.claim(12 + textBytesMax(text))
    producer.memory.words.set([slot, generation, number], claim >> 2)
    producer.commit(MESSAGE, 12 + writeText(producer.memory, claim + 12, text))
  }

  /** Takes the records of a core's data lane, at most so many. */
  heard(core: number, countMax = 10_000): Heard[] {
    const { consumer } = this.data[core]!
    const records: Heard[] = []
    consumer.drain((type, offset, length) => {
      const { memory } = consumer
      const [slot, word] = [memory.words[offset >> 2]!, memory.words[(offset >> 2) + 1]!]
      if (type === FEED_UP) records.push(['up', slot, readText(memory, offset + 8, length - 8)])
      else if (type === HANDLES) records.push(['handles', slot, readText(memory, offset + 4, length - 4)])
      else if (type === ANSWERED) records.push(['answered', slot, word, readText(memory, offset + 8, length - 8)])
      else if (type === UPDATE) records.push(['update', slot])
      else if (type === FEED_DOWN) records.push(['down', slot])
      return true
    }, countMax)
    return records
  }

  /** What a feed was told since the last look. */
  said(socket: FakeSocket, bytesMax = 1e9): Reply[] {
    const lines = ((this.#partial.get(socket) ?? '') + socket.peerRead(bytesMax)).split('\n')
    this.#partial.set(socket, lines.pop()!)
    return lines.map(line => JSON.parse(line) as Reply)
  }

  /** The same, but for the acknowledgements. */
  saidBesides(socket: FakeSocket, bytesMax = 1e9): Reply[] {
    return this.said(socket, bytesMax).filter(({ ack }) => ack === undefined)
  }

  /** Fills a core's data lane until only `bytesLeft` are free. */
  fill(core: number, bytesLeft: number): void {
    const { producer } = this.data[core]!
    const roomBytes = () => DATA_BYTES - ((producer.position() - producer.consumed()) | 0)
    for (const length of [992, 96, 0]) {
      const roomBytesMin = bytesLeft + length + HEADER_BYTES
      while (roomBytes() >= roomBytesMin && producer.claim(length) >= 0) producer.commit(99, length)
    }
    producer.publish()
  }
}

function answer(number: number, result: unknown): string {
  return `${JSON.stringify({ answer: number, result })}\n`
}

test('[F55] every core is told the targets of a feed right behind the feed', t => {
  const bench = new LaneBench()
  bench.feed(GREETING)
  bench.feed('{"feed":"none","handles":[]}\n{"item":"A","fields":{"x":1}}\n', SLOT + 1)
  const expected = [
    ['up', SLOT, 'desk'],
    ['handles', SLOT, '["orders","fx.*"]'],
    ['up', SLOT + 1, 'none'],
  ]
  for (let core = 0; core < CORES; core++) {
    t.deepEqual(
      bench.heard(core).filter(([name]) => name !== 'update'),
      expected as unknown as Heard[],
    )
  }
})

test('[F55] targets that find no room come later, once, and the greeting is none that is late', t => {
  const bench = new LaneBench()
  const targets = Array.from({ length: 64 }, (_, index) => `target.number.${index}`)
  bench.fill(1, 2_000)
  const socket = bench.feed(`${JSON.stringify({ feed: 'desk', handles: targets })}\n{"item":"A","fields":{"x":1}}\n`)
  t.deepEqual(bench.heard(0), [['up', SLOT, 'desk']])
  bench.turn(socket)
  t.deepEqual(bench.heard(0), [])
  t.deepEqual(bench.heard(1), [['up', SLOT, 'desk']])
  bench.turn(socket)
  const [first, ...rest] = bench.heard(0)
  t.deepEqual(first, ['handles', SLOT, JSON.stringify(targets)])
  t.deepEqual(
    [...rest, ...bench.heard(1)].filter(([name]) => name !== 'update'),
    [['handles', SLOT, JSON.stringify(targets)]],
  )
  bench.turn(socket)
  t.deepEqual(bench.said(socket).slice(1), [{ ack: 2 }])
})

test('[F56] a feed gets messages numbered from 1, and its answers go to whom asked, by the numbers of the core', t => {
  const bench = new LaneBench()
  const socket = bench.feed(GREETING)
  for (let core = 0; core < CORES; core++) bench.heard(core)
  bench.said(socket)
  bench.send(0, 700, { price: '1.10' })
  bench.send(1, 700)
  bench.turn(socket)
  bench.send(1, 701)
  bench.turn(socket)
  t.deepEqual(bench.saidBesides(socket), [
    { message: 1, to: 'orders', session: 'abc', data: { price: '1.10' } },
    { message: 2, to: 'orders', session: 'abc', data: 700 },
    { message: 3, to: 'orders', session: 'abc', data: 701 },
  ])
  bench.say(socket, '{"answer":3,"result":{ "id" : 1.50 }}\n{"answer":1,"error":"no"}\n')
  t.deepEqual(bench.heard(0), [['answered', SLOT, 700, '{"error":"no"}']])
  t.deepEqual(bench.heard(1), [['answered', SLOT, 701, '{"result":{"id":1.50}}']])
  bench.say(socket, answer(2, null))
  t.deepEqual(bench.heard(0), [])
  t.deepEqual(bench.heard(1), [['answered', SLOT, 700, '{"result":null}']])
})

test('[F56] an answer stands in its lane where the feed said it, among its updates', t => {
  const bench = new LaneBench()
  const socket = bench.feed(GREETING)
  for (let core = 0; core < CORES; core++) {
    bench.heard(core)
    bench.send(core, 5)
  }
  bench.turn(socket)
  // Items of both cores.
  const updates = 'ABCDEFGH'.split('').map(item => `{"item":"${item}","fields":{"x":1}}\n`)
  bench.say(socket, updates.join('') + answer(1, 1) + answer(2, 2) + updates.join(''))
  for (let core = 0; core < CORES; core++) {
    const names = bench.heard(core).map(([name]) => name)
    const half = (names.length - 1) / 2
    t.true(half > 0)
    t.deepEqual(names, [...Array(half).fill('update'), 'answered', ...Array(half).fill('update')])
  }
})

test('[F57] an answer to a message that is not open is an error of its line, told and counted', t => {
  const bench = new LaneBench({ feedErrorsMax: 3 })
  const socket = bench.feed(GREETING)
  bench.send(0, 5)
  bench.turn(socket)
  bench.said(socket)
  for (let core = 0; core < CORES; core++) bench.heard(core)
  bench.say(socket, answer(1, 'a') + answer(1, 'b') + answer(2, 'c'))
  t.deepEqual(bench.heard(0), [['answered', SLOT, 5, '{"result":"a"}']])
  bench.turn(socket)
  const replies = bench.said(socket)
  t.deepEqual(
    replies.flatMap(({ error }) => (error === undefined ? [] : [[error.line, error.code]])),
    [
      [3, 'FEED_ANSWER_UNKNOWN'],
      [4, 'FEED_ANSWER_UNKNOWN'],
    ],
  )
  t.is(bench.metrics.get(M.feedErrors), 2)
  bench.say(socket, answer(1, 'd'))
  t.is(bench.said(socket).at(-1)?.closing?.code, 'FEED_ERRORS_TOO_MANY')
})

test('[F58] a message for a feed that is not there, or not any more, is answered at once', t => {
  const gone = (number: number, slot = SLOT): Heard => ['answered', slot, number, '{"gone":true}']
  const bench = new LaneBench({ feedErrorsMax: 1 })
  const socket = bench.feed(GREETING)
  bench.heard(1)
  bench.said(socket)
  bench.send(1, 1, 'x', SLOT + 1)
  bench.send(1, 2, 'x', SLOT, GENERATION - 1)
  bench.turn(socket)
  t.deepEqual(bench.heard(1), [gone(1, SLOT + 1), gone(2)])
  t.deepEqual(bench.saidBesides(socket), [])
  bench.say(socket, 'bad\n')
  bench.send(1, 3)
  bench.turn(socket)
  t.deepEqual(bench.heard(1), [gone(3)], 'it is told to go: what it says is not read any more')
  const ended = bench.feed(GREETING, SLOT + 1)
  ended.peerEnd()
  bench.turn(ended)
  bench.heard(1)
  bench.send(1, 4, 'x', SLOT + 1)
  bench.turn(ended)
  t.deepEqual(bench.heard(1), [gone(4, SLOT + 1)], 'it says no more')
  bench.feed(GREETING, SLOT + 2)
  bench.heard(1)
  bench.parse.pause()
  bench.send(1, 5, 'x', SLOT + 2)
  bench.turn()
  t.deepEqual(bench.heard(1), [gone(5, SLOT + 2)], 'the server goes down: no feed is read any more')
})

test('[F59] with as many messages open as may be one more finds the feed busy, until one is answered', t => {
  const bench = new LaneBench()
  const socket = bench.feed(GREETING)
  bench.said(socket)
  for (let number = 1; number <= FEED_MESSAGES_MAX; number++) bench.send(0, number)
  bench.turn(socket)
  bench.heard(0)
  bench.send(0, 5_000)
  bench.turn(socket)
  t.deepEqual(bench.heard(0), [['answered', SLOT, 5_000, '{"busy":true}']])
  t.is(bench.said(socket).filter(({ message }) => message !== undefined).length, FEED_MESSAGES_MAX)
  bench.say(socket, answer(17, 'ok'))
  bench.send(0, 5_001)
  bench.turn(socket)
  t.deepEqual(bench.heard(0), [['answered', SLOT, 17, '{"result":"ok"}']])
  t.deepEqual(
    bench.said(socket).flatMap(({ message }) => message ?? []),
    [FEED_MESSAGES_MAX + 1],
  )
})

test('[F59] messages fill half of an outbox that the feed does not read, and never end its connection', t => {
  const bench = new LaneBench({ feedOutboxBytesMax: 8_192, requestBodyBytesMax: 2_048 })
  const socket = bench.feed(GREETING, SLOT, GENERATION, 100)
  bench.said(socket)
  for (let number = 1; number <= 20; number++) bench.send(0, number, 'x'.repeat(900))
  bench.turn(socket)
  const answers = bench.heard(0).filter(([name]) => name === 'answered')
  t.deepEqual(
    answers.map(([, , number, text]) => [number, text]),
    Array.from({ length: 16 }, (_, index) => [index + 5, '{"busy":true}']),
  )
  t.true(socket.writableLengthMax <= 4_096)
  bench.parse.tellWanted(-1, 'A', true)
  t.false(socket.destroyed)
  const messages: number[] = []
  for (let read = 0; read < 100; read++) messages.push(...bench.said(socket, 100).flatMap(reply => reply.message ?? []))
  t.deepEqual(messages, [1, 2, 3, 4])
  bench.send(0, 21, 'x'.repeat(900))
  bench.turn(socket)
  t.is(bench.said(socket, 100).length + bench.heard(0).length, 0, 'there is room again')
})

test('[F60] an answer that finds no room in its lane is held like any line, and comes once', t => {
  const bench = new LaneBench()
  const socket = bench.feed(GREETING)
  bench.send(0, 5)
  bench.turn(socket)
  bench.said(socket)
  bench.heard(0)
  bench.heard(1)
  bench.fill(0, 0)
  bench.say(socket, answer(1, 'a'))
  bench.say(socket, answer(1, 'b'))
  t.is(bench.parse.queueDepth(), 1)
  t.true(socket.inboxBytes > 0, 'the socket is paused')
  t.deepEqual(bench.saidBesides(socket), [])
  t.deepEqual(bench.heard(0), [])
  bench.turn(socket)
  t.deepEqual(bench.heard(0), [['answered', SLOT, 5, '{"result":"a"}']])
  bench.turn(socket)
  bench.turn(socket)
  t.deepEqual(
    bench.said(socket).flatMap(({ error }) => error?.line ?? []),
    [3],
  )
})

test('[F60] what is to be answered at once stays in its queue while there is no room, with all behind it', t => {
  const bench = new LaneBench()
  const socket = bench.feed('{"feed":"desk","onDemand":true}\n')
  bench.said(socket)
  bench.heard(0)
  bench.fill(0, 0)
  bench.send(0, 1, 'x', SLOT, GENERATION + 1)
  const { producer } = bench.downs[0]!
  const claim = producer.claim(16)
  producer.memory.words[claim >> 2] = -1
  producer.commit(WANTED, 4 + writeText(producer.memory, claim + 4, 'A'))
  bench.turn(socket)
  bench.turn(socket)
  t.deepEqual(bench.said(socket), [])
  t.deepEqual(bench.heard(0), [])
  bench.turn(socket)
  t.deepEqual(bench.heard(0), [['answered', SLOT, 1, '{"gone":true}']])
  t.deepEqual(
    bench.said(socket).flatMap(({ wanted }) => wanted ?? []),
    ['A'],
  )
})

test('[F61] an answer counts as a line, acknowledged when its core has taken it', t => {
  const bench = new LaneBench()
  const socket = bench.feed(GREETING)
  bench.heard(0)
  bench.heard(1)
  bench.send(1, 5)
  bench.turn(socket)
  t.deepEqual(
    bench.said(socket).flatMap(({ ack }) => ack ?? []),
    [1],
  )
  bench.say(socket, answer(1, 'a'))
  bench.turn(socket)
  t.deepEqual(bench.said(socket), [])
  bench.heard(1)
  bench.turn(socket)
  t.deepEqual(bench.said(socket), [{ ack: 2 }])
})

test('[F62] a feed that ends leaves its open messages to its end; the next in its slot has messages of its own', t => {
  const bench = new LaneBench()
  const first = bench.feed(GREETING)
  bench.send(0, 5)
  bench.send(0, 6)
  bench.turn(first)
  bench.heard(0)
  first.peerSend(Buffer.from('{"answer":2,"result":1}'))
  first.peerEnd()
  bench.turn(first)
  bench.turn(first)
  t.deepEqual(bench.heard(0), [
    ['answered', SLOT, 6, '{"result":1}'],
    ['down', SLOT],
  ])
  bench.heard(1)
  bench.turn(first)
  bench.turn(first)
  t.true(first.isClosed)
  const second = bench.feed(GREETING, SLOT, GENERATION + 1)
  bench.heard(0)
  bench.said(second)
  bench.say(second, answer(1, 'late'))
  bench.send(0, 7, 'new', SLOT, GENERATION + 1)
  bench.send(0, 8, 'old', SLOT, GENERATION)
  bench.turn(second)
  t.deepEqual(bench.heard(0), [['answered', SLOT, 8, '{"gone":true}']])
  const replies = bench.said(second)
  t.deepEqual(
    replies.flatMap(({ message, data }) => (message === undefined ? [] : [[message, data]])),
    [[1, 'new']],
  )
  t.deepEqual(
    replies.flatMap(({ error }) => error?.code ?? []),
    ['FEED_ANSWER_UNKNOWN'],
  )
})
