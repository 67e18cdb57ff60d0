import test from 'ava'
import { CONNECTION_BYTES, CONTROL_TEXT_3, END, FLUSH, FLUSH_CONNECTIONS } from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import { silentLog } from '#src/log.ts'
import { LatencyRecorder } from '#src/metrics/latency.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters, InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { CHUNKED, ClientConnection, PLAIN, STREAMING } from '#stages/client-connection.ts'
import { Write } from '#stages/write/write.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { ReaderSocket } from '#test/support/reader-socket.ts'

const WINDOW_BYTES = 1_024

/** A write stage with one core before it and fake sockets behind. */
class Bench {
  readonly clock = new VirtualClock()
  readonly metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  readonly inFlight = new InFlightWords(InFlightWords.create(64))
  readonly connections: (ClientConnection | null)[] = new Array(64).fill(null)
  readonly writables: number[] = []
  readonly ended: number[] = []
  readonly write: Write
  readonly wheel: TimingWheel
  readonly #queue = createLocalQueue(1 << 20)

  constructor() {
    this.wheel = new TimingWheel(this.clock.nowMs())
    this.write = new Write({
      config: makeConfig({ windowBytes: WINDOW_BYTES, stallTimeoutMs: 10_000, keepaliveMs: 4_000 }),
      rings: [this.#queue.consumer],
      inFlight: this.inFlight,
      wheel: this.wheel,
      clock: this.clock,
      metrics: this.metrics,
      latency: new LatencyRecorder(),
      log: silentLog,
      connectionOf: slot => this.connections[slot] ?? null,
      onOpened: () => {},
      onRefused: () => {},
      onAnswer: () => {},
      onWritable: ({ slot }) => this.writables.push(slot),
      onPolled: () => {},
      onStreamEnded: ({ slot }) => this.ended.push(slot),
    })
  }

  connect(slot: number, generation: number, socket: ReaderSocket, isChunked = false): ClientConnection {
    const onTurn = (connection: ClientConnection, nowMs: number) => this.write.onStreamTurn(connection, nowMs)
    const connection = new ClientConnection(socket, slot, generation, onTurn)
    connection.state = STREAMING
    connection.codec = 1
    connection.framing = isChunked ? CHUNKED : PLAIN
    this.connections[slot] = connection
    return connection
  }

  close(connection: ClientConnection): void {
    this.write.forget(connection)
    this.wheel.cancel(connection)
    this.connections[connection.slot] = null
  }

  /** What batch does: a record, and its bytes in flight. */
  flush(pairs: readonly (readonly [slot: number, generation: number])[], text: string, updates = 1): void {
    const { producer } = this.#queue
    const bytesStart = FLUSH_CONNECTIONS + pairs.length * CONNECTION_BYTES
    const claim = producer.claim(bytesStart + text.length)
    const words = producer.memory.words.subarray(claim >> 2)
    words.set([pairs.length, text.length, updates, 0])
    producer.memory.doubles[(claim >> 3) + 2] = Number.NaN
    words[6] = -1
    words.set(pairs.flat(), FLUSH_CONNECTIONS >> 2)
    producer.memory.bytes.write(text, claim + bytesStart, 'latin1')
    producer.commit(FLUSH, bytesStart + text.length)
    producer.publish()
    for (const [slot] of pairs) this.inFlight.add(slot, text.length)
  }

  end(slot: number, generation: number, text: string): void {
    const { producer } = this.#queue
    const claim = producer.claim(CONTROL_TEXT_3 + text.length)
    producer.memory.words.set([slot, generation, 1_000], claim >> 2)
    producer.memory.bytes.write(text, claim + CONTROL_TEXT_3, 'latin1')
    producer.commit(END, CONTROL_TEXT_3 + text.length)
    producer.publish()
  }

  work(): void {
    this.write.work(this.clock.nowMs())
  }

  /** Time passes, and what is due comes. */
  pass(ms: number): void {
    this.clock.advance(ms)
    this.wheel.advance(this.clock.nowMs())
  }
}

/** The chunks that a body in chunks holds. */
function unchunked(text: string): string {
  let [rest, out] = [text, '']
  while (rest !== '') {
    const end = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.slice(0, end), 16)
    out += rest.slice(end + 2, end + 2 + length)
    if (rest.slice(end + 2 + length, end + 4 + length) !== '\r\n') throw new Error(`no chunk: ${rest.slice(0, 40)}`)
    rest = rest.slice(end + 4 + length)
  }
  return out
}

