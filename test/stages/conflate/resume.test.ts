/** Sessions that are taken up again, at a core alone: what was handled is not repeated, what was not comes again. */

import test, { type ExecutionContext } from 'ava'

import { waitingOf } from '#src/domain/waiting.ts'
import { M } from '#src/metrics/names.ts'
import type { CoreBench } from '#test/support/core-bench.ts'
import { data, ID, type Line, setUp, subscribe } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'

/** What became of the streams that were asked for. */
function outcomesOf({ metrics }: CoreBench): object {
  return {
    opened: metrics.get(M.sessionsOpened),
    recovered: metrics.get(M.sessionsRecovered),
    restarted: metrics.get(M.sessionsRestarted),
    unknown: metrics.get(M.sessionsUnknown),
  }
}

test('[S49] a session that is taken up behind all that it was sent gets what changed meanwhile, and nothing twice', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1', ask: '2' } })
  bench.open(0, 1, { items: ['A', 'B'] })
  client.handleAll()
  client.breakOff()
  bench.feed({ item: 'A', fields: { bid: '3' } })
  bench.feed({ item: 'A', fields: { bid: '4' } })
  client.resume()
  const lines = client.handleAll()
  t.is(lines[0]!.recovered, true)
  t.deepEqual(data(lines), [{ item: 'A', seq: 3, fields: { bid: '4' } }])
  client.breakOff()
  client.resume()
  t.deepEqual(data(client.handleAll()), [])
})

test('[S49] what was sent behind the position comes again, as far as it is not superseded', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1', ask: '2' } })
  bench.feed({ item: 'B', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A', 'B'] })
  client.handleAll()
  bench.feed({ item: 'A', fields: { bid: '3' } })
  client.receive()
  bench.feed({ item: 'B', fields: { bid: '5' } })
  client.receive()
  client.breakOff()
  bench.feed({ item: 'A', fields: { ask: '9' } })
  client.resume()
  t.deepEqual(
    data(client.handleAll()).toSorted((a, b) => (a.item! < b.item! ? -1 : 1)),
    [
      { item: 'A', seq: 3, fields: { bid: '3', ask: '9' } },
      { item: 'B', seq: 2, fields: { bid: '5' } },
    ],
  )
  t.is(bench.metrics.get(M.updatesRecalled), 2)
})

test('[S49] events come again whole, before the data', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, {})
  client.handleAll()
  subscribe(bench, 1, { id: 7, items: ['A'] })
  client.receive()
  client.breakOff()
  client.resume()
  const lines = client.handleAll()
  t.deepEqual(lines.slice(1, 3), [{ subscribed: 7, items: 1 } as Line, { answer: 1 }])
  t.deepEqual(data(lines), [{ sub: 7, item: 'A', seq: 1, snapshot: true, fields: { bid: '1' } }])
})

test('[S50] a position that was never sent, or is too old, lets the session begin anew', t => {
  const { bench, client } = setUp({ rawLogUpdates: 4 })
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A'], mode: 'raw' })
  client.handleAll()
  const { handled } = client
  for (let i = 0; i < 3; i++) {
    bench.feed({ item: 'A', fields: { bid: `${i}` } })
    client.handleAll()
  }
  client.breakOff()
  client.resume(handled)
  t.deepEqual(
    data(client.handleAll()).map(({ seq }) => seq),
    [2, 3, 4],
    'as long as the log has it, every update',
  )
  for (let i = 0; i < 9; i++) {
    bench.feed({ item: 'A', fields: { bid: `${i}` } })
    client.handleAll()
  }
  client.breakOff()
  client.resume(handled)
  let lines = client.handleAll()
  t.like(lines[0], { recovered: false, why: 'POSITION_TOO_OLD', subscriptions: [0] })
  t.deepEqual(data(lines), [{ item: 'A', seq: 13, snapshot: true, fields: { bid: '8' } }])
  client.breakOff()
  client.resume(2 ** 40)
  lines = client.handleAll()
  t.like(lines[0], { recovered: false, why: 'POSITION_UNKNOWN' })
  t.is(data(lines).length, 1)
  t.deepEqual(outcomesOf(bench), { opened: 1, recovered: 1, restarted: 2, unknown: 0 })
})

test('[S50] a session without a stream ends after resumeMs, and is unknown then', t => {
  const { bench, client } = setUp({ resumeMs: 1_000 })
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  client.breakOff()
  t.is(bench.core.conflate.sessions.unboundCount, 1)
  bench.turn(1_500)
  t.is(bench.core.conflate.sessions.count, 0)
  client.resume()
  bench.takeAll()
  t.deepEqual(bench.refusals, ['SESSION_UNKNOWN'])
  t.deepEqual(outcomesOf(bench), { opened: 1, recovered: 0, restarted: 0, unknown: 1 })
})

