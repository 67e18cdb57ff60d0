/** What a full client finds wrong. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { FullClient } from '#perf/load/full-client.ts'
import { BASE } from '#perf/variants/variant.ts'
import type { Workload } from '#perf/workload.ts'

const TRUTH = ['{"item":"A","fields":{"bid":"2","size":"1","at":"9"}}', '{"item":"other","fields":{"bid":"8"}}']
const FIRST = '{"item":"A","seq":1,"snapshot":true,"fields":{"bid":"1","size":"1","ask":"5","at":"7"}}'
const OUT = '{"item":"A","out":true}'
const LAST = '{"item":"A","seq":2,"fields":{"bid":"2","at":"9"}}'

/** How often, and after how many ms each, it is looked whether what is expected has come: no assertion on time. */
const LOOKS_MAX = 1_000
const LOOK_MS = 10

/** A client reads in its own time: what it finds wrong once that is as expected (null: nothing), or for good. */
async function judge(t: ExecutionContext, client: FullClient, expected: RegExp | null): Promise<void> {
  const isExpected = (): boolean => {
    const [first] = client.faultsAt(TRUTH)
    return expected === null ? first === undefined : expected.test(first ?? '')
  }
  for (let looks = 0; looks < LOOKS_MAX && !isExpected(); looks++) {
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
  const faults = client.faultsAt(TRUTH)
  client.close()
  if (expected === null) t.deepEqual(faults, [])
  else t.regex(faults[0] ?? 'no fault', expected)
}

/** A client of a stream of these lines. */
async function clientOf(t: ExecutionContext, lines: readonly string[], change: Partial<Workload>): Promise<FullClient> {
  const server: Server = createServer((_, response) => {
    const text = lines.map(line => `${line}\n`).join('')
    // In two parts, so that a line is split.
    response.write(text.slice(0, 50))
    setTimeout(() => response.write(text.slice(50)), 10)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const client = new FullClient({ ...BASE, ...change }, ['A'], 0)
  await client.open((server.address() as AddressInfo).port)
  return client
}

const CASES: readonly [string, Partial<Workload>, string[], RegExp | null][] = [
  ['all is well', { mode: 'merge' }, [FIRST, '', '{"item":"A","seq":6,"fields":{"bid":"2","at":"9"}}'], null],
  ['raw mode says what it lost', {}, [FIRST, '{"item":"A","lost":3}', LAST.replace('2', '5')], null],
  ['SSE', { transport: 'sse' }, [': hello', 'id: 1', `data: ${FIRST}`, '', `data: ${LAST}`, ''], null],
  ['a line is no JSON', {}, [FIRST, '{"item":"A",', LAST], /^no record: {"item":"A",/],
  ['a seq stands twice', { mode: 'merge' }, [FIRST, FIRST, LAST], /^A: seq 1 after 1/],
  ['a seq goes back', { mode: 'merge' }, [FIRST.replace('1', '4'), LAST], /^A: seq 2 after 4/],
  ['raw mode leaves one out', {}, [FIRST, LAST.replace('2', '3')], /^A: seq 3 after 1/],
  ['a value is wrong at the end', {}, [FIRST, LAST.replace('"bid":"2"', '"bid":"3"')], /^A.bid ended as 3, not 2/],
  ['the last update is missing', {}, [FIRST], /^A.bid ended as 1, not 2/],
  ['nothing comes', {}, [''], /^A.bid ended as undefined, not 2/],
  ['an item is stale', {}, [FIRST, '{"item":"A","stale":true}', LAST], /^A is stale/],
  ['distinct says what it lost', { mode: 'distinct' }, [FIRST, '{"item":"A","lost":3}', LAST.replace('2', '5')], null],
  ['distinct leaves one out', { mode: 'distinct' }, [FIRST, LAST.replace('2', '3')], /^A: seq 3 after 1/],
  ['its filter lets the item pass again', { mode: 'merge', filter: 'all' }, [FIRST, OUT, FIRST, LAST], null],
  ['its filter does not let the end pass', { mode: 'merge', filter: 'size' }, [FIRST, OUT], null],
  ['the item is not told to be out', { mode: 'merge', filter: 'size' }, [FIRST], /^A is there, and does not pass/],
  ['the server takes its leave', {}, [FIRST, LAST, '{"closing":{"code":"X"}}'], /^a stream was ended: X/],
]

for (const [what, change, lines, expected] of CASES) {
  test(`[PF13] a full client, when ${what}`, async t => {
    await judge(t, await clientOf(t, lines, change), expected)
  })
}

const WELCOME = '{"session":"s","position":1}'
const POLLED: readonly [string, readonly string[], string[], RegExp | null][] = [
  [
    'each answer is followed by a poll',
    [`${WELCOME}\n${FIRST}\n{"position":2}\n`, `${LAST}\n{"position":3}\n`],
    ['s 2', 's 3'],
    null,
  ],
  ['a poll is refused', [`${WELCOME}\n${FIRST}\n{"position":2}\n`, ''], ['s 2'], /^a stream ended/],
  ['an answer ends without a position', [`${WELCOME}\n{"position":2}\n`, `${FIRST}\n`], ['s 2'], /^a stream ended/],
]

for (const [what, answers, polls, expected] of POLLED) {
  test(`[PF13] a full client over long polling, when ${what}`, async t => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      const query = new URL(request.url!, 'http://test').searchParams
      const answer = answers[asked.length]
      asked.push(`${query.get('session')} ${query.get('position')}`)
      // The last poll is held.
      if (answer !== undefined) response.writeHead(answer === '' ? 404 : 200).end(answer)
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    t.teardown(() => server.close())
    const client = new FullClient({ ...BASE, transport: 'poll' }, ['A'], 0)
    await client.open((server.address() as AddressInfo).port)
    for (let looks = 0; looks < LOOKS_MAX && asked.length <= polls.length; looks++) {
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    await judge(t, client, expected)
    t.deepEqual(asked.slice(1), polls)
  })
}
