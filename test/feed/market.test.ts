import test from 'ava'
import { SeededRandom } from '#src/domain/random.ts'
import { BOOKS_MAX, Market, type MarketFields, type MarketUpdate } from '#src/feed/market.ts'
import { VirtualClock } from '#src/time/clock.ts'

const SEED = Number(process.env.SEED ?? 1)
const FIELDS = ['bid', 'ask', 'bid_size', 'ask_size', 'last', 'volume', 'high', 'low', 'open', 'change', 'venue']

function marketOf(itemsCount: number, seed = SEED): Market {
  return new Market(itemsCount, new SeededRandom(seed), new VirtualClock())
}

function snapshotsOf(market: Market): Map<string, MarketFields> {
  return new Map(market.items.map((_, index) => market.snapshot(index)[0]!).map(({ item, fields }) => [item, fields]))
}

/** Of a step: the quote, which is the first. */
function quoteOf(updates: readonly MarketUpdate[]): MarketUpdate {
  return updates[0]!
}

/** The rows of books by item and key, as a table of mode command holds them; and what would be wrong with one. */
class Books {
  readonly rows = new Map<string, Map<string, MarketFields>>()

  /** What is wrong with the update, or null. */
  take({ item, mode, isSnapshot, fields }: MarketUpdate): string | null {
    if (mode !== 'command') return null
    const rows = isSnapshot ? new Map<string, MarketFields>() : this.rows.get(item)
    if (rows === undefined) return 'a row before the snapshot'
    this.rows.set(item, rows)
    const { key = '', command, side, price, size } = fields
    if ((command === 'ADD') === rows.has(key)) return 'a row is added once, before it changes'
    if (command === 'DELETE') rows.delete(key)
    else rows.set(key, fields)
    if (command !== 'DELETE' && (key !== `${side}:${price}` || !(Number(size) > 0))) return 'a key is side and price'
    const { bid, ask } = this.best(item)
    return bid !== undefined && ask !== undefined && Number(bid.price) >= Number(ask.price) ? 'bids below asks' : null
  }

  best(item: string): { bid: MarketFields | undefined; ask: MarketFields | undefined; counts: [number, number] } {
    const rows = [...(this.rows.get(item)?.values() ?? [])].sort((a, b) => Number(a.price) - Number(b.price))
    const bids = rows.filter(({ side }) => side === 'bid')
    const asks = rows.filter(({ side }) => side === 'ask')
    return { bid: bids.at(-1), ask: asks[0], counts: [bids.length, asks.length] }
  }
}

function decimalsOf(text: string): number {
  return text.length - 1 - text.indexOf('.')
}

test('[N12] the same seed walks the same way, another seed another', t => {
  const walk = (seed: number) => {
    const market = marketOf(36, seed)
    return JSON.stringify([[...snapshotsOf(market)], Array.from({ length: 500 }, () => market.step())])
  }
  t.is(walk(1), walk(1))
  t.not(walk(1), walk(2))
})

test('[N12] a snapshot has all fields as texts and the time of the clock', t => {
  const clock = new VirtualClock(1_700_000_000_000.25)
  const market = new Market(3, new SeededRandom(1), clock)
  const { item, fields, timeMs } = quoteOf(market.snapshot(0))
  t.is(item, 'sim.quote.EURUSD')
  t.deepEqual(Object.keys(fields), FIELDS)
  t.is(timeMs, 1_700_000_000_000)
  clock.advance(5)
  t.true(market.step().every(update => update.timeMs === 1_700_000_000_005))
})

test('[N12] names are distinct, plain and of several kinds, for any number of items', t => {
  for (const count of [1, 36, 64, 1_000]) {
    const { items } = marketOf(count)
    t.is(new Set(items).size, count)
    for (const item of items) t.regex(item, /^sim\.quote\.[A-Z]+(\.\d+)?$/)
  }
  const { items } = marketOf(36)
  for (const symbol of ['EURUSD', 'BTCUSD', 'AAPL']) t.true(items.includes(`sim.quote.${symbol}`))
})

test('[N12] updates applied to a snapshot give the next snapshot, and hold changes only', t => {
  const market = marketOf(40)
  const values = snapshotsOf(market)
  for (let count = 0; count < 20_000; count++) {
    const { item, fields } = quoteOf(market.step())
    const before = values.get(item) ?? {}
    const changed = Object.entries(fields)
    if (changed.length === 0 || changed.some(([name, text]) => before[name] === text)) {
      return t.fail(`update ${count} of ${item} repeats ${JSON.stringify(fields)}; SEED=${SEED}`)
    }
    values.set(item, { ...before, ...fields })
  }
  t.deepEqual(values, snapshotsOf(market), `SEED=${SEED}`)
})