test('[S14] every connection of a record gets its bytes, framed as its own stream is', t => {
  const bench = new Bench()
  const [chunked, plain] = [new ReaderSocket(), new ReaderSocket()]
  bench.connect(1, 1, chunked, true)
  bench.connect(2, 1, plain)
  const texts = ['a', 'x'.repeat(15), 'y'.repeat(16), 'z'.repeat(255), 'w'.repeat(70_000), 'v'.repeat(140_000)]
  for (const text of texts)
    bench.flush(
      [
        [1, 1],
        [2, 1],
      ],
      text,
      3,
    )
  bench.work()
  t.is(plain.received, texts.join(''))
  t.is(unchunked(chunked.received), texts.join(''))
  t.deepEqual([bench.inFlight.bytes(1), bench.inFlight.bytes(2)], [0, 0])
  t.is(bench.metrics.get(M.updatesDelivered), 3 * 2 * texts.length)
})

test('[S15] what is for an earlier user of a slot is written to nobody, counted as lost, and off the books', t => {
  const bench = new Bench()
  const [old, other, now] = [new ReaderSocket(), new ReaderSocket(), new ReaderSocket()]
  const gone = bench.connect(1, 1, old)
  bench.connect(2, 1, other)
  bench.flush(
    [
      [1, 1],
      [2, 1],
    ],
    'for the old one',
    4,
  )
  bench.end(1, 1, 'the end of the old one')
  bench.close(gone)
  bench.connect(1, 2, now)
  bench.work()
  t.deepEqual([old.received, now.received, other.received], ['', '', 'for the old one'])
  t.false(now.isEnded)
  t.is(bench.inFlight.bytes(1), 0)
  t.deepEqual(
    [M.updatesLost, M.updatesDelivered, M.staleRecords].map(slot => bench.metrics.get(slot)),
    [4, 4, 2],
  )
})

test('[S15] who waits behind the bytes of an earlier user of its slot is woken when they are off (found: it hung)', t => {
  const bench = new Bench()
  const gone = bench.connect(1, 1, new ReaderSocket())
  bench.flush([[1, 1]], 'x'.repeat(WINDOW_BYTES))
  bench.close(gone)
  bench.connect(1, 2, new ReaderSocket())
  // The new session finds the window full.
  bench.inFlight.setWaiting(1)
  bench.work()
  t.is(bench.inFlight.bytes(1), 0)
  t.deepEqual(bench.writables, [1])
})

test('[S16] bytes are in flight until the system has taken them; below half a window batch is woken, once', t => {
  const bench = new Bench()
  const socket = new ReaderSocket(0)
  bench.connect(1, 1, socket)
  for (let i = 0; i < 4; i++) bench.flush([[1, 1]], `${i}`.repeat(256))
  bench.work()
  t.is(bench.inFlight.bytes(1), WINDOW_BYTES)
  bench.inFlight.setWaiting(1)
  socket.take(256)
  t.deepEqual([bench.inFlight.bytes(1), bench.writables], [768, []])
  socket.take(256)
  t.deepEqual([bench.inFlight.bytes(1), bench.writables], [512, [1]])
  socket.take(10_000)
  t.deepEqual([bench.inFlight.bytes(1), bench.writables], [0, [1]])
  t.is(socket.received, [0, 1, 2, 3].map(i => `${i}`.repeat(256)).join(''))
})

test('[S16] a buffer that a socket still holds is not written again', t => {
  const bench = new Bench()
  const [slow, quick] = [new ReaderSocket(0), new ReaderSocket()]
  bench.connect(1, 1, slow, true)
  bench.connect(2, 1, quick)
  const texts = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(1 + i * 7))
  for (const text of texts) {
    bench.flush(
      [
        [1, 1],
        [2, 1],
      ],
      text,
    )
    bench.work()
  }
  t.is(quick.received, texts.join(''))
  t.is(slow.received, '')
  slow.take(1_000_000)
  t.is(unchunked(slow.received), texts.join(''))
})

