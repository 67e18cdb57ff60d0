import test from 'ava'
import { type DelayBucket, DelayBuckets } from '#src/domain/delay-buckets.ts'
import { Interests, NONE } from '#src/domain/interests.ts'
import { ReadyQueue } from '#src/domain/ready-queue.ts'
import type { Session } from '#src/domain/session.ts'
import { TICK_MS, TimingWheel } from '#src/time/timing-wheel.ts'
import { bareSession, closeBare } from '#test/support/bare-session.ts'
import { Random, seedOr } from '#test/support/random.ts'

const interests = new Interests()

function newSession(slot: number, bucket: DelayBucket | null = null): Session {
  return bareSession(interests, 1, { slot, bucket })
}

test('[S1] sessions are served in the order they got ready, and one put back is next: random actions', t => {
  const random = new Random(seedOr(20_260_211))
  const queue = new ReadyQueue()
  const model: Session[] = []
  let slot = 0
  for (let action = 0; action < 20_000; action++) {
    // Waves, so that the queue grows past the point where it is compacted, and empties.
    const isRising = Math.floor(action / 4_000) % 2 === 0
    if (random.chance(isRising ? 0.7 : 0.3)) {
      const session = newSession(slot++)
      queue.push(session)
      model.push(session)
    } else {
      const session = queue.take()
      if (session !== (model.shift() ?? null)) t.fail(`take; SEED=${random.seed}`)
      if (session !== null && random.chance(0.1)) {
        queue.putBack(session)
        model.unshift(session)
      }
    }
    if (queue.length !== model.length) t.is(queue.length, model.length, `SEED=${random.seed}`)
  }
  t.true(slot > 5_000)
})

test('[S2] a session that gathers flushes within its interval, never twice: random joins, updates and ends', t => {
  const random = new Random(seedOr(20_260_212))
  const wheel = new TimingWheel(0)
  const waiting = new Map<Session, number>()
  let [nowMs, flushed, bucketsFired] = [0, 0, 0]
  const buckets = new DelayBuckets(wheel, bucket => {
    if (bucket.gathering.length === 0) t.fail(`a bucket's turn without sessions; SEED=${random.seed}`)
    bucketsFired++
    for (const session of bucket.gathering) {
      const sinceMs = waiting.get(session)
      if (sinceMs === undefined) t.fail(`a session flushed that did not wait; SEED=${random.seed}`)
      else if (nowMs - sinceMs > session.bucket!.intervalMs + TICK_MS) {
        t.fail(`waited ${nowMs - sinceMs} of ${session.bucket!.intervalMs} ms; SEED=${random.seed}`)
      }
      waiting.delete(session)
      flushed++
    }
    bucket.gathering.length = 0
  })
  const sessions: Session[] = []
  for (let step = 0; step < 6_000; step++) {
    nowMs += 1
    wheel.advance(nowMs)
    const choice = random.int(100)
    if (choice < 10) {
      sessions.push(newSession(step, buckets.join(random.pick([50, 100, 333]))))
    } else if (choice < 60 && sessions.length > 0) {
      const session = random.pick(sessions)
      if (waiting.has(session)) continue
      waiting.set(session, nowMs)
      buckets.gather(session.bucket!, session, nowMs)
    } else if (choice < 69 && sessions.length > 0) {
      const [session] = sessions.splice(random.int(sessions.length), 1)
      waiting.delete(session!)
      buckets.leave(session!.bucket!, session!)
    }
  }
  t.true(flushed > 500 && bucketsFired < flushed, `${flushed} flushes in ${bucketsFired} turns`)
  for (const session of sessions) buckets.leave(session.bucket!, session)
  t.is(wheel.nextDueMs(), Number.POSITIVE_INFINITY, 'nothing is left on the wheel')
})

test('[S2] the sessions of one interval are spread over phases, and one timer serves many', t => {
  const wheel = new TimingWheel(0)
  const turns: number[] = []
  const buckets = new DelayBuckets(wheel, bucket => {
    turns.push(bucket.gathering.length)
    bucket.gathering.length = 0
  })
  const sessions = Array.from({ length: 800 }, (_, i) => newSession(i, buckets.join(1_000)))
  for (const session of sessions) buckets.gather(session.bucket!, session, 1)
  for (let nowMs = 2; nowMs <= 1_010; nowMs++) wheel.advance(nowMs)
  t.true(turns.length >= 4 && turns.length <= 20, `${turns.length} turns`)
  t.true(
    turns.every(count => count === sessions.length / turns.length),
    turns.join(', '),
  )
})

test('[S2] when the server goes down every session flushes at once, and no turn comes later', t => {
  const wheel = new TimingWheel(0)
  let flushed = 0
  const buckets = new DelayBuckets(wheel, bucket => {
    flushed += bucket.gathering.length
    bucket.gathering.length = 0
  })
  for (let i = 0; i < 20; i++) {
    const session = newSession(i, buckets.join(1_000))
    buckets.gather(session.bucket!, session, 1)
  }
  buckets.turnAll()
  t.is(flushed, 20)
  t.is(wheel.nextDueMs(), Number.POSITIVE_INFINITY)
})

test("[S1] a session's waiting interests are found in turn, whatever lies beside them: random actions", t => {
  const random = new Random(seedOr(20_260_213))
  const table = new Interests()
  for (let round = 0; round < 60; round++) {
    let readied = 0
    const counts = [1 + random.int(5), 1 + random.int(100), 1 + random.int(5)]
    const owner = { onReady: () => readied++, onTimer: () => {} }
    const all = counts.map(count => bareSession(table, count, { owner }))
    const session = all[1]!
    // What belongs to the neighbours is none of its own.
    for (const other of [all[0]!, all[2]!]) {
      for (let one = other.first; one < other.end; one++) table.mark(one, other.number, 1)
    }
    const readiedBefore = readied
    const model = new Set<number>()
    for (let action = 0; action < 60; action++) {
      const one = session.first + random.int(session.count)
      const choice = random.int(5)
      if (choice < 3) {
        t.is(table.mark(one, session.number, 5), !model.has(one))
        model.add(one)
      } else if (choice === 3) {
        table.clear(one)
        model.delete(one)
      } else {
        session.turn = one
      }
      const order = Array.from({ length: session.count }, (_, i) => {
        return session.first + ((session.turn - session.first + i) % session.count)
      })
      const found: number[] = []
      for (let at = table.firstWaiting(session); at !== NONE; at = table.nextWaiting(session, at)) found.push(at)
      t.deepEqual(
        found,
        order.filter(each => model.has(each)),
        `SEED=${random.seed}`,
      )
    }
    t.true(readied > readiedBefore)
    for (const each of all) closeBare(table, each)
  }
})
