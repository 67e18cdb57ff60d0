import test from 'ava'
import { SeededRandom } from '#src/domain/random.ts'
import type { Change } from '#src/page/app/link/messages.ts'
import { LadderSide } from '#src/page/app/market/book-ladder.ts'
import { Candles } from '#src/page/app/market/candles.ts'
import { TradeTape } from '#src/page/app/market/trade-tape.ts'

const SEED = Number(process.env.SEED ?? 1)

function row(command: 'ADD' | 'UPDATE' | 'DELETE', price: string, size = '1'): Change {
  const fields = command === 'DELETE' ? {} : command === 'ADD' ? { price, size } : { size }
  return { type: 'row', item: 'book.x.A', key: `bid:${price}`, command, fields }
}

function trade(price: string, timeMs: number | null = null, isHistory = false): Change {
  const fields = { price, size: '2', side: 'buy' }
  return { type: 'update', item: 'trades.x.A', fields, timeMs, isSnapshot: false, isHistory }
}

test('[PG9] the best rows of a side are shown, in order of price, with sums from the best on', t => {
  const bids = new LadderSide('bid', 3)
  bids.take([row('ADD', '9'), row('ADD', '10', '5'), row('ADD', '8.5'), row('ADD', '11', '2'), row('UPDATE', '9', '4')])
  t.deepEqual(
    bids.levels().map(({ priceText, size, total }) => [priceText, size, total]),
    [
      ['11', 2, 2],
      ['10', 5, 7],
      ['9', 4, 11],
    ],
  )
  bids.take([row('DELETE', '11'), row('DELETE', '77')])
  t.deepEqual(
    bids.levels().map(({ priceText }) => priceText),
    ['10', '9', '8.5'],
  )
  const asks = new LadderSide('ask', 2)
  asks.take([row('ADD', '13'), row('ADD', '12'), row('ADD', '9.5')])
  t.deepEqual(
    asks.levels().map(({ price }) => price),
    [9.5, 12],
  )
})

test('[PG9] whatever rows come and go, a side shows what a table of them holds', t => {
  const random = new SeededRandom(SEED)
  const side = new LadderSide('ask', 10)
  const table = new Map<string, number>()
  for (let step = 0; step < 2_000; step++) {
    const price = String(100 + Math.floor(random.next() * 40))
    const size = 1 + Math.floor(random.next() * 9)
    if (random.next() < 0.4) {
      table.delete(price)
      side.take([row('DELETE', price)])
    } else {
      side.take([row(table.has(price) ? 'UPDATE' : 'ADD', price, String(size))])
      table.set(price, size)
    }
    const best = [...table].sort((a, b) => Number(a[0]) - Number(b[0])).slice(0, 10)
    t.deepEqual(
      side.levels().map(({ priceText, size: shown }) => [priceText, shown]),
      best,
      `SEED=${SEED}`,
    )
  }
})

test('[PG9] a book that is cleared, ended or begun anew shows nothing of before, and why', t => {
  for (const end of [
    { type: 'cleared', item: 'A' },
    { type: 'deleted', item: 'A' },
    { type: 'reset' },
    { type: 'ended', code: 'MODE_NOT_ALLOWED', message: '' },
  ] as const) {
    const side = new LadderSide('bid', 10)
    side.take([row('ADD', '1'), { type: 'complete', item: 'A' }, { type: 'stale', item: 'A', isStale: true }])
    t.true(side.isComplete && side.isStale)
    side.take([end])
    t.deepEqual(side.levels(), [], end.type)
    t.is(side.problem, end.type === 'ended' ? 'MODE_NOT_ALLOWED' : '')
  }
})

test('[PG10] each trade stands once, in order, with what was lost in its place', t => {
  const tape = new TradeTape()
  tape.take([trade('1', 5, true), trade('2', null, true), { type: 'complete', item: 'A' }], 100)
  tape.take([trade('3'), { type: 'lost', item: 'A', count: 7 }, trade('4', 60)], 200)
  t.deepEqual(
    tape.since(0).map(({ priceText, timeMs, isHistory, lost }) => [priceText, timeMs, isHistory, lost]),
    [
      ['1', 5, true, 0],
      ['2', Number.NaN, true, 0],
      ['3', 200, false, 0],
      ['', 200, false, 7],
      ['4', 60, false, 0],
    ],
  )
  t.is(tape.lostTotal, 7)
  t.deepEqual(
    tape.since(3).map(({ number }) => number),
    [3, 4],
  )
})

test('[PG10] the tape is bounded, counts on, and begins anew with its item', t => {
  const tape = new TradeTape()
  for (let count = 1; count <= 1_000; count++) tape.take([trade(String(count))], 0)
  t.is(tape.count, 1_000)
  t.is(tape.since(0).length, 200)
  t.is(tape.since(0)[0]!.priceText, '801')
  t.is(tape.since(999)[0]!.priceText, '1000')
  tape.take([{ type: 'reset' }, trade('5')], 0)
  t.deepEqual(
    tape.since(0).map(({ priceText, number }) => [priceText, number]),
    [['5', 1_000]],
  )
})

test('[PG11] candles hold the trades of their interval, and never go back in time', t => {
  const candles = new Candles(5)
  candles.take(10_000, 5, 1)
  candles.take(14_999, 7, 2)
  candles.take(12_000, 4, Number.NaN)
  candles.take(15_000, 6, 1)
  candles.take(9_000, 1, 1)
  candles.take(Number.NaN, 9, 1)
  t.deepEqual(candles.all, [
    { time: 10, open: 5, high: 7, low: 4, close: 4, volume: 3 },
    { time: 15, open: 6, high: 6, low: 1, close: 1, volume: 2 },
  ])
  for (let second = 20; second < 20_000; second += 5) candles.take(second * 1_000, 1, 1)
  t.true(candles.all.length <= 1_000)
  t.is(candles.last!.time, 19_995)
})