test('[S51] a stream that is taken up elsewhere gets its last words, and only behind its end the new one begins', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  bench.open(1, 1, { resume: { session: ID, position: client.handled } })
  bench.feed({ item: 'A', fields: { bid: '2' } })
  bench.settle()
  const [last, ...others] = bench.takeAll()
  t.is(last?.type, 'end')
  t.regex(last!.text, /SESSION_REBOUND/)
  t.deepEqual(others, [], 'nothing of the new one comes yet')
  bench.close(0, 1)
  bench.settle()
  const [flush] = bench.takeAll()
  t.deepEqual(flush!.slots, [1])
  t.regex(flush!.text, /"recovered":true.*\n\{"item":"A","seq":2,"fields":\{"bid":"2"\}\}/)
})

test('[S52] a poll is one flush; it waits for something to say, and is answered when it has waited long enough', t => {
  const { bench } = setUp()
  bench.open(0, 1, { items: ['A'], transport: 'poll', waitMs: 1_000 })
  bench.settle()
  const [first] = bench.takeAll()
  const position = Number(/"position":(\d+)\}\n$/.exec(first!.text)![1])
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.settle()
  t.deepEqual(bench.takeAll(), [], 'between two polls nothing is sent')
  bench.open(0, 1, { transport: 'poll', waitMs: 1_000, resume: { session: ID, position } })
  bench.settle()
  const [second] = bench.takeAll()
  t.regex(second!.text, /^\{"item":"A","seq":1,"snapshot":true,"fields":\{"bid":"1"\}\}\n\{"position":\d+\}\n$/)
  const behind = Number(/"position":(\d+)\}\n$/.exec(second!.text)![1])
  bench.open(0, 1, { transport: 'poll', waitMs: 1_000, resume: { session: ID, position: behind } })
  bench.settle()
  bench.turn(900)
  t.deepEqual(bench.takeAll(), [])
  bench.turn(200)
  bench.settle()
  t.regex(bench.takeAll()[0]!.text, /^\n\{"position":\d+\}\n$/)
  // An answer that was lost: the position before it is asked from again.
  bench.open(0, 1, { transport: 'poll', waitMs: 1_000, resume: { session: ID, position } })
  bench.settle()
  t.regex(bench.takeAll()[0]!.text, /"seq":1,"snapshot":true/)
})

const ITEMS = ['A', 'B', 'C', 'D', 'E']

/** What a client of several subscriptions has, held to what may come. */
class Held {
  readonly states = new Map<string, Record<string, string | null>>()
  readonly seqs = new Map<string, number>()
  readonly #t: ExecutionContext
  readonly #replay: string

  constructor(t: ExecutionContext, replay: string) {
    this.#t = t
    this.#replay = replay
  }

  forget(): void {
    this.states.clear()
    this.seqs.clear()
  }

  take({ sub = 0, item, seq, snapshot, fields, deleted }: Line): void {
    const key = `${sub} ${item}`
    if (deleted === true) this.states.delete(key)
    if (fields === undefined || seq === undefined) return
    const before = this.seqs.get(key) ?? 0
    if (seq <= before) this.#t.fail(`${key}: seq ${seq} behind ${before}; ${this.#replay}`)
    const state = this.states.get(key)
    if (state === undefined && snapshot !== true) this.#t.fail(`${key}: a change of nothing; ${this.#replay}`)
    this.seqs.set(key, seq)
    this.states.set(key, snapshot === true ? { ...fields } : { ...state, ...fields })
  }
}

