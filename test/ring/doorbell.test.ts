import test, { type ExecutionContext } from 'ava'
import { AssertionError } from '#src/errors.ts'
import { createSleepWord, Doorbell, Sleeper, silentBell } from '#src/ring/doorbell.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { CLOSED, claimOrAwait, FULL, type RecordProducer } from '#src/ring/queue.ts'
import { createRing, RingConsumer, RingProducer } from '#src/ring/ring.ts'
import type { QueueEnds } from '#test/support/queues.ts'

interface Bedroom {
  readonly sleeper: Sleeper
  readonly bell: Doorbell
  /** How often the bell has knocked since the last look. */
  knocks(): number
}

function bedroom(): Bedroom {
  const word = createSleepWord()
  let knocks = 0
  const bell = new Doorbell(word, () => knocks++)
  const look = (): number => {
    const count = knocks
    knocks = 0
    return count
  }
  return { sleeper: new Sleeper(word), bell, knocks: look }
}

function write(producer: RecordProducer, lengthMax = 8): boolean {
  if (producer.claim(lengthMax) < 0) return false
  producer.commit(1, lengthMax)
  producer.publish()
  return true
}

test('[Q15] a bell does not knock for a thread that is awake', t => {
  const { sleeper, bell, knocks } = bedroom()
  bell.ring()
  sleeper.beginSleep()
  sleeper.endSleep()
  bell.ring()
  t.is(knocks(), 0)
})

test('[Q15] bells knock once a sleep, whoever rings and how often', t => {
  const word = createSleepWord()
  const sleeper = new Sleeper(word)
  const knocks: string[] = []
  const bells = ['a', 'b'].map(name => new Doorbell(word, () => knocks.push(name)))
  for (let sleep = 0; sleep < 2; sleep++) {
    sleeper.beginSleep()
    for (const bell of [...bells, ...bells]) bell.ring()
    sleeper.endSleep()
  }
  t.deepEqual(knocks, ['a', 'a'])
})

test('[Q15] the silent bell never fails and a sleep word is only what createSleepWord made', t => {
  silentBell.ring()
  t.throws(() => new Sleeper(createRing(64).shared), { instanceOf: AssertionError })
})

test('[Q15] a publish rings for the consumer when it shows something, and a close always', t => {
  const { sleeper, bell, knocks } = bedroom()
  const memory = createRing(256)
  const producer = new RingProducer(memory, bell)
  sleeper.beginSleep()
  producer.publish()
  t.is(knocks(), 0, 'nothing to show')
  producer.claim(8)
  producer.commit(1, 8)
  t.is(knocks(), 0, 'not published')
  producer.publish()
  t.is(knocks(), 1)
  sleeper.beginSleep()
  producer.close()
  t.is(knocks(), 1)
})

interface Awaiting extends QueueEnds {
  /** How often the producer was woken since the last look. */
  wakes(): number
}

/** The queues of 64 bytes, with a producer that sleeps throughout. */
const AWAITING: Record<string, () => Awaiting> = {
  ring() {
    const { sleeper, bell, knocks } = bedroom()
    const memory = createRing(64, 8)
    const wakes = (): number => {
      sleeper.beginSleep()
      return knocks()
    }
    wakes()
    return { producer: new RingProducer(memory, silentBell), consumer: new RingConsumer(memory, bell), wakes }
  },
  'local queue'() {
    let calls = 0
    const { producer, consumer } = createLocalQueue(64, 8, () => calls++)
    const wakes = (): number => {
      const count = calls
      calls = 0
      return count
    }
    return { producer, consumer, wakes }
  },
}

for (const [name, make] of Object.entries(AWAITING)) {
  const forKind = (title: string, body: (t: ExecutionContext, queue: Awaiting) => void): void => {
    test(`${title} (${name})`, t => {
      const queue = make()
      while (write(queue.producer));
      queue.wakes()
      body(t, queue)
    })
  }

  forKind('[Q13] who does not await room is not woken by it', (t, { producer, consumer, wakes }) => {
    t.is(producer.claim(8), FULL)
    consumer.drain(() => true, 1)
    t.is(wakes(), 0)
  })

  forKind('[Q13] who awaits room is woken once, when a drain has freed some', (t, { producer, consumer, wakes }) => {
    t.is(claimOrAwait(producer, 8), FULL)
    consumer.drain(() => false, 1)
    t.is(wakes(), 0, 'nothing was freed')
    let wokenInside = 0
    consumer.drain(() => {
      wokenInside += wakes()
      return true
    }, 1)
    t.is(wokenInside, 0, 'room is made at the end of a drain')
    t.is(wakes(), 1)
    consumer.drain(() => true, 1)
    t.is(wakes(), 0)
    t.true(producer.claim(8) >= 0)
  })

  forKind('[Q13] a drain that throws wakes too', (t, { producer, consumer, wakes }) => {
    t.is(claimOrAwait(producer, 8), FULL)
    const failing = (): boolean => {
      throw new Error('bad record')
    }
    t.throws(() => consumer.drain(failing, 1))
    t.is(wakes(), 1)
    t.true(producer.claim(8) >= 0)
  })

  forKind('[Q13] room that comes between the claim and the wait is found', (t, { producer, consumer, wakes }) => {
    t.is(producer.claim(8), FULL)
    consumer.drain(() => true, 1)
    producer.awaitRoom()
    t.is(wakes(), 0)
    t.true(producer.claim(8) >= 0)
  })

  forKind('[Q13] who awaits room is woken by a close', (t, { producer, consumer, wakes }) => {
    t.is(claimOrAwait(producer, 8), FULL)
    consumer.close()
    t.is(wakes(), 1)
    t.is(producer.claim(8), CLOSED)
  })
}

test('[Q15] a local queue wakes when a publish shows something, and at its close', t => {
  let wakes = 0
  const { producer } = createLocalQueue(256, 8, () => wakes++)
  producer.publish()
  t.is(wakes, 0)
  producer.claim(8)
  producer.commit(1, 8)
  t.is(wakes, 0)
  producer.publish()
  t.is(wakes, 1)
  producer.close()
  t.is(wakes, 2)
})
