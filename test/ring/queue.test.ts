import test, { type ExecutionContext } from 'ava'
import { AssertionError } from '#src/errors.ts'
import { CLOSED, claimOrAwait, FULL, type RecordConsumer, type RecordProducer } from '#src/ring/queue.ts'
import { QUEUE_KINDS, type QueueKind } from '#test/support/queues.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { type ModelRecord, QueueModel } from './queue-model.ts'

/** Each rule is a test body that runs over both kinds of queue. */
function forBoth(title: string, body: (t: ExecutionContext, kind: QueueKind) => void): void {
  for (const kind of QUEUE_KINDS) test(`${title} (${kind.name})`, t => body(t, kind))
}

function write(producer: RecordProducer, type: number, payload: readonly number[], lengthMax = payload.length): number {
  const offset = producer.claim(lengthMax)
  if (offset < 0) return offset
  producer.memory.bytes.set(payload, offset)
  producer.commit(type, payload.length)
  return offset
}

function payloadOf(consumer: RecordConsumer, offset: number, length: number): number[] {
  return [...consumer.memory.bytes.subarray(offset, offset + length)]
}

/** Takes everything there is; one line a record: type and payload. */
function takeAll(consumer: RecordConsumer, countMax = Number.POSITIVE_INFINITY): string[] {
  const taken: string[] = []
  consumer.drain((type, offset, length) => {
    taken.push(`${type}:${payloadOf(consumer, offset, length).join(',')}`)
    return true
  }, countMax)
  return taken
}

/** Puts the queue's position to `index`, empty. */
function moveTo(producer: RecordProducer, consumer: RecordConsumer, index: number): void {
  while ((producer.position() & (producer.capacity - 1)) !== index) {
    write(producer, 1, [])
    producer.publish()
    takeAll(consumer)
  }
}

interface RandomRun {
  readonly capacity: number
  readonly recordBytesMax: number
  readonly startPosition: number
}

/** Random actions on a queue and on its model, compared after each. */
function runRandom(t: ExecutionContext, kind: QueueKind, random: Random, run: RandomRun, actions: number): void {
  const { capacity, recordBytesMax, startPosition } = run
  const { producer, consumer } = kind.make(capacity, recordBytesMax, startPosition)
  const model = new QueueModel(capacity, startPosition)
  const replay = `SEED=${random.seed} ${JSON.stringify(run)}`
  const expectSame = (actual: unknown, expected: unknown, what: string): void => {
    if (JSON.stringify(actual) !== JSON.stringify(expected)) t.deepEqual(actual, expected, `${what}; ${replay}`)
  }
  for (let action = 0; action < actions; action++) {
    const choice = random.int(100)
    if (choice < 55) {
      const lengthMax = random.chance(0.1) ? recordBytesMax : random.int(recordBytesMax + 1)
      const start = model.claim(lengthMax)
      const offset = producer.claim(lengthMax)
      expectSame(offset, start === null ? FULL : model.offsetOf(start), 'claim')
      if (start !== null && random.chance(0.9)) {
        const length = random.chance(0.5) ? lengthMax : random.int(lengthMax + 1)
        const payload = Array.from({ length }, () => random.int(256))
        const type = 1 + random.int(0xffff)
        producer.memory.bytes.set(payload, offset)
        producer.commit(type, length)
        model.commit(start, type, payload)
      }
    } else if (choice < 75) {
      producer.publish()
      model.publish()
    } else {
      const countMax = random.int(6)
      const refuseAt = random.chance(0.2) ? random.int(4) : -1
      const expected = model.drain(countMax, refuseAt)
      const taken: Pick<ModelRecord, 'type' | 'payload'>[] = []
      const drained = consumer.drain((type, offset, length) => {
        if (taken.length === refuseAt) return false
        taken.push({ type, payload: payloadOf(consumer, offset, length) })
        return true
      }, countMax)
      expectSame(drained, expected.length, 'drain')
      const plain = expected.map(({ type, payload }) => ({ type, payload }))
      expectSame(taken, plain, 'records')
    }
    expectSame(producer.position(), model.committed | 0, 'position')
    expectSame(producer.consumed(), model.consumed | 0, 'consumed')
    expectSame(consumer.usedBytes(), model.published - model.consumed, 'usedBytes')
    expectSame(consumer.isEmpty(), model.published === model.consumed, 'isEmpty')
  }
  t.pass()
}

forBoth('[Q1] records come out whole, once and in order: random actions against a model', (t, kind) => {
  const random = new Random(seedOr(20_260_101))
  for (let round = 0; round < 60; round++) {
    const capacity = random.pick([64, 128, 256, 1024, 4096])
    const recordBytesMax = random.pick([8, capacity / 4 - 8, capacity / 2 - 8, 5])
    runRandom(t, kind, random, { capacity, recordBytesMax, startPosition: random.int(64) * 8 }, 600)
  }
})