test('[S16] what is in flight adds up, whatever becomes of connections: random flushes, reads and ends', t => {
  const random = new Random(seedOr(20_260_281))
  const bench = new Bench()
  const sockets = new Map<number, ReaderSocket>()
  const expected = new Map<number, string>()
  const generations = new Array<number>(8).fill(0)
  /** In the ring, by slot. */
  let ringed = new Array<number>(8).fill(0)
  const connect = (slot: number): void => {
    const socket = new ReaderSocket(random.int(500))
    bench.connect(slot, ++generations[slot]!, socket)
    sockets.set(slot, socket)
    expected.set(slot, '')
  }
  for (let slot = 0; slot < 8; slot++) connect(slot)
  let lost = 0
  for (let step = 0; step < 5_000; step++) {
    const choice = random.int(100)
    const slot = random.int(8)
    if (choice < 50) {
      const text = String.fromCharCode(97 + (step % 26)).repeat(1 + random.int(300))
      const pairs = [slot, (slot + 1 + random.int(7)) % 8].map(one => [one, generations[one]!] as const)
      bench.flush(pairs, text)
      for (const [one] of pairs) {
        expected.set(one, expected.get(one)! + text)
        ringed[one]! += text.length
      }
    } else if (choice < 75) {
      sockets.get(slot)!.take(random.int(800))
    } else if (choice < 77) {
      if (ringed[slot]! > 0) lost++
      bench.close(bench.connections[slot]!)
      connect(slot)
    } else {
      bench.work()
      ringed = ringed.map(() => 0)
    }
    const socket = sockets.get(slot)!
    if (!expected.get(slot)!.startsWith(socket.received)) t.fail(`slot ${slot} got other bytes; SEED=${random.seed}`)
    if (ringed[slot] === 0 && bench.inFlight.bytes(slot) !== socket.writableLength) {
      t.is(bench.inFlight.bytes(slot), socket.writableLength, `slot ${slot}; SEED=${random.seed}`)
    }
  }
  bench.work()
  for (const [slot, socket] of sockets) {
    socket.take(10_000_000)
    t.is(socket.received, expected.get(slot)!, `SEED=${random.seed}`)
    t.is(bench.inFlight.bytes(slot), 0)
  }
  t.true(lost > 10)
})

test('[S17] a stream that takes no byte for stallTimeoutMs is told why and closed; one that takes some is not', t => {
  const bench = new Bench()
  const [stalled, slow] = [new ReaderSocket(0), new ReaderSocket(0)]
  const first = bench.connect(1, 1, stalled)
  const second = bench.connect(2, 1, slow)
  stalled.take(4)
  slow.take(4)
  for (const connection of [first, second])
    bench.write.beginStream(connection, Buffer.from('head'), bench.clock.nowMs())
  for (let i = 0; i < 60; i++)
    bench.flush(
      [
        [1, 1],
        [2, 1],
      ],
      'twelve bytes',
    )
  bench.work()
  for (let second = 0; second < 20; second++) {
    bench.pass(1_000)
    slow.take(12)
  }
  t.true(stalled.isEnded)
  t.false(slow.isEnded)
  t.is(bench.metrics.get(M.connectionsStalled), 1)
  bench.end(1, 1, 'the core ends it too')
  t.notThrows(() => bench.work(), 'found: a second end, behind which nothing can be written')
  stalled.take(100_000)
  t.regex(stalled.received, /"code":"NO_PROGRESS"/)
  t.notRegex(stalled.received, /the core ends it too/)
  bench.close(first)
  t.is(bench.inFlight.bytes(1), 0)
})

test('[S17] a silent stream gets a sign of life each keepaliveMs, and the bytes of a flush are one too', t => {
  const bench = new Bench()
  const socket = new ReaderSocket()
  const connection = bench.connect(1, 1, socket)
  bench.write.beginStream(connection, Buffer.from('head '), bench.clock.nowMs())
  for (let ms = 0; ms < 13_000; ms += 100) bench.pass(100)
  t.is(socket.received, 'head \n\n\n')
  for (let second = 0; second < 20; second++) {
    bench.flush([[1, 1]], '.')
    bench.work()
    bench.pass(1_000)
  }
  t.is(socket.received, `head \n\n\n${'.'.repeat(20)}`)
})
