import test from 'ava'
import { Instruments } from '#src/page/app/market/instruments.ts'
import { PriceHistory } from '#src/page/app/market/price-history.ts'
import { QuoteBoard, type QuoteRow, type QuoteUpdate } from '#src/page/app/market/quote-board.ts'
import { orderedRows } from '#src/page/app/market/row-order.ts'

const WALL_MS = 1_700_000_000_000

function update(item: string, fields: Record<string, string | null>, isSnapshot = false): QuoteUpdate {
  return { item, fields, isSnapshot, timeMs: null }
}

function boardOf(...updates: QuoteUpdate[]): QuoteBoard {
  const board = new QuoteBoard(new Instruments())
  for (const one of updates) board.of(one.item).take(one, WALL_MS)
  return board
}

test('[PG5] a row merges quote and ticker, and the quote counts where both say it', t => {
  const board = boardOf(
    update('ticker.x.A', { bid: '1', last: '3', open: '2' }),
    update('quote.x.A', { bid: '1.5', ask: '1.7' }),
    update('quote.x.A', { ask: '1.6' }),
  )
  const row = board.get('x.A')!
  t.is(board.size, 1)
  t.deepEqual([row.field('bid'), row.field('ask'), row.field('last')], ['1.5', '1.6', '3'])
  t.is(row.price, 3)
  t.is(row.middle, 1.55)
  t.is(row.change, 50)
  row.take(update('quote.x.A', { ask: '1.9' }, true), WALL_MS)
  t.deepEqual([row.field('bid'), row.field('ask')], ['1', '1.9'], 'a snapshot of the quote has all of it')
})

test('[PG5] a change is what the feed says, or comes from last and open, or is none', t => {
  const board = boardOf(
    update('quote.x.A', { change: '-0.12', last: '3', open: '2' }),
    update('quote.x.B', { bid: '1', ask: '2' }),
  )
  t.is(board.get('x.A')!.change, -0.12)
  t.true(Number.isNaN(board.get('x.B')!.change))
  t.is(board.get('x.B')!.price, 1.5)
})

test('[PG6] a row is stale when its quote is, or its ticker where it has no quote', t => {
  const board = boardOf(update('ticker.x.A', { last: '1' }))
  const row = board.get('x.A')!
  row.mark('ticker.x.A', true)
  t.true(row.isStale)
  row.take(update('quote.x.A', { bid: '1' }), WALL_MS)
  t.false(row.isStale)
  row.mark('quote.x.A', true)
  t.is(board.staleCount(), 1)
  row.mark('quote.x.A', false)
  t.false(row.isStale)
})

test('[PG6] values do not outlive their item', t => {
  const board = boardOf(update('quote.x.A', { bid: '1' }), update('ticker.x.A', { last: '2' }))
  const row = board.get('x.A')!
  row.mark('quote.x.A', true)
  row.drop('quote.x.A')
  t.deepEqual(row.fields(), { last: '2' })
  t.false(row.isStale)
})

test('[PG7] rows stand in the order of a column, those without a value last, equal ones by name', t => {
  const board = boardOf(
    update('quote.x.C', { bid: '3' }),
    update('quote.x.A', { bid: '1' }),
    update('quote.x.D', {}),
    update('quote.y.B', { bid: '3' }),
  )
  const bid = (row: QuoteRow): number => Number(row.field('bid') ?? Number.NaN)
  const names = (isDown: boolean, search = ''): string[] =>
    orderedRows(board.rows(), bid, isDown, search).map(({ instrument }) => instrument.name)
  t.deepEqual(names(false), ['x.A', 'x.C', 'y.B', 'x.D'])
  t.deepEqual(names(true), ['x.C', 'y.B', 'x.A', 'x.D'])
  t.deepEqual(names(true, 'Y'), ['y.B'])
  t.deepEqual(names(false, ' quote.x* '), ['x.A', 'x.C', 'x.D'])
  t.deepEqual(names(false, 'nothing'), [])
})

test('[PG8] a history has a point a second, the newest ones, and never goes back', t => {
  const history = new PriceHistory()
  history.take(10_000, 1)
  history.take(10_900, 2)
  history.take(11_000, Number.NaN)
  history.take(9_000, 3)
  t.deepEqual(history.points(), [{ time: 10, price: 3 }])
  for (let second = 11; second < 3_000; second++) history.take(second * 1_000, second)
  t.is(history.points().length, 600)
  t.deepEqual(history.points()[0], { time: 2_400, price: 2_400 })
  t.deepEqual(history.last(), { time: 2_999, price: 2_999 })
})
