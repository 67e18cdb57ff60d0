import test from 'ava'
import { SeededRandom } from '#src/domain/random.ts'
import { Market, type MarketFields } from '#src/feed/market.ts'
import { VirtualClock } from '#src/time/clock.ts'

const SEED = Number(process.env.SEED ?? 1)
const FIELDS = ['bid', 'ask', 'bid_size', 'ask_size', 'last', 'volume', 'high', 'low', 'open', 'change', 'venue']

function marketOf(itemsCount: number, seed = SEED): Market {
  return new Market(itemsCount, new SeededRandom(seed), new VirtualClock())
}

function snapshotsOf(market: Market): Map<string, MarketFields> {
  return new Map(market.items.map((_, index) => market.snapshot(index)).map(({ item, fields }) => [item, fields]))
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
  const { item, fields, timeMs } = market.snapshot(0)
  t.is(item, 'sim.quote.EURUSD')
  t.deepEqual(Object.keys(fields), FIELDS)
  t.is(timeMs, 1_700_000_000_000)
  clock.advance(5)
  t.is(market.step().timeMs, 1_700_000_000_005)
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
    const { item, fields } = market.step()
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
      const { item } = market.step()
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

test('[N12] a market has at least one item', t => {
  t.throws(() => marketOf(0), { message: /at least one item/ })
})