forBoth('[Q8] positions go through 2^31 and 2^32 and nothing changes: random actions against a model', (t, kind) => {
  const random = new Random(seedOr(20_260_102))
  for (const edge of [2 ** 31, 2 ** 32]) {
    for (let round = 0; round < 20; round++) {
      const startPosition = (edge - 8 * random.int(100)) | 0
      runRandom(t, kind, random, { capacity: 256, recordBytesMax: 120, startPosition }, 400)
    }
  }
})

forBoth('[Q1] an empty payload and one of the longest are records like others', (t, kind) => {
  const { producer, consumer } = kind.make(256, 40)
  const longest = Array.from({ length: 40 }, (_, index) => index)
  write(producer, 7, [])
  write(producer, 0xffff, longest)
  producer.publish()
  t.deepEqual(takeAll(consumer), ['7:', `65535:${longest.join(',')}`])
})

forBoth('[Q1] a payload may be written and read through words and doubles', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  const offset = producer.claim(16)
  t.is(offset % 8, 0)
  producer.memory.words[offset >> 2] = -5
  producer.memory.doubles[(offset >> 3) + 1] = 0.125
  producer.commit(1, 16)
  producer.publish()
  consumer.drain((_, at) => {
    t.is(consumer.memory.words[at >> 2], -5)
    t.is(consumer.memory.doubles[(at >> 3) + 1], 0.125)
    return true
  }, 1)
})

forBoth('[Q2] what is committed is seen after the publish, not before', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [1])
  write(producer, 2, [2])
  t.true(consumer.isEmpty())
  t.is(consumer.usedBytes(), 0)
  t.deepEqual(takeAll(consumer), [])
  producer.publish()
  t.is(consumer.usedBytes(), 32)
  write(producer, 3, [3])
  t.deepEqual(takeAll(consumer), ['1:1', '2:2'])
  producer.publish()
  t.deepEqual(takeAll(consumer), ['3:3'])
})

forBoth(
  '[Q3] records may fill the queue to the last byte; the next claim is refused and changes nothing',
  (t, kind) => {
    const { producer, consumer } = kind.make(64, 8)
    for (let i = 0; i < 4; i++) t.true(write(producer, 1, [i, 0, 0, 0, 0, 0, 0, 0]) >= 0)
    const position = producer.position()
    t.is(producer.claim(8), FULL)
    t.is(producer.claim(0), FULL)
    t.is(producer.position(), position)
    producer.publish()
    t.is(consumer.usedBytes(), 64)
    t.is(producer.claim(0), FULL)
    t.deepEqual(takeAll(consumer, 1), ['1:0,0,0,0,0,0,0,0'])
    t.true(write(producer, 2, [9]) >= 0)
    t.is(producer.claim(0), FULL)
    producer.publish()
    t.deepEqual(takeAll(consumer).slice(-1), ['2:9'])
  },
)

forBoth('[Q4] the longest record fits the empty queue wherever its position stands', (t, kind) => {
  const longest = Array.from({ length: 120 }, (_, index) => index)
  for (let index = 0; index < 256; index += 8) {
    const { producer, consumer } = kind.make(256, 120)
    moveTo(producer, consumer, index)
    const offset = write(producer, 5, longest)
    t.is(offset, index + 128 <= 256 ? index + 8 : 8, `at ${index}`)
    producer.publish()
    t.deepEqual(takeAll(consumer), [`5:${longest.join(',')}`])
    t.true(consumer.isEmpty())
  }
})

forBoth('[Q5] a claim that is not committed is given up by the next one', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  moveTo(producer, consumer, 240)
  const position = producer.position()
  t.is(producer.claim(40), 8)
  t.is(producer.position(), position)
  t.is(producer.claim(8), 248)
  producer.commit(1, 8)
  producer.publish()
  t.is(consumer.usedBytes(), 16)
})

forBoth('[Q5] a commit may be shorter than its claim and takes only what it needs', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [1, 2, 3], 48)
  write(producer, 2, [4])
  producer.publish()
  t.is(consumer.usedBytes(), 32)
  t.deepEqual(takeAll(consumer), ['1:1,2,3', '2:4'])
})

forBoth('[Q6] a refused record stays, with all behind it, and is handed over again', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  for (let i = 1; i <= 3; i++) write(producer, i, [])
  producer.publish()
  t.is(
    consumer.drain(type => type === 1, 10),
    1,
  )
  t.is(consumer.usedBytes(), 16)
  t.is(
    consumer.drain(() => false, 10),
    0,
  )
  t.deepEqual(takeAll(consumer), ['2:', '3:'])
})

forBoth('[Q7] a handler that throws loses the record it threw on and no other', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  for (let i = 1; i <= 4; i++) write(producer, i, [])
  producer.publish()
  const failing = (type: number): boolean => {
    if (type === 2) throw new Error('bad record')
    return true
  }
  t.throws(() => consumer.drain(failing, 10), { message: 'bad record' })
  t.is(producer.position() - producer.consumed(), 8 * 2)
  t.deepEqual(takeAll(consumer), ['3:', '4:'])
})

