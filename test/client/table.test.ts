import test from 'ava'
import { orderOf, Table } from '#src/client/table.ts'

function tableOf(sort?: string): Table {
  return new Table(orderOf(sort))
}

function stateOf({ rows }: Table): object {
  return Object.fromEntries([...rows].map(([key, { fields }]) => [key, { ...fields }]))
}

test('[CL55] ADD replaces a row whole, UPDATE merges, DELETE takes it away', t => {
  const table = tableOf()
  table.apply('ADD', 'a', 1, { price: '1', size: '5' })
  table.apply('ADD', 'b', 2, { price: '2' })
  table.apply('UPDATE', 'a', 3, { size: '6', venue: null })
  t.deepEqual(stateOf(table), { a: { price: '1', size: '6', venue: null }, b: { price: '2' } })
  table.apply('ADD', 'a', 4, { size: '7' })
  table.apply('DELETE', 'b', 5, {})
  t.deepEqual(stateOf(table), { a: { size: '7' } })
})

test('[CL55] a changed row that is not there is built from what came, a deleted one is not missed', t => {
  const table = tableOf()
  t.deepEqual(table.apply('UPDATE', 'a', 7, { size: '1' }), ['size'])
  t.is(table.apply('DELETE', 'b', 8, {}), null)
  t.deepEqual(stateOf(table), { a: { size: '1' } })
})

test('[CL55] what changed is told: of UPDATE all its fields, of ADD those that differ or are gone', t => {
  const table = tableOf()
  t.deepEqual(table.apply('ADD', 'a', 1, { price: '1', size: '5' }), ['price', 'size'])
  t.deepEqual(table.apply('UPDATE', 'a', 2, { size: '5' }), ['size'])
  t.deepEqual(table.apply('ADD', 'a', 3, { price: '2', venue: null }), ['price', 'venue', 'size'])
  t.deepEqual(table.apply('DELETE', 'a', 4, {}), [])
})

test('[CL55] rows and fields may have any name', t => {
  const table = tableOf()
  table.apply('ADD', '__proto__', 1, JSON.parse('{"__proto__":"1","constructor":"2"}'))
  table.apply('UPDATE', '__proto__', 2, JSON.parse('{"__proto__":"3"}'))
  t.deepEqual(Object.entries(table.rows.get('__proto__')!.fields), [
    ['__proto__', '3'],
    ['constructor', '2'],
  ])
})

test('[CL56] what is not newer than the row is not seen again, whatever the seq of others', t => {
  const table = tableOf()
  table.apply('ADD', 'a', 5, { price: '1' })
  t.is(table.apply('UPDATE', 'a', 5, { price: '9' }), null)
  t.is(table.apply('ADD', 'a', 4, { price: '9' }), null)
  t.deepEqual(stateOf(table), { a: { price: '1' } })
  // It moves into the window with the seq of its last change.
  t.deepEqual(table.apply('ADD', 'b', 2, { price: '3' }), ['price'])
  t.deepEqual(table.apply('DELETE', 'a', 5, {}), [])
  t.deepEqual(table.apply('ADD', 'a', 5, { price: '1' }), ['price'])
  t.deepEqual(stateOf(table), { a: { price: '1' }, b: { price: '3' } })
})

test('[CL56] what was cleared may come again with any seq', t => {
  const table = tableOf()
  table.apply('ADD', 'a', 50, { price: '1' })
  table.clear()
  t.deepEqual(table.apply('ADD', 'a', 3, { price: '2' }), ['price'])
  t.deepEqual(stateOf(table), { a: { price: '2' } })
})

test('[CL61] rows come in the order of the field, equal ones by key, also downwards', t => {
  const prices = { a: '2', b: '10', c: '2.0', d: 'x', e: null, '𝄞': '2', '\uffff': '2' }
  const keysOf = (sort?: string): string => {
    const table = tableOf(sort)
    let seq = 0
    for (const [key, price] of Object.entries(prices)) table.apply('ADD', key, ++seq, { price })
    table.apply('ADD', 'f', ++seq, {})
    return table
      .sorted()
      .map(({ key }) => key)
      .join(' ')
  }
  t.is(keysOf('price'), 'a c \uffff 𝄞 b d e f')
  t.is(keysOf('-price'), 'b a c \uffff 𝄞 d e f')
  t.is(keysOf(), 'a b c d e f \uffff 𝄞')
})

test('[CL61] the order follows what changes, and is the same array until it may have', t => {
  const table = tableOf('price')
  table.apply('ADD', 'a', 1, { price: '1', size: '1' })
  table.apply('ADD', 'b', 2, { price: '2', size: '1' })
  const before = table.sorted()
  table.apply('UPDATE', 'a', 3, { size: '2' })
  t.is(table.sorted(), before)
  t.is(before[0]?.fields.size, '2')
  const keys = (): string =>
    table
      .sorted()
      .map(({ key, fields }) => `${key}${fields.price}`)
      .join(' ')
  table.apply('UPDATE', 'a', 4, { price: '3' })
  t.is(keys(), 'b2 a3')
  table.apply('ADD', 'c', 5, { price: '2.5' })
  t.is(keys(), 'b2 c2.5 a3')
  table.apply('ADD', 'b', 6, { price: '4' })
  t.is(keys(), 'c2.5 a3 b4')
  table.apply('DELETE', 'a', 7, {})
  t.is(keys(), 'c2.5 b4')
  table.clear()
  t.is(keys(), '')
  t.is(before.length, 2)
})
