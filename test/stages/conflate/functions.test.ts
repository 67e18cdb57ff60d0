/** Merge functions of fields, at a core alone: what clients are told adds up to the same at any pace. */

import test, { type ExecutionContext } from 'ava'

import { M } from '#src/metrics/names.ts'
import { type CoreBench, recordsOf } from '#test/support/core-bench.ts'
import { data, ID, type Line, setUp } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'

const BARS = JSON.stringify([
  { items: 'bar*', merge: { open: 'first', high: 'max', low: 'min', volume: 'sum', trades: 'count' } },
])

function trade(bench: CoreBench, price: string, size: string, item = 'bar'): void {
  const fields = { open: price, high: price, low: price, close: price, volume: size, trades: '1' }
  bench.feed({ item, fields })
}

test('[MO30] what waited is told as the functions of its fields say, the others by their newest values', t => {
  const { bench, client } = setUp({ itemRules: BARS })
  bench.open(0, 1, { items: ['bar'] })
  client.handleAll()
  for (const [price, size] of [
    ['10.5', '0.10'],
    ['9', '0.2'],
    ['11', '1'],
    ['10', '0.2'],
  ] as const) {
    trade(bench, price, size)
  }
  t.deepEqual(data(client.handleAll())[0]!.fields, {
    ...{ open: '10.5', high: '11', low: '9', close: '10', volume: '1.50', trades: '4' },
  })
  trade(bench, '10', '0.2')
  t.deepEqual(data(client.handleAll())[0]!.fields, { open: '10', high: '10', low: '10', volume: '0.2', trades: '1' })
  t.is(bench.metrics.get(M.updatesConflated), 3)
})

test('[MO30] a subscription begins with what came since: nothing at first', t => {
  const { bench, client } = setUp({ itemRules: BARS })
  trade(bench, '10', '5')
  bench.settle()
  bench.open(0, 1, { items: ['bar'], fields: ['close', 'volume', 'trades'] })
  t.deepEqual(data(client.handleAll())[0]!.fields, { close: '10', volume: null, trades: null })
  bench.open(1, 1, { items: ['bar'], fields: ['close', 'volume'] })
  bench.turn()
  trade(bench, '11', '7')
  bench.settle()
  const late = bench.takeAll().filter(({ slots }) => slots.includes(1))
  const sizes = late.flatMap(({ text }) => recordsOf(text)).flatMap(({ fields }) => fields?.volume ?? [])
  t.deepEqual(sizes, ['7'])
})

test('[MO30] who waits for items by the beginning of their names is told of their first update, too', t => {
  const { bench, client } = setUp({ itemRules: BARS })
  bench.open(0, 1, { items: [], prefixes: ['bar.'], fields: ['volume', 'trades'] })
  client.handleAll()
  trade(bench, '10', '5', 'bar.1')
  t.deepEqual(data(client.handleAll())[0]!.fields, { volume: '5', trades: '1' })
  trade(bench, '10', '6', 'bar.2')
  trade(bench, '10', '7', 'bar.2')
  t.deepEqual(data(client.handleAll())[0]!.fields, { volume: '13', trades: '2' })
})

test('[MO32] an item that begins in a break is told from its beginning on, whether it was sent meanwhile or not', t => {
  for (const isSent of [false, true]) {
    const { bench, client } = setUp({ itemRules: BARS })
    bench.open(0, 1, { items: [], prefixes: ['bar.'], fields: ['volume', 'trades'] })
    client.handleAll()
    trade(bench, '10', '1', 'bar.1')
    client.handleAll()
    if (!isSent) client.breakOff()
    bench.settle()
    for (let size = 2; size < 6; size++) {
      trade(bench, '10', String(size), 'bar.2')
      bench.turn()
    }
    if (isSent) {
      client.receive()
      client.breakOff()
    }
    bench.settle()
    client.resume()
    const lines = client.handleAll()
    t.is(lines.find(({ recovered }) => recovered !== undefined)?.recovered, true)
    const told = data(lines).filter(({ item }) => item === 'bar.2')
    t.deepEqual(
      told.map(({ fields }) => fields),
      [{ volume: '14', trades: '4' }],
    )
  }
})

test('[MO32] what waits when an item leaves the filter is told when it passes again (found: never, or its core ended)', t => {
  for (const hasBreak of [false, true]) {
    const { bench, client } = setUp({ itemRules: BARS })
    bench.open(0, 1, { items: ['bar'], fields: ['volume', 'trades'], filter: 'close > 5' })
    client.handleAll()
    trade(bench, '10', '1')
    client.handleAll()
    trade(bench, '10', '2')
    trade(bench, '1', '3')
    trade(bench, '1', '4')
    t.deepEqual(data(client.handleAll()), [{ item: 'bar', out: true }])
    trade(bench, '1', '5')
    trade(bench, '10', '6')
    if (hasBreak) {
      client.receive()
      client.breakOff()
      bench.settle()
      client.resume()
    }
    const told = data(client.handleAll()).filter(({ fields }) => fields !== undefined)
    t.deepEqual(
      told.map(({ fields }) => fields),
      [{ volume: '20', trades: '5' }],
    )
    trade(bench, '10', '7')
    t.deepEqual(data(client.handleAll())[0]!.fields, { volume: '7', trades: '1' })
  }
})

