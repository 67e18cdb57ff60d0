import test from 'ava'
import { reportText } from '#perf/report/text.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { randomReport, report, row, run, variant } from './synthetic.ts'

const WIDTH = 140

function linesOf(...args: Parameters<typeof report>): string[] {
  return reportText(report(...args)).split('\n')
}

/** Of a line, what stands between spaces. */
function words(line: string | undefined): string[] {
  return line?.trim().split(/\s+/) ?? []
}

test('[PR5] a report begins with delivered updates a second, CPU per million and latency', t => {
  const lines = linesOf([variant([row('millrace', 'pools', [4, 5, 6]), row('floor', '', [4])])])
  const at = lines.indexOf('broadcast, millrace pools')
  t.is(lines[at + 1]!.trim(), '1,000  updates/s delivered (held)')
  t.is(lines[at + 2]!.trim(), '5.00  server CPU seconds per million delivered, 4.00..6.00 in 3 runs, x1.25 the floor')
  t.is(lines[at + 3]!.trim(), '40.0  ms latency at p99 (p50 10.0, p90 20.0, p99.9 50.0, max 60.0)')
  t.true(at < lines.indexOf('what this machine can do'))
})

test('[PR4] a void headline says so', t => {
  const lines = linesOf([variant([row('millrace', '', [5], { faults: ['wrong values'] })])])
  t.true(lines.some(line => line.startsWith('broadcast, millrace: VOID')))
  t.true(lines.some(line => line.trim() === 'millrace  wrong values'))
})

test('[PR4] peers that are missing are named with the reason, and a client at its limit is', t => {
  const rows = [row('millrace', '', [5], { isClientBottleneck: true, clientUtilisation: 0.97 })]
  const lines = linesOf([variant(rows, { missing: [{ target: 'nchan', why: 'no such module' }] })])
  t.true(lines.some(line => line.trim() === 'nchan  no such module'))
  t.true(lines.some(line => line.trim() === 'millrace  its busiest process was busy 97% of the time'))
})

test('[PR7] the ledger stands there as a sum, without peers', t => {
  const lines = linesOf([variant([row('millrace', '', [5]), row('ws', '', [6], { ledger: null })])])
  const at = lines.findIndex(line => line.includes('published'))
  t.is(lines[at]!.trim().replace(/\s+/g, ' '), 'published = delivered + conflated + dropped + lost + waiting')
  t.deepEqual(words(lines[at + 1]), ['millrace', '10,000', '9,000', '600', '200', '100', '100'])
  t.not(words(lines[at + 2])[0], 'ws')
})

test('[PR7] a ledger that does not add up shows what is unaccounted for', t => {
  const ledger = { ...run().ledger!, lost: 60 }
  const lines = linesOf([variant([row('millrace', '', [5], { ledger })])])
  const at = lines.findIndex(line => line.includes('published'))
  t.true(lines[at]!.endsWith('unaccounted for'))
  t.is(words(lines[at + 1]).at(-1), '40')
})

test('[PR3] empty queues, figures that nobody has and costs that were not taken leave no line', t => {
  const queues = [{ stage: 'write', unit: 'records', depthMax: 0, capacity: 8 }] as const
  const bare = { queues, threads: [], extra: {}, ledger: null }
  const text = reportText(report([variant([row('millrace', '', [5], bare)])], { costs: [] }))
  for (const topic of ['queues', 'threads', 'besides', 'published', 'missing', 'FAULTS', 'this machine']) {
    t.false(text.includes(topic), topic)
  }
  const full = { extra: { 'connections/s': 4_200 }, queues: [{ ...queues[0], depthMax: 2 }] }
  const lines = linesOf([variant([row('millrace', '', [5], full)])])
  t.true(lines.some(line => line.trim() === 'millrace  connections/s: 4,200'))
  t.true(lines.some(line => line.trim() === 'millrace  write 2 of 8 (25%)'))
})

test('[PR8] rows of one target stand below its name; a long label is told once, below the table', t => {
  const label = 'a sentence that says in which setting it runs'
  const lines = linesOf([variant([row('millrace', 'a', [5]), row('millrace', 'b', [5]), row('ws', label, [5])])])
  const at = lines.indexOf('  millrace')
  t.deepEqual(
    [1, 2, 3].map(offset => words(lines[at + offset])[0]),
    ['a', 'b', 'ws'],
  )
  t.true(lines.some(line => line.trim() === `ws  ${label}`))
})

test('[PR8] a cost that is a part of another is left to the page', t => {
  const costs = [
    { name: 'socket.write 64 B', value: 5, unit: 'µs' },
    { name: 'socket.write 64 B, user', value: 1, unit: 'µs' },
  ]
  const text = reportText(report([], { costs }))
  t.regex(text, /socket\.write 64 B +5\.00 µs/)
  t.false(text.includes('user'))
})

test('[PR8] no line but a command is wider than 140 columns, and none holds what moves a cursor', t => {
  const random = new Random(seedOr(41))
  for (let round = 0; round < 40; round++) {
    const lines = reportText(randomReport(random)).split('\n')
    for (const line of lines) t.true(line.length <= WIDTH, `seed ${random.seed}: ${line}`)
  }
  const long = 'word '.repeat(200)
  const rows = [row('millrace', long, [5], { faults: [long], extra: { [long]: 1 } }), row('x'.repeat(300), long, [5])]
  const lines = linesOf([variant(rows, { about: long })], {
    commit: '\u001b[31m',
    costs: [{ name: long, value: 1, unit: long }],
  })
  for (const line of lines) t.true(line.length <= WIDTH, line)
  t.false(lines.join('').includes('\u001b'))
})
