/**
 * One session that goes from stream to stream while a feed publishes, cut again and again, and the check that its client
 * has had everything once: raw mode each update, merge mode what was newest, each subscription from one snapshot on.
 */

import type { ExecutionContext } from 'ava'
import type { TerseViews } from '#src/client/terse.ts'
import type { Random } from './random.ts'
import type { RawFeed } from './raw-feed.ts'
import { type Resume, type SessionRecord, SessionStream, type Transport } from './session-stream.ts'

const ITEMS = ['a', 'b', 'c', 'p.0', 'p.1', 'p.2']
/** Of the subscriptions below. */
const VIEWS = 8
const FIELDS = 3
/** Streams that are asked for in the terse encoding, where there is one. */
const TERSE_PART = 0.5
/** Flushes that a client has had and not handled, in so many strides. */
const LOST_PART = 0.3

/** Publishes numbers: each update of an item has the next one. */
export class Counting {
  /** The number that every item has. */
  last = -1
  readonly name: string
  readonly #feed: RawFeed
  readonly #lines: number

  /** `lines` are published of each item at a time. */
  constructor(feed: RawFeed, name: string, lines: number) {
    this.#feed = feed
    this.name = name
    this.#lines = lines
  }

  play(): void {
    for (let line = 0; line < this.#lines; line++) {
      const n = String(++this.last)
      const fields = { n, [`f${this.last % FIELDS}`]: n }
      this.#feed.send(...ITEMS.map(item => ({ item: `${this.name}.${item}`, fields })))
    }
  }
}

/** Two subscriptions of raw mode, two that merge, one of them by a prefix. */
function requestsOf(name: string): readonly object[] {
  return [
    { request: 1, subscribe: { id: 0, items: [`${name}.a`], mode: 'raw' } },
    { request: 2, subscribe: { id: 1, items: [`${name}.b`, `${name}.c`] } },
    { request: 3, subscribe: { id: 2, items: [`${name}.p.*`] } },
    { request: 4, subscribe: { id: 3, items: [`${name}.c`, `${name}.p.0`], fields: ['n'], mode: 'raw' } },
  ]
}

function isRaw(key: string): boolean {
  return key.startsWith('0 ') || key.startsWith('3 ')
}

/** How many views it has brought something of. */
function begunBy({ all }: SessionStream): number {
  return new Set(all.filter(({ item }) => item !== undefined).map(({ sub, item }) => `${sub} ${item}`)).size
}

export class SessionWalk {
  /** What its client has handled. */
  readonly records: SessionRecord[] = []
  readonly #t: ExecutionContext
  readonly #port: number
  readonly #counting: Counting
  readonly #random: Random
  #resume: Resume | null = null
  readonly #views: TerseViews = new Map()

  constructor(t: ExecutionContext, port: number, counting: Counting, random: Random) {
    this.#t = t
    this.#port = port
    this.#counting = counting
    this.#random = random
  }

  /** One stream, cut behind the first flush that brings data; the first one when all subscriptions have begun. */
  async stride(transport: Transport): Promise<void> {
    const resume = this.#resume
    this.#counting.play()
    const stream = this.#open(transport, () => {
      if (begunBy(stream) >= (resume === null ? VIEWS : 1)) stream.cut()
    })
    this.#counting.play()
    await stream.ended()
    this.#expectOpened(stream)
    // A flush that came, and whose client has not come to handle it.
    if (resume !== null && this.#random.chance(LOST_PART)) return
    this.records.push(...stream.handled)
    this.#resume = stream.resume
  }

  /** A last stream, up to the last value of everything; then checks the whole. */
  async finish(transport: Transport): Promise<void> {
    const stream = this.#open(transport, () => {})
    const isLast = ({ fields }: SessionRecord): boolean => fields?.n === String(this.#counting.last)
    // The stride before may have had all that there is.
    if (transport !== 'poll') await stream.welcome
    let [looked, found] = [0, this.records.filter(isLast).length]
    await stream.until(all => {
      while (looked < all.length) if (isLast(all[looked++]!)) found++
      return found === VIEWS
    })
    this.#expectOpened(stream)
    this.records.push(...stream.all)
    stream.cut()
    this.#check()
  }

  #open(transport: Transport, onPosition: () => void): SessionStream {
    const isTerse = transport !== 'sse' && this.#random.chance(TERSE_PART)
    const options = { port: this.#port, transport, onPosition, ...(isTerse && { terse: this.#views }) }
    const resume = this.#resume
    const stream = new SessionStream(
      resume === null ? { ...options, requests: requestsOf(this.#counting.name) } : { ...options, resume },
    )
    this.#t.teardown(() => stream.cut())
    return stream
  }

  #expectOpened(stream: SessionStream): void {
    const { transport, status, refusal } = stream
    this.#t.is(refusal, '', `${transport}: ${status}`)
    const welcome = stream.all.find(({ session }) => session !== undefined)
    if (this.#resume === null) this.#t.is(welcome?.recovered, undefined)
    else if (transport !== 'poll') this.#t.true(welcome?.recovered, JSON.stringify(welcome))
  }

  #check(): void {
    const byView = Map.groupBy(
      this.records.filter(({ item }) => item !== undefined),
      ({ sub, item }) => `${sub ?? 0} ${item}`,
    )
    this.#t.is(byView.size, VIEWS)
    for (const [key, list] of byView) this.#checkView(key, list)
    const subscribed = this.records.flatMap(({ subscribed: id }) => id ?? [])
    this.#t.deepEqual(subscribed, [0, 1, 2, 3], 'events come once, too')
  }

  #checkView(key: string, list: readonly SessionRecord[]): void {
    const seed = `${key}, seed ${this.#random.seed}`
    this.#t.true(list[0]!.snapshot, seed)
    const state: Record<string, string | null> = { ...list[0]!.fields }
    for (let i = 1; i < list.length; i++) {
      const [before, after] = [list[i - 1]!, list[i]!]
      const step = after.seq! - before.seq!
      this.#t.is(after.snapshot, undefined, `${seed} begins once`)
      this.#t.true(isRaw(key) ? step === 1 : step > 0, `${seed}: ${before.seq} ${after.seq}`)
      this.#t.is(Number(after.fields!.n) - Number(before.fields!.n), step, seed)
      Object.assign(state, after.fields)
    }
    const { last } = this.#counting
    this.#t.is(state.n, String(last), seed)
    if (key.startsWith('3 ')) return
    for (let back = 0; back < FIELDS; back++) this.#t.is(state[`f${(last - back) % FIELDS}`], String(last - back), seed)
  }
}
