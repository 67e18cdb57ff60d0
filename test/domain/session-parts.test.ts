import test from 'ava'
import { Interests } from '#src/domain/interests.ts'
import { LeftLog, NOT_LEFT } from '#src/domain/left-log.ts'
import {
  ANSWERS_MAX,
  HELD_MAX,
  ORDER_FORGOTTEN,
  ORDER_FULL,
  ORDER_HELD,
  ORDER_NOW,
  ORDER_REPEATED,
  RequestOrder,
} from '#src/domain/request-order.ts'
import { SessionEvents } from '#src/domain/session-events.ts'
import { bareSession } from '#test/support/bare-session.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[S55] events wait in order, are kept until confirmed, and come again behind the position: random actions', t => {
  const random = new Random(seedOr(20_260_291))
  for (let round = 0; round < 50; round++) {
    const events = new SessionEvents(1 << 20)
    const model: { text: string; sentAt: number }[] = []
    let position = 0
    for (let step = 0; step < 300; step++) {
      const choice = random.int(10)
      if (choice < 4) {
        const text = `e${step}`
        events.add(text)
        model.push({ text, sentAt: Number.POSITIVE_INFINITY })
      } else if (choice < 7) {
        const count = random.int(events.waitingCount + 1)
        position++
        events.sent(count, position)
        for (const one of model.filter(({ sentAt }) => sentAt > position).slice(0, count)) one.sentAt = position
      } else if (choice < 8) {
        const confirmed = random.int(position + 1)
        events.confirm(confirmed)
        while (model.length > 0 && model[0]!.sentAt <= confirmed) model.shift()
      } else {
        const back = random.int(position + 1)
        events.rewind(back)
        for (const one of model) if (one.sentAt > back) one.sentAt = Number.POSITIVE_INFINITY
      }
      const waiting = model.filter(({ sentAt }) => sentAt > position).map(({ text }) => text)
      t.deepEqual(events.waiting(1 << 20), waiting, `SEED=${random.seed}`)
      t.is(events.waitingCount, waiting.length)
    }
  }
})

test('[S55] beyond their bound the oldest events that were sent go, and the horizon tells; those that wait stay', t => {
  const events = new SessionEvents(100)
  for (let i = 0; i < 3; i++) {
    events.add('x'.repeat(40))
    events.sent(1, i + 1)
  }
  t.is(events.horizon, 1)
  events.rewind(1)
  t.is(events.waitingCount, 2, 'what went behind position 1 is there')
  t.true(events.hasRoom)
  events.add('y'.repeat(40))
  t.is(events.waitingCount, 3)
  t.false(events.hasRoom, 'who has not read so much may ask for no more')
  events.add('z')
  t.true(events.isGivenUp, 'what comes all the same loses them all')
  t.deepEqual([events.waitingCount, events.horizon], [0, Number.POSITIVE_INFINITY])
  events.add('lost')
  t.is(events.waitingCount, 0)
  events.restart(9)
  events.add('new')
  t.deepEqual([events.horizon, events.waiting(10)], [9, ['new']])
})

test('[S56] numbered requests are carried out once, in order, and answered the same when they come again', t => {
  const order = new RequestOrder()
  const answers: string[] = []
  const offer = (number: number) => order.offer(number, { kind: 'destroy', number }, text => answers.push(text))
  t.is(offer(2), ORDER_HELD)
  t.is(offer(1), ORDER_NOW)
  order.answered('one')
  const held = order.takeNext()
  t.is(held?.number, 2)
  order.answered('two')
  t.is(order.takeNext(), null)
  t.is(offer(1), ORDER_REPEATED)
  t.deepEqual([order.answerOf(1), order.answerOf(2), order.answerOf(3)], ['one', 'two', null])
  for (let number = 3; number <= ANSWERS_MAX + 3; number++) {
    t.is(offer(number), ORDER_NOW)
    order.answered(String(number))
  }
  t.is(offer(1), ORDER_FORGOTTEN)
  t.is(offer(4), ORDER_REPEATED)
  for (let i = 0; i < HELD_MAX; i++) t.is(offer(1_000 + i), ORDER_HELD)
  t.is(offer(5_000), ORDER_FULL)
  t.is(order.takeHeld().length, HELD_MAX)
  t.deepEqual(answers, [], 'whoever takes a request answers it')
})

test('[S57] what a flush left behind is found for the positions that it was so at, within the bound: random entries', t => {
  const random = new Random(seedOr(20_260_292))
  for (let round = 0; round < 50; round++) {
    const table = new Interests()
    const session = bareSession(table, 4)
    const log = new LeftLog(12)
    const model: { interest: number; from: number; to: number; position: number }[] = []
    let to = 1
    for (let step = 0; step < 60; step++) {
      const interest = session.first + random.int(4)
      table.positions[interest] = step
      const from = model.findLast(one => one.interest === interest)?.to ?? 0
      to += 1 + random.int(3)
      log.append(table, interest, from, to)
      model.push({ interest, from, to, position: step })
      if (random.chance(0.1)) {
        const back = to - random.int(5)
        log.rewind(back)
        while (model.length > 0 && model.at(-1)!.to > back) model.pop()
        to = back
      }
      const asked = log.horizon + random.int(Math.max(1, to - log.horizon))
      for (let one = session.first; one < session.end; one++) {
        const expected = model.find(each => each.interest === one && each.from <= asked && asked < each.to)
        const entry = log.find(one, asked)
        t.is(entry !== NOT_LEFT, expected !== undefined, `SEED=${random.seed} at ${asked}`)
        if (entry === NOT_LEFT || expected === undefined) continue
        log.restore(table, entry)
        t.is(table.positions[one], expected.position)
      }
      t.true(log.size <= 12)
    }
  }
})

test('[S57] entries follow their interests, whatever numbers those have', t => {
  const table = new Interests()
  const session = bareSession(table, 3)
  const log = new LeftLog(8)
  session.left = log
  for (let i = 0; i < 3; i++) {
    table.positions[session.first + i] = 10 + i
    log.append(table, session.first + i, 0, 5 + i)
  }
  table.reserve(session, 100)
  for (let i = 0; i < 3; i++) t.not(log.find(session.first + i, 1), NOT_LEFT, 'in another run of numbers')
  table.remove(session, session.first)
  t.is(log.size, 2)
  log.restore(table, log.find(session.first, 1))
  t.is(table.positions[session.first], 12, 'the last one has the number of the one that went')
})
