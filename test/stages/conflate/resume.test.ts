/** Sessions that are taken up again, at a core alone: what was handled is not repeated, what was not comes again. */

import test, { type ExecutionContext } from 'ava'
import { FEED_DOWN, FEED_UP } from '#src/codec/record.ts'
import type { SubscriptionRequest } from '#src/domain/session-request.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import { M } from '#src/metrics/names.ts'
import { sessionIdOf, subscriptionOf } from '#test/support/bind.ts'
import { CoreBench } from '#test/support/core-bench.ts'
import { Random, seedOr } from '#test/support/random.ts'

interface Line {
  readonly sub?: number
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: true
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: true
  readonly lost?: number
  readonly position?: number
  readonly session?: string
  readonly recovered?: boolean
  readonly why?: string
  readonly answer?: number
  readonly subscribed?: number
}

const ID = sessionIdOf(0, 1)

/** One client of one session: its flushes lie on the wire until it handles them. */
class Client {
  readonly bench: CoreBench
  generation = 1
  handled = 0
  readonly wire: Line[][] = []

  constructor(bench: CoreBench) {
    this.bench = bench
  }

  receive(): void {
    this.bench.settle()
    for (const flush of this.bench.takeAll()) {
      if (flush.type === 'flush' && flush.generations[0] === this.generation) {
        this.wire.push(
          flush.text
            .trim()
            .split('\n')
            .map(line => JSON.parse(line) as Line),
        )
      }
    }
  }

  /** Handles the first flush on the wire. */
  handle(): Line[] {
    const lines = this.wire.shift() ?? []
    const { position, session } = lines.at(-1) ?? {}
    if (position !== undefined && session === undefined) this.handled = position
    return lines.filter(({ position: at, session: id }) => at === undefined || id !== undefined)
  }

  handleAll(): Line[] {
    this.receive()
    const lines: Line[] = []
    while (this.wire.length > 0) lines.push(...this.handle())
    this.bench.took(0, this.generation)
    return lines
  }

  breakOff(): void {
    this.bench.close(0, this.generation)
    this.bench.settle()
    this.bench.takeAll()
    this.bench.took(0, this.generation)
    this.wire.length = 0
  }

  resume(position = this.handled): void {
    this.generation++
    this.bench.open(0, this.generation, { resume: { session: ID, position } })
    this.bench.settle()
  }
}

function setUp(settings: ConstructorParameters<typeof CoreBench>[0] = {}) {
  const bench = new CoreBench({ resumeMs: 60_000, ...settings })
  return { bench, client: new Client(bench) }
}

function data(lines: readonly Line[]): Line[] {
  return lines.filter(({ item }) => item !== undefined)
}

/** What became of the streams that were asked for. */
function outcomesOf({ metrics }: CoreBench): object {
  return {
    opened: metrics.get(M.sessionsOpened),
    recovered: metrics.get(M.sessionsRecovered),
    restarted: metrics.get(M.sessionsRestarted),
    unknown: metrics.get(M.sessionsUnknown),
  }
}

function subscribe(bench: CoreBench, number: number, wish: Partial<SubscriptionRequest>): void {
  bench.control(ID, { kind: 'subscribe', number, subscription: subscriptionOf(wish) })
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

test('[S49] a mark is told again also when the item turned between the break and the flush (found: it was not)', t => {
  const { bench, client } = setUp()
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  for (const bid of ['2', '3']) {
    bench.feedLife(FEED_DOWN, 1)
    client.receive()
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid } }, 1)
    client.receive()
    t.true(client.wire.length > 0, 'what was told is not handled')
    client.breakOff()
    client.generation++
    bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
    bench.feedLife(FEED_DOWN, 1)
    t.is(data(client.handleAll()).findLast(({ stale }) => stale !== undefined)?.stale, true)
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid: `${bid}5` } }, 1)
    t.is(data(client.handleAll()).findLast(({ stale }) => stale !== undefined)?.stale, false)
  }
})

test('[S49] raw mode: behind a deletion and a loss the mark is told, as it may be another (found: it was not)', t => {
  const { bench, client } = setUp({ rawLogUpdates: 4 })
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.open(0, 1, { items: ['A'], mode: 'raw', onLost: 'snapshot' })
  client.handleAll()
  bench.feedLife(FEED_DOWN, 1)
  t.true(data(client.handleAll()).at(-1)?.stale)
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', deleted: true }, 1)
  bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
  client.receive()
  client.breakOff()
  client.generation++
  bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
  for (let bid = 3; bid < 10; bid++) bench.feed({ item: 'A', fields: { bid: String(bid) } }, 1)
  const lines = data(client.handleAll())
  t.true((lines[0]?.lost ?? 0) > 0)
  t.deepEqual(lines.at(-1), { item: 'A', stale: false })
})

test('[S49] merge mode: a deletion that was not handled is told again', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  bench.feed({ item: 'A', deleted: true })
  client.receive()
  client.breakOff()
  client.resume()
  t.deepEqual(data(client.handleAll()), [{ item: 'A', deleted: true }])
})

for (const isStale of [true, false]) {
  test(`[S49] raw mode: behind a loss the mark is that of now, where the client knew ${isStale ? 'stale' : 'fresh'}`, t => {
    const { bench, client } = setUp({ rawLogUpdates: 4 })
    const turn = (to: boolean): void => {
      bench.feedLife(to ? FEED_DOWN : FEED_UP, 1)
      if (!to) bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
    }
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
    bench.open(0, 1, { items: ['A'], mode: 'raw', onLost: 'snapshot' })
    client.handleAll()
    if (isStale) turn(true)
    client.handleAll()
    turn(!isStale)
    client.receive()
    client.breakOff()
    client.generation++
    bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
    if (!isStale) bench.feedLife(FEED_UP, 1)
    for (let bid = 3; bid < 10; bid++) bench.feed({ item: 'A', fields: { bid: String(bid) } }, 1)
    if (!isStale) bench.feedLife(FEED_DOWN, 1)
    const lines = data(client.handleAll())
    t.true((lines[0]?.lost ?? 0) > 0)
    t.is(lines.findLast(({ stale }) => stale !== undefined)?.stale, !isStale)
  })
}

test('[S49] terse: what a view stands for is told again to who lost the flush that told it', t => {
  const { bench } = setUp()
  const came = (): string => {
    bench.settle()
    const flushes = bench.takeAll()
    for (const { generations } of flushes) bench.took(0, generations[0]!)
    return flushes.map(({ text }) => text).join('')
  }
  bench.open(0, 1, { items: ['A'], fields: ['bid'], encoding: 'terse' })
  const position = Number(/\{"position":(\d+)\}\n$/.exec(came())![1])
  bench.feed({ item: 'A', fields: { bid: '1' } })
  t.regex(came(), /^=0\t0\tA\tbid$/m)
  bench.close(0, 1)
  bench.open(0, 2, { resume: { session: ID, position }, encoding: 'terse' })
  const again = came()
  t.regex(again, /"recovered":true/)
  t.regex(again, /^=0\t0\tA\tbid$/m)
})
