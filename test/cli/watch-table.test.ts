import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { recordText } from '#src/cli/watch.ts'
import { HIGHLIGHT_MS, type StreamRecord, WatchTable } from '#src/cli/watch-table.ts'

function linesOf(table: WatchTable, nowMs: number, width = 80, linesMax = 20): string[] {
  return table.render(width, linesMax, nowMs).map(line => stripVTControlCharacters(line).trimEnd())
}

test('[N15] a row an item in the order asked for, a column a field', t => {
  const table = new WatchTable(['B', 'A'], [])
  table.apply({ item: 'A', seq: 1, snapshot: true, fields: { bid: '1.0', ask: '1.1' } }, 0)
  t.deepEqual(linesOf(table, 5_000), ['item bid  ask   state', 'B', 'A    1.0  1.1'])
})

test('[N15] a change is marked up, down or other, and fades', t => {
  const table = new WatchTable(['A'], ['bid', 'venue'])
  table.apply({ item: 'A', snapshot: true, fields: { bid: '1.5', venue: 'X' } }, 0)
  table.apply({ item: 'A', fields: { bid: '1.6', venue: 'Y' } }, 100)
  t.is(linesOf(table, 100)[1], 'A    1.6▲     Y*')
  table.apply({ item: 'A', fields: { bid: '1.55' } }, 200)
  t.is(linesOf(table, 200)[1], 'A    1.55▼     Y*')
  t.is(linesOf(table, 200 + HIGHLIGHT_MS)[1], 'A    1.55      Y')
  t.true(table.isChangedSince(200))
  t.false(table.isChangedSince(200 + HIGHLIGHT_MS))
})

test('[N15] stale, deleted and lost are shown by words', t => {
  const table = new WatchTable(['A'], ['bid'])
  table.apply({ item: 'A', fields: { bid: '1' } }, 0)
  table.apply({ item: 'A', stale: true }, 0)
  t.regex(linesOf(table, 0)[1] ?? '', /stale$/)
  table.apply({ item: 'A', stale: false }, 0)
  table.apply({ item: 'A', lost: 7 }, 0)
  t.regex(linesOf(table, 0)[1] ?? '', /1 +lost 7$/)
  table.apply({ item: 'A', deleted: true }, 0)
  t.is(linesOf(table, 0)[1], 'A          deleted lost 7')
})

test('[N15] a snapshot takes away the fields that it does not name', t => {
  const table = new WatchTable(['A'], [])
  table.apply({ item: 'A', fields: { bid: '1', ask: '2' } }, 0)
  table.apply({ item: 'A', snapshot: true, fields: { bid: '1' } }, 0)
  t.notRegex(linesOf(table, 5_000)[1] ?? '', /2/)
})

test('[N15] rows, columns and texts keep to what was asked for and to the terminal', t => {
  const items = Array.from({ length: 50 }, (_, index) => `item-${index}`)
  const table = new WatchTable(items, [])
  table.apply({ item: 'other', fields: { bid: '1' } }, 0)
  for (let index = 0; index < 500; index++)
    table.apply({ item: 'item-0', fields: { [`f${index}`]: 'v'.repeat(100) } }, 0)
  const lines = linesOf(table, 5_000, 60, 10)
  t.is(lines.length, 10)
  t.is(lines[9], '… and 42 more')
  for (const line of lines) t.true(line.length <= 60, line)
  t.notRegex(lines.join('\n'), /other/)
})

const row = (key: string, seq: number, fields: Record<string, string | null>, command = 'ADD'): StreamRecord => ({
  item: 'book',
  seq,
  key,
  command: command as 'ADD',
  fields,
})

