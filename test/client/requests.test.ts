import test from 'ava'
import { MillraceError } from '#src/client/errors.ts'
import { IN_FLIGHT_MAX, REQUESTS_MAX, RequestQueue, requestOf } from '#src/client/requests.ts'

const BYTES_MAX = 4_096

class Bench {
  readonly queue = new RequestQueue(BYTES_MAX)
  /** What became of each, as `name` or `name CODE`. */
  readonly settled: string[] = []

  add(name: string, kind: 'wish' | 'message' = 'wish'): void {
    this.queue.add(kind, { name }, this.settle(name))
  }

  settle(name: string): (error: MillraceError | null) => void {
    return error => this.settled.push(error === null ? name : `${name} ${error.code}`)
  }

  /** What is sent now, as `number name`; a request that asks for nothing is `number -`. */
  take(isHeard = true): string[] {
    return this.queue
      .take(isHeard)
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const { request, name = '-' } = JSON.parse(line) as { request: number; name?: string }
        return `${request} ${name}`
      })
  }
}

test('[CL18] numbers go from 1, in order, and each request is taken once', t => {
  const bench = new Bench()
  bench.add('a')
  bench.add('b')
  t.deepEqual(bench.take(), ['1 a', '2 b'])
  t.deepEqual(bench.take(), [])
  bench.add('c')
  t.deepEqual(bench.take(), ['3 c'])
  t.is(bench.queue.inFlight, 3)
})

test('[CL19] what is not answered is sent again with its number, in its place', t => {
  const bench = new Bench()
  for (const name of ['a', 'b', 'c']) bench.add(name)
  bench.take()
  bench.queue.answered(2, null)
  bench.queue.unsend()
  bench.add('d')
  t.deepEqual(bench.take(), ['1 a', '3 c', '4 d'])
  t.deepEqual(bench.settled, ['b'])
})

test('[CL19] an answer settles its request once, a second one nothing', t => {
  const bench = new Bench()
  bench.add('a')
  bench.take()
  bench.queue.answered(1, new MillraceError('ITEMS_TOO_MANY', ''))
  bench.queue.answered(1, null)
  bench.queue.answered(7, null)
  t.deepEqual(bench.settled, ['a ITEMS_TOO_MANY'])
  t.is(bench.queue.inFlight, 0)
})

test('[CL19] an answer of an earlier stream settles what was not sent again yet', t => {
  const bench = new Bench()
  for (const name of ['a', 'b']) bench.add(name)
  bench.take()
  bench.queue.unsend()
  bench.queue.answered(1, null)
  t.deepEqual([bench.queue.inFlight, bench.take(), bench.settled], [0, ['2 b'], ['a']])
})

test('[CL18] a new session is asked first for what it should have, then for what waits, and counts from 1', t => {
  const bench = new Bench()
  for (const name of ['a', 'b', 'c']) bench.add(name)
  bench.take()
  bench.queue.answered(1, null)
  bench.queue.renew([requestOf('own', { name: 'x' }, bench.settle('x'))])
  t.deepEqual(bench.take(), ['1 x', '2 b', '3 c'])
  // What the library asked of that session concerns no other one.
  bench.queue.renew([])
  t.deepEqual(bench.take(), ['1 b', '2 c'])
})

test('[CL20] so many are in flight as a server holds, and no more', t => {
  const bench = new Bench()
  for (let i = 0; i < IN_FLIGHT_MAX + 2; i++) bench.add(String(i))
  t.is(bench.take().length, IN_FLIGHT_MAX)
  t.deepEqual(bench.take(), [])
  bench.queue.answered(1, null)
  t.deepEqual(bench.take(), [`${IN_FLIGHT_MAX + 1} ${IN_FLIGHT_MAX}`])
})

test('[CL20] what is sent at once keeps to the bound in bytes', t => {
  const bench = new Bench()
  for (let i = 0; i < 5; i++) bench.queue.add('wish', { name: 'é'.repeat(700) }, () => {})
  let count = 0
  for (let lines = bench.queue.take(true); lines !== ''; lines = bench.queue.take(true)) {
    t.true(Buffer.byteLength(lines) <= BYTES_MAX)
    count += lines.split('\n').length - 1
  }
  t.is(count, 5)
})

test('[CL20] a request too large, or too many of them, is refused to whoever asks', t => {
  const bench = new Bench()
  t.throws(() => bench.add('é'.repeat(BYTES_MAX / 2)), { code: 'REQUEST_TOO_LARGE' })
  for (let i = 0; i < REQUESTS_MAX; i++) bench.add('a')
  t.throws(() => bench.add('a'), { code: 'REQUESTS_TOO_MANY' })
})

test('[CL22] what the server will not read is refused, and its numbers are used up by nothing', t => {
  const bench = new Bench()
  for (const name of ['a', 'b']) bench.add(name)
  bench.take()
  bench.add('c')
  bench.queue.refuseSent(new MillraceError('REQUEST_BODY_TOO_LARGE', ''))
  t.deepEqual(bench.settled, ['a REQUEST_BODY_TOO_LARGE', 'b REQUEST_BODY_TOO_LARGE'])
  t.deepEqual(bench.take(), ['1 -', '2 -', '3 c'])
})

test('[CL23] a message waits until its session was heard, and all behind it', t => {
  const bench = new Bench()
  bench.add('a')
  bench.add('m', 'message')
  bench.add('b')
  t.deepEqual(bench.take(false), ['1 a'])
  t.deepEqual(bench.take(true), ['2 m', '3 b'])
})

test('[CL23] a message that was sent is not handed to another session, one that was not is', t => {
  const bench = new Bench()
  bench.add('sent', 'message')
  bench.take()
  bench.add('unsent', 'message')
  bench.queue.renew([])
  t.deepEqual(bench.settled, ['sent OUTCOME_UNKNOWN'])
  t.deepEqual(bench.take(), ['1 unsent'])
})

test('[CL24] what is withdrawn leaves no gap: it is gone, or nothing takes its place', t => {
  const bench = new Bench()
  const sent = bench.queue.add('message', { name: 'sent' }, () => {})
  bench.take()
  const unsent = bench.queue.add('message', { name: 'unsent' }, () => {})
  bench.add('b')
  t.false(bench.queue.withdraw(sent))
  t.true(bench.queue.withdraw(unsent))
  bench.queue.unsend()
  t.deepEqual(bench.take(), ['1 -', '2 b'])
})

test('[CL37] at the end everything that waits is settled', t => {
  const bench = new Bench()
  bench.add('a')
  bench.take()
  bench.add('b')
  bench.queue.end(new MillraceError('CLIENT_CLOSED', ''))
  t.deepEqual(bench.settled, ['a CLIENT_CLOSED', 'b CLIENT_CLOSED'])
  t.deepEqual(bench.take(), [])
})