test('[MO32] over how many stretches a session can be set back is for the rule to say', t => {
  for (const [stretches, isRecovered] of [
    [2, false],
    [16, true],
  ] as const) {
    const rule = { items: 'bar', merge: { volume: 'sum' }, stretches }
    const { bench, client } = setUp({ itemRules: JSON.stringify([rule]) })
    bench.open(0, 1, { items: ['bar'] })
    bench.open(1, 999, { items: ['bar'] })
    trade(bench, '10', '1')
    client.handleAll()
    for (let size = 2; size < 8; size++) {
      trade(bench, '10', String(size))
      bench.turn()
      client.receive()
      bench.took(1, 999)
    }
    client.breakOff()
    bench.settle()
    client.resume()
    const lines = client.handleAll()
    t.is(lines.find(({ recovered }) => recovered !== undefined)?.recovered, isRecovered, `${stretches}`)
    t.is(data(lines)[0]!.fields!.volume, isRecovered ? '27' : null)
  }
})

test('[MO31] a value that a function cannot take is refused, told, and counts for nothing', t => {
  const { bench, client } = setUp({ itemRules: BARS })
  bench.open(0, 1, { items: ['bar'] })
  client.handleAll()
  bench.feed({ item: 'bar', fields: { close: 'x', volume: 'many', high: '1' } })
  t.deepEqual(data(client.handleAll())[0]!.fields, { close: 'x', high: '1' })
  t.is(bench.metrics.get(M.updatesRefused), 1)
})

test('[MO32] at any pace, through breaks and slow connections, all sums and counts add up to the same', t => {
  const seed = seedOr(20_261_401)
  let restarts = 0
  for (let run = 0; run < 150; run++) restarts += walk(t, new Random(seed + run))
  t.true(restarts > 20, `${restarts} sessions began anew`)
})

/** A client's own count of what it was told. */
interface Told {
  volume: bigint
  trades: number
  high: number
}

function cents(text: string): bigint {
  const [whole, fraction = ''] = text.split('.')
  return BigInt(`${whole}${fraction.padEnd(2, '0')}`)
}

function walk(t: ExecutionContext, random: Random): number {
  const { bench, client } = setUp({
    itemRules: BARS,
    flushBytesMax: random.pick([64, 16_384]),
    resumeEntriesMax: random.pick([1, 100]),
  })
  bench.open(0, 1, { items: ['bar', 'other'], maxFrequency: random.pick([0, 0, 50]) })
  // Another client, at a pace of its own: it cuts stretches elsewhere.
  bench.open(1, 999, { items: ['bar'], fields: ['volume'] })
  bench.settle()
  const none = (): Told => ({ volume: 0n, trades: 0, high: 0 })
  let truth = none()
  let told = none()
  let handled = none()
  let restarts = 0
  const check = (lines: readonly Line[]) => {
    for (const { item, fields, recovered } of lines) {
      if (recovered === false) {
        // It begins anew at the moment of its resumption.
        told = none()
        truth = { ...truthAtResume }
        restarts++
      }
      if (item !== 'bar' || fields === undefined) continue
      if (typeof fields.volume === 'string') told.volume += cents(fields.volume)
      if (typeof fields.trades === 'string') told.trades += Number(fields.trades)
      if (typeof fields.high === 'string') told.high = Math.max(told.high, Number(fields.high))
    }
    handled = { ...told }
  }
  let sinceResume = none()
  let truthAtResume = none()
  for (let step = 0; step < 120; step++) {
    const what = random.int(10)
    if (what < 5) {
      for (let i = random.int(8); i > 0; i--) {
        const size = `${random.int(90)}.${String(random.int(100)).padStart(2, '0')}`
        const price = 1 + random.int(500)
        trade(bench, String(price), size)
        for (const total of [truth, sinceResume]) {
          total.volume += cents(size)
          total.trades++
          total.high = Math.max(total.high, price)
        }
        truthAtResume = sinceResume
      }
      if (random.chance(0.3)) bench.feed({ item: 'other', fields: { x: String(step) } })
      if (random.chance(0.5)) {
        bench.turn()
        bench.took(1, 999)
      }
    } else if (what === 5) {
      bench.clock.advance(30)
      client.receive()
    } else if (what < 8) {
      client.receive()
      check(client.handle())
    } else if (what === 8) {
      check(client.handleAll())
    } else {
      client.breakOff()
      told = { ...handled }
      bench.settle()
      sinceResume = none()
      truthAtResume = sinceResume
      client.resume()
    }
  }
  for (let i = 0; i < 20; i++) {
    bench.turn(30)
    check(client.handleAll())
  }
  t.deepEqual(told, truth, `SEED=${random.seed}`)
  t.truthy(bench.core.conflate.sessions.find(ID))
  return restarts
}