test('[N15] rows of a table stand below their item, in the order asked for, as they come, change and go', t => {
  const table = new WatchTable(['book', 'A'], ['price', 'size'], '-price')
  const rows = (): string[] => linesOf(table, 9_000).slice(1)
  table.apply({ item: 'book', cleared: true }, 0)
  table.apply(row('x', 1, { price: '9', size: '1' }), 0)
  table.apply(row('y', 2, { price: '10', size: '2' }), 0)
  table.apply({ item: 'book', snapshotEnd: true }, 0)
  t.deepEqual(rows(), ['book', '  y     10     2', '  x      9     1', 'A'])
  table.apply(row('x', 3, { price: '11' }, 'UPDATE'), 1_000)
  t.is(linesOf(table, 1_000)[2], '  x     11▲    1')
  table.apply(row('y', 4, { size: '5' }), 1_000)
  t.deepEqual(rows(), ['book', '  x     11     1', '  y            5', 'A'])
  table.apply({ item: 'book', seq: 5, key: 'x', command: 'DELETE' }, 1_000)
  t.deepEqual(rows(), ['book', '  y            5', 'A'])
  table.apply({ item: 'book', cleared: true }, 1_000)
  table.apply(row('z', 1, { price: '3' }), 1_000)
  t.deepEqual(rows(), ['book', '  z      3', 'A'])
  table.apply({ item: 'book', deleted: true }, 1_000)
  t.deepEqual(rows(), ['book               deleted', 'A'])
  table.apply({ item: 'book', cleared: true }, 1_000)
  t.deepEqual(rows(), ['book', 'A'])
})

test('[N15] a table keeps so many rows, and those that it has still change', t => {
  const table = new WatchTable(['book'], ['price'])
  for (let seq = 0; seq < 1_200; seq++) table.apply(row(`key-${String(seq).padStart(4, '0')}`, seq, { price: '1' }), 0)
  t.is(linesOf(table, 5_000, 80, 3_000).length, 1_002)
  table.apply(row('key-1199', 2_000, { price: '7' }, 'UPDATE'), 0)
  table.apply(row('key-0000', 2_001, { price: '8' }, 'UPDATE'), 0)
  const lines = linesOf(table, 5_000, 80, 3_000)
  t.is(lines[2], '  key-0000     8')
  t.false(lines.some(line => line.includes('1199')))
})

test('[N15] what passes its filter no more is shown by a word, until it comes again', t => {
  const table = new WatchTable(['A'], ['bid'])
  table.apply({ item: 'A', snapshot: true, fields: { bid: '1' } }, 0)
  table.apply({ item: 'A', out: true }, 0)
  t.is(linesOf(table, 5_000)[1], 'A          out')
  table.apply({ item: 'A', snapshot: true, fields: { bid: '2' } }, 0)
  t.is(linesOf(table, 5_000)[1], 'A      2')
})

test('[N16] no control character of a record reaches the terminal', t => {
  const table = new WatchTable(['A'], [])
  const nasty = '\u001b[2J\u0007\u009b\r\n\u202e'
  table.apply({ item: 'A', fields: { [`f${nasty}`]: nasty } }, 0)
  t.notRegex(linesOf(table, 5_000).join(''), /[\p{Cc}\p{Cf}]/u)
  const text = recordText({ item: `A${nasty}`, fields: { [`f${nasty}`]: nasty } })
  t.notRegex(text, /[\p{Cc}\p{Cf}]/u)
  const rows = new WatchTable(['book'], [])
  rows.apply(row(nasty, 1, { bid: nasty }), 0)
  t.notRegex(linesOf(rows, 5_000).join(''), /[\p{Cc}\p{Cf}]/u)
  t.notRegex(recordText(row(nasty, 1, { bid: nasty })), /[\p{Cc}\p{Cf}]/u)
})

test('[N16] a record in a line: item, seq, marks and fields', t => {
  const lines = [
    recordText({ item: 'A', seq: 12, snapshot: true, time: 1, fields: { bid: '7.61', name: 'a b', none: null } }),
    recordText({ item: 'A', seq: 13, fields: { bid: 'null', text: 'a=b' } }),
    recordText({ item: 'A', stale: true }),
    recordText({ item: 'A', stale: false }),
    recordText({ item: 'A', deleted: true }),
    recordText({ item: 'A', lost: 7 }),
    recordText({ item: 'A', out: true }),
    recordText({ item: 'A', cleared: true }),
    recordText({ item: 'A', snapshotEnd: true }),
    recordText({ item: 'A', seq: 14, key: 'bid:1.1', command: 'ADD', fields: { size: '5' } }),
    recordText({ item: 'A', seq: 15, key: '', command: 'DELETE' }),
  ]
  t.deepEqual(lines, [
    'A #12 snapshot bid=7.61 name="a b" none=null',
    'A #13 bid="null" text="a=b"',
    'A stale',
    'A fresh',
    'A deleted',
    'A lost 7',
    'A out',
    'A cleared',
    'A snapshot end',
    'A #14 ADD bid:1.1 size=5',
    'A #15 DELETE ""',
  ])
})