test('[N12] however long it runs: bid below ask, low, last and high in order, volume grows, ticks are kept', t => {
  const market = marketOf(36)
  const opens = snapshotsOf(market)
  const volumes = new Map<string, number>()
  const lastSteps = new Map<string, number>()
  for (let round = 0; round < 60; round++) {
    for (let count = 0; count < 1_000; count++) {
      const { item } = quoteOf(market.step())
      lastSteps.set(item, (lastSteps.get(item) ?? 0) + 1)
    }
    for (const [item, fields] of snapshotsOf(market)) {
      const [bid, ask, last, high, low, open, volume] = ['bid', 'ask', 'last', 'high', 'low', 'open', 'volume'].map(
        name => Number(fields[name]),
      ) as [number, number, number, number, number, number, number]
      const isSane =
        bid > 0 &&
        bid < ask &&
        low <= last &&
        last <= high &&
        low <= open &&
        open <= high &&
        bid > open * 0.4 &&
        ask < open * 2.2 &&
        volume >= (volumes.get(item) ?? 0) &&
        fields.open === opens.get(item)?.open &&
        decimalsOf(fields.bid ?? '') === decimalsOf(fields.open ?? '') &&
        fields.change !== '-0.00'
      if (!isSane) return t.fail(`${item} ${JSON.stringify(fields)}; SEED=${SEED}`)
      volumes.set(item, volume)
    }
  }
  t.is(lastSteps.size, 36, 'every item moves')
  t.true(
    (lastSteps.get('sim.quote.BTCUSD') ?? 0) > (lastSteps.get('sim.quote.LTCUSD') ?? 0),
    'busy items move more often',
  )
})

test('[N19] each trade is the last price of its quote and its part of the volume, and has the next number', t => {
  const market = marketOf(40)
  const volumes = new Map([...snapshotsOf(market)].map(([item, { volume }]) => [item, Number(volume)]))
  const numbers = new Map<string, number>()
  const sides = new Set<string>()
  for (let count = 0; count < 20_000; count++) {
    const updates = market.step()
    const { item, fields } = quoteOf(updates)
    const trade = updates.find(({ mode }) => mode === 'distinct')
    if (trade === undefined) {
      if (fields.volume !== undefined) return t.fail(`${item}: a volume without a trade; SEED=${SEED}`)
      continue
    }
    const { id, price, size, side } = trade.fields
    const symbol = item.slice('sim.quote.'.length)
    const quote = market.snapshot(market.items.indexOf(item))[0]!.fields
    const isGood =
      trade.item === `sim.trades.${symbol}` &&
      price === quote.last &&
      Number(size) === Number(quote.volume) - volumes.get(item)! &&
      Number(id) === (numbers.get(item) ?? 0) + 1 &&
      price === (side === 'buy' ? quote.ask : quote.bid)
    if (!isGood) return t.fail(`${JSON.stringify(trade)} of ${JSON.stringify(quote)}; SEED=${SEED}`)
    volumes.set(item, Number(quote.volume))
    numbers.set(item, Number(id))
    sides.add(side!)
  }
  t.true(numbers.size > 30)
  t.deepEqual([...sides].sort(), ['buy', 'sell'])
})

test('[N20] a book holds its order after each row, and after each step the best prices of its quote', t => {
  const market = marketOf(40)
  const books = new Books()
  const quotes = new Map<string, MarketFields>()
  let rowCount = 0
  const take = (updates: readonly MarketUpdate[]): string | null => {
    const { item, fields } = quoteOf(updates)
    const quote = { ...quotes.get(item), ...fields }
    quotes.set(item, quote)
    for (const update of updates) {
      const problem = books.take(update)
      if (problem !== null) return `${problem}: ${JSON.stringify(update)}`
    }
    const { bid, ask, counts } = books.best(item.replace('.quote.', '.book.'))
    const isAgreed =
      bid?.price === quote.bid &&
      ask?.price === quote.ask &&
      bid?.size === quote.bid_size &&
      ask?.size === quote.ask_size
    const isFull = counts.every(count => count >= 18 && count <= 24)
    return isAgreed && isFull ? null : `${JSON.stringify([quote, bid, ask, counts])}`
  }
  for (let index = 0; index < 40; index++) {
    const problem = take(market.snapshot(index))
    if (problem !== null) return t.fail(`${problem}; SEED=${SEED}`)
  }
  for (let count = 0; count < 20_000; count++) {
    const updates = market.step()
    rowCount += updates.length - 1
    const problem = take(updates)
    if (problem !== null) return t.fail(`${problem}; SEED=${SEED}`)
  }
  t.true(rowCount / 20_000 < 4, `a step changes few rows: ${rowCount / 20_000}`)
  // A snapshot later on is the book that the rows have led to.
  for (let index = 0; index < 40; index++) {
    const later = new Books()
    for (const update of market.snapshot(index)) t.is(later.take(update), null)
    for (const [item, rows] of later.rows) {
      const keys = (table: Map<string, MarketFields>): [string, string | undefined][] =>
        [...table].map(([key, { size }]): [string, string | undefined] => [key, size]).sort()
      t.deepEqual(keys(rows), keys(books.rows.get(item)!))
    }
  }
})

test('[N20] only so many instruments have a book, and all have trades', t => {
  const market = marketOf(BOOKS_MAX + 10)
  const withBook = market.items.filter((_, index) => market.snapshot(index).length > 1)
  t.deepEqual(withBook, market.items.slice(0, BOOKS_MAX))
  const traded = new Set<string>()
  for (let count = 0; count < 20_000; count++)
    for (const { item, mode } of market.step()) if (mode === 'distinct') traded.add(item)
  t.is(traded.size, BOOKS_MAX + 10)
})

test('[N12] a market has at least one item', t => {
  t.throws(() => marketOf(0), { message: /at least one item/ })
})