forBoth('[Q9] when the consumer has closed, claims say so and drains take nothing', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [])
  producer.publish()
  t.true(producer.claim(8) >= 0)
  consumer.close()
  t.is(producer.claim(8), CLOSED)
  t.is(claimOrAwait(producer, 8), CLOSED)
  t.deepEqual(takeAll(consumer), [])
})

forBoth('[Q9] a batch under way when the consumer closes hears of it behind its publish', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [])
  consumer.close()
  write(producer, 2, [])
  producer.publish()
  t.is(producer.claim(0), CLOSED)
  t.deepEqual(takeAll(consumer), [])
})

forBoth('[Q9] a full queue whose consumer has closed is closed, not full', (t, kind) => {
  const { producer, consumer } = kind.make(64)
  while (write(producer, 1, []) !== FULL);
  consumer.close()
  t.is(producer.claim(0), CLOSED)
})

forBoth('[Q9] a handler that closes gets no further record', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [])
  write(producer, 2, [])
  producer.publish()
  const types: number[] = []
  consumer.drain(type => {
    types.push(type)
    consumer.close()
    return true
  }, 10)
  t.deepEqual(types, [1])
})

forBoth('[Q9] when the producer has closed, the queue ends behind its last record', (t, kind) => {
  const { producer, consumer } = kind.make(256)
  write(producer, 1, [])
  producer.publish()
  write(producer, 2, [])
  t.false(consumer.isEnded())
  producer.close()
  t.is(producer.claim(8), CLOSED)
  t.false(consumer.isEnded())
  t.deepEqual(takeAll(consumer), ['1:', '2:'])
  t.true(consumer.isEnded())
})

forBoth('[Q10] a claim, a commit or a size out of its range is a broken invariant', (t, kind) => {
  const broken = { instanceOf: AssertionError }
  const { producer, consumer } = kind.make(256, 48)
  for (const lengthMax of [-1, 49, 1.5, Number.NaN]) t.throws(() => producer.claim(lengthMax), broken)
  t.throws(() => producer.commit(1, 0), broken, 'without a claim')
  producer.claim(16)
  for (const length of [-1, 17, 1.5]) t.throws(() => producer.commit(1, length), broken)
  for (const type of [0, -1, 65_536, 1.5]) t.throws(() => producer.commit(type, 8), broken)
  producer.commit(1, 8)
  t.throws(() => producer.commit(1, 8), broken, 'committed twice')
  for (const capacity of [0, 32, 100, 2 ** 30]) t.throws(() => kind.make(capacity, 8), broken)
  for (const recordBytesMax of [-1, 121, 1.5]) t.throws(() => kind.make(256, recordBytesMax), broken)
  for (const startPosition of [4, 2 ** 31]) t.throws(() => kind.make(256, 8, startPosition), broken)
  producer.publish()
  t.throws(() => consumer.drain(() => consumer.drain(() => true, 1) > 0, 1), broken, 'a drain in a drain')
})

forBoth('[Q10] a damaged header ends the drain in front of it', (t, kind) => {
  const damages: [number, number][] = [
    [-1, 1],
    [2 ** 30, 1],
    [17, 1], // longer than what is published
    [8, -1],
    [8, 65_536],
    [8, 0], // padding that does not end where the data ends
  ]
  for (const [length, type] of damages) {
    const { producer, consumer } = kind.make(256)
    write(producer, 1, [])
    const offset = write(producer, 2, [0, 0, 0, 0, 0, 0, 0, 0])
    producer.memory.words[(offset - 8) >> 2] = length
    producer.memory.words[(offset - 4) >> 2] = type
    producer.publish()
    const types: number[] = []
    const note = (each: number): boolean => types.push(each) > 0
    t.throws(() => consumer.drain(note, 10), { instanceOf: AssertionError }, `${length} ${type}`)
    t.deepEqual(types, [1])
    t.is(consumer.usedBytes(), 16)
  }
})

forBoth('[Q11] a handler may write to the queue that is being drained: for the next drain', (t, kind) => {
  const { producer, consumer } = kind.make(128, 8)
  for (let i = 1; i <= 6; i++) write(producer, i, [i])
  producer.publish()
  const types: number[] = []
  const claims: boolean[] = []
  consumer.drain(type => {
    types.push(type)
    claims.push(write(producer, type + 10, [0]) !== FULL)
    producer.publish()
    return true
  }, 10)
  t.deepEqual(types, [1, 2, 3, 4, 5, 6])
  t.deepEqual(claims, [true, true, false, false, false, false], 'the room of this drain counts as taken')
  t.deepEqual(takeAll(consumer), ['11:0', '12:0'])
})

forBoth('[Q11] records go round for ever through a queue that its own handler fills', (t, kind) => {
  const { producer, consumer } = kind.make(128, 8)
  write(producer, 1, [])
  write(producer, 2, [])
  producer.publish()
  for (let round = 0; round < 1000; round++) {
    const drained = consumer.drain(type => {
      write(producer, type, [])
      return true
    }, 10)
    producer.publish()
    t.is(drained, 2)
  }
  t.deepEqual(takeAll(consumer), ['1:', '2:'])
})