test('[S53] whatever breaks, what was handled is never repeated, the state becomes the truth and the ledger adds up: random sizes, paces, limits and breaks', t => {
  const random = new Random(seedOr(20_260_281))
  let resumed = 0
  for (let round = 0; round < 40; round++) {
    const replay = `SEED=${random.seed} round ${round}`
    const windowBytes = random.pick([600, 1_500, 16_384])
    const { bench, client } = setUp({
      windowBytes,
      flushBytesMax: random.pick([300, windowBytes]),
      resumeEntriesMax: random.pick([1, 8, 256]),
    })
    const held = new Held(t, replay)
    const truth = new Map<string, Record<string, string>>()
    bench.open(0, 1, { items: ITEMS })
    subscribe(bench, 1, { id: 1, items: ITEMS, maxFrequency: 50 })
    subscribe(bench, 2, { id: 2, items: ['A', 'B'], fields: ['bid'] })
    let request = 3
    let recovered = 0
    const take = (lines: readonly Line[]): void => {
      for (const line of lines) {
        if (line.recovered === false) held.forget()
        if (line.recovered === true) recovered++
        if (line.item !== undefined) held.take(line)
      }
    }
    for (let step = 0; step < 300; step++) {
      const item = random.pick(ITEMS)
      if (random.chance(0.03) && truth.has(item)) {
        bench.feed({ item, deleted: true })
        truth.delete(item)
      } else if (random.chance(0.7)) {
        const fields = { [random.pick(['bid', 'ask', 'last'])]: `${step}`.padEnd(random.int(80), 'x') }
        bench.feed({ item, fields })
        truth.set(item, { ...truth.get(item), ...fields })
      }
      if (random.chance(0.05)) {
        const kind = random.pick(['pause', 'resume'] as const)
        bench.control(ID, { kind, number: request++, id: random.int(3) })
      }
      bench.turn(random.int(12))
      client.receive()
      if (random.chance(0.5)) take(client.handle())
      if (random.chance(0.4)) bench.took(0, client.generation)
      if (random.chance(0.06)) {
        client.breakOff()
        client.resume()
      }
    }
    for (const id of [0, 1, 2]) bench.control(ID, { kind: 'resume', number: request++, id })
    for (let turn = 0; turn < 80; turn++) {
      bench.turn(30)
      take(client.handleAll())
    }
    const expected = new Map<string, object>()
    for (const [item, fields] of truth) {
      expected.set(`0 ${item}`, fields)
      expected.set(`1 ${item}`, fields)
      if (item === 'A' || item === 'B') expected.set(`2 ${item}`, 'bid' in fields ? { bid: fields.bid } : {})
    }
    t.deepEqual(new Map([...held.states].toSorted()), new Map([...expected].toSorted()) as never, replay)
    const session = bench.core.conflate.sessions.find(ID)!
    const { metrics } = bench
    const waiting = waitingOf(bench.core.conflate.interests, session)
    t.is(
      metrics.get(M.updatesPublished) + metrics.get(M.updatesRecalled),
      session.handedOver + metrics.get(M.updatesConflated) + metrics.get(M.updatesDropped) + waiting,
      `the ledger; ${replay}`,
    )
    t.is(session.recalled, metrics.get(M.updatesRecalled))
    resumed += recovered
  }
  t.true(resumed > 200, `${resumed} times taken up`)
})

test('[S54] in raw mode every update comes once and in order, whatever breaks, or is told as lost: random paces and breaks', t => {
  const random = new Random(seedOr(20_260_282))
  let [resumed, lostTotal] = [0, 0]
  for (let round = 0; round < 40; round++) {
    const replay = `SEED=${random.seed} round ${round}`
    const windowBytes = random.pick([400, 1_500])
    const rawLogUpdates = random.pick([6, 40])
    const { bench, client } = setUp({ windowBytes, flushBytesMax: windowBytes, rawLogUpdates })
    bench.open(0, 1, { items: ['A', 'B'], mode: 'raw' })
    subscribe(bench, 1, { id: 1, items: ['A'], fields: ['bid'], mode: 'raw' })
    const seqs = new Map<string, number>()
    const lost = new Map<string, number>()
    const last = new Map<string, string>()
    const take = (line: Line): void => {
      if (line.recovered === false) seqs.clear()
      if (line.recovered === true) resumed++
      const key = `${line.sub ?? 0} ${line.item}`
      if (line.lost !== undefined) {
        lost.set(key, line.lost)
        lostTotal += line.lost
      }
      if (line.fields === undefined) return
      const before = seqs.get(key)
      const due = before === undefined ? line.seq : before + 1 + (lost.get(key) ?? 0) - (lost.has(key) ? 1 : 0)
      if (line.seq !== due) t.fail(`${key}: seq ${line.seq}, and ${due} was due; ${replay}`)
      if (before === undefined && line.snapshot !== true) t.fail(`${key}: begins without a snapshot; ${replay}`)
      lost.delete(key)
      seqs.set(key, line.seq!)
      if (line.fields.bid !== undefined) last.set(key, line.fields.bid!)
    }
    const truth = new Map<string, string>()
    for (let step = 0; step < 300; step++) {
      if (random.chance(0.6)) {
        const item = random.pick(['A', 'B'])
        const isBid = random.chance(0.6) || !truth.has(item)
        const value = `${step}`.padEnd(random.int(60), 'x')
        bench.feed({ item, fields: { [isBid ? 'bid' : 'ask']: value } })
        if (isBid) truth.set(item, value)
      }
      bench.turn(random.int(5))
      client.receive()
      if (random.chance(0.6)) for (const line of client.handle()) take(line)
      if (random.chance(0.5)) bench.took(0, client.generation)
      if (random.chance(0.05)) {
        client.breakOff()
        client.resume()
      }
    }
    for (let turn = 0; turn < 40; turn++) for (const line of client.handleAll()) take(line)
    for (const [item, value] of truth) t.is(last.get(`0 ${item}`), value, replay)
    t.is(last.get('1 A'), truth.get('A'), replay)
    const session = bench.core.conflate.sessions.find(ID)!
    const { metrics } = bench
    t.is(
      metrics.get(M.updatesPublished) + metrics.get(M.updatesRecalled),
      session.handedOver + metrics.get(M.updatesConflated) + metrics.get(M.updatesDropped),
      `the ledger; ${replay}`,
    )
  }
  t.true(resumed > 200 && lostTotal > 10, `${resumed} times taken up, ${lostTotal} lost`)
})
