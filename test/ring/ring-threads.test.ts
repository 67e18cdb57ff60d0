import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import test from 'ava'
import { createSleepWord, Doorbell } from '#src/ring/doorbell.ts'
import { CLOSED, claimOrAwait, FULL } from '#src/ring/queue.ts'
import { createRing, RingConsumer, RingProducer } from '#src/ring/ring.ts'
import { seedOr } from '#test/support/random.ts'
import { ConsumerEnd, type EndResult, type EndSettings, ProducerEnd, type Role } from './ring-thread.ts'

const SEED = seedOr(20_260_103)

interface Exchange {
  readonly capacity: number
  readonly count: number
  readonly batchMax: number
  readonly seed: number
  readonly startPosition?: number
}

/** What each end is given; the sleep words and the two ports of one channel crosswise. */
function settingsOf(exchange: Exchange): Record<Role, EndSettings> {
  const { capacity, count, batchMax, seed, startPosition = 0 } = exchange
  const ring = createRing(capacity, capacity / 4 - 8, startPosition)
  const [producerWord, consumerWord] = [createSleepWord(), createSleepWord()]
  const { port1, port2 } = new MessageChannel()
  const common = { ring, seed, count, batchMax }
  return {
    producer: { ...common, ownWord: producerWord, peerWord: consumerWord, port: port1 },
    consumer: { ...common, ownWord: consumerWord, peerWord: producerWord, port: port2 },
  }
}

function startThread(ringRole: Role, settings: EndSettings): Worker {
  const workerData = { ...settings, ringRole }
  return new Worker(new URL('./ring-thread.ts', import.meta.url), { workerData, transferList: [settings.port] })
}

async function resultOf(worker: Worker): Promise<EndResult> {
  const [result] = await once(worker, 'message')
  await worker.terminate()
  return result as EndResult
}

async function runBothThreads(exchange: Exchange): Promise<Record<Role, EndResult>> {
  const settings = settingsOf(exchange)
  const consuming = resultOf(startThread('consumer', settings.consumer))
  const producing = resultOf(startThread('producer', settings.producer))
  return { producer: await producing, consumer: await consuming }
}

test('[Q12] 200,000 records of random lengths cross two threads whole, once and in order', async t => {
  const count = 200_000
  const { producer, consumer } = await runBothThreads({ capacity: 4096, count, batchMax: 64, seed: SEED })
  t.like(producer, { records: count, isClosed: false }, `SEED=${SEED}`)
  t.like(consumer, { records: count, wrong: 0 }, `SEED=${SEED}`)
})

test('[Q12] records cross two threads while positions go through 2^32', async t => {
  const exchange = { capacity: 1024, count: 20_000, batchMax: 16, seed: SEED, startPosition: -8000 }
  t.like((await runBothThreads(exchange)).consumer, { records: 20_000, wrong: 0 }, `SEED=${SEED}`)
})

test('[Q13] no wake-up is lost: both sides sleep whenever the small ring is empty or full', async t => {
  let [producerSleeps, consumerSleeps] = [0, 0]
  for (let round = 0; round < 6; round++) {
    const capacity = [64, 128, 256][round % 3]!
    const exchange = { capacity, count: 4000, batchMax: 1 + round, seed: SEED + round }
    const { producer, consumer } = await runBothThreads(exchange)
    t.like(consumer, { records: 4000, wrong: 0 }, `SEED=${SEED + round}`)
    producerSleeps += producer.sleeps
    consumerSleeps += consumer.sleeps
  }
  t.true(producerSleeps > 0, 'the producer slept')
  t.true(consumerSleeps > 0, 'the consumer slept')
})

test('[Q14] a producer that dies leaves whole records behind, and the supervisor ends its ring', async t => {
  for (let round = 0; round < 5; round++) {
    const settings = settingsOf({ capacity: 4096, count: 1e9, batchMax: 32, seed: SEED + round })
    const worker = startThread('producer', settings.producer)
    const end = new ConsumerEnd(settings.consumer)
    await end.run(500 + 1777 * round)
    const terminated = worker.terminate()
    const ending = end.run()
    await terminated
    while (end.work() > 0);
    t.is(end.wrong, 0, `SEED=${SEED + round}`)
    t.true(end.consumer.isEmpty())
    t.false(end.consumer.isEnded())
    new RingProducer(settings.producer.ring, new Doorbell(settings.producer.peerWord, () => end.wake())).close()
    t.true(end.consumer.isEnded())
    await ending
    settings.consumer.port.close()
  }
})

test('[Q14] a consumer that dies leaves a full ring, and the supervisor closes and wakes who waits', async t => {
  const settings = settingsOf({ capacity: 1024, count: 1e9, batchMax: 8, seed: SEED })
  const worker = startThread('consumer', settings.consumer)
  const end = new ProducerEnd(settings.producer)
  const running = end.run()
  await once(worker, 'online')
  await worker.terminate()
  while (claimOrAwait(end.producer, 200) !== FULL) {
    end.producer.commit(1, 0)
    end.producer.publish()
  }
  t.false(end.isClosed)
  new RingConsumer(settings.consumer.ring, new Doorbell(settings.consumer.peerWord, () => end.wake())).close()
  t.is(end.producer.claim(0), CLOSED)
  t.true((await running).isClosed)
  settings.producer.port.close()
})
