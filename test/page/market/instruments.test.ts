import test from 'ava'
import { Instruments, itemName, quoteWishes } from '#src/page/app/market/instruments.ts'

test('[PG1] one part of a name says its kind, and what is left is the instrument', t => {
  t.deepEqual(itemName('sim.book.EURUSD'), { kind: 'book', instrument: 'sim.EURUSD', family: 'sim.book.' })
  t.deepEqual(itemName('trades.bitmex.XBTUSD'), { kind: 'trades', instrument: 'bitmex.XBTUSD', family: 'trades.' })
  t.deepEqual(itemName('sim.quote.AAPL.2'), { kind: 'quote', instrument: 'sim.AAPL.2', family: 'sim.quote.' })
  for (const name of ['ACME', 'desk.ACME', 'desk.book', 'book'])
    t.deepEqual(itemName(name), { kind: 'quote', instrument: name, family: null }, name)
})

test('[PG1] an instrument gathers its items in whatever order they come', t => {
  const instruments = new Instruments()
  for (const item of ['book.kraken.PI_ETHUSD', 'quote.kraken.PI_ETHUSD', 'ticker.kraken.PI_ETHUSD', 'ACME'])
    instruments.take(item)
  t.is(instruments.size, 2)
  t.deepEqual(instruments.get('kraken.PI_ETHUSD'), {
    name: 'kraken.PI_ETHUSD',
    symbol: 'PI_ETHUSD',
    venue: 'kraken',
    items: {
      book: 'book.kraken.PI_ETHUSD',
      quote: 'quote.kraken.PI_ETHUSD',
      ticker: 'ticker.kraken.PI_ETHUSD',
    },
  })
  t.deepEqual(instruments.get('ACME'), { name: 'ACME', symbol: 'ACME', venue: '', items: { quote: 'ACME' } })
})

test('[PG2] quotes and tickers are wanted by the beginnings of their names, others by name', t => {
  const names = ['A', 'B', 'book.x.A', 'quote.x.A', 'quote.x.B', 'ticker.x.A', 'trades.x.A']
  t.deepEqual(quoteWishes(names, 10), { items: [['quote.*'], ['ticker.*'], ['A', 'B']], count: 5 })
})

test('[PG2] no more is wanted than a session may have, and what is left out is told', t => {
  const names = Array.from({ length: 50 }, (_, index) => `quote.x.${String(index).padStart(2, '0')}`)
  t.deepEqual(quoteWishes([...names, 'ticker.x.A'], 30), { items: [names.slice(0, 30)], count: 51 })
  t.deepEqual(quoteWishes([...names, 'ticker.x.A'], 51), { items: [['quote.*'], ['ticker.*']], count: 51 })
  t.deepEqual(quoteWishes([], 30), { items: [], count: 0 })
})
