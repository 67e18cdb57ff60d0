import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { recordText } from '#src/cli/watch.ts'
import { HIGHLIGHT_MS, WatchTable } from '#src/cli/watch-table.ts'

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

test('[N16] no control character of a record reaches the terminal', t => {
  const table = new WatchTable(['A'], [])
  const nasty = '\u001b[2J\u0007\u009b\r\n\u202e'
  table.apply({ item: 'A', fields: { [`f${nasty}`]: nasty } }, 0)
  t.notRegex(linesOf(table, 5_000).join(''), /[\p{Cc}\p{Cf}]/u)
  const text = recordText({ item: `A${nasty}`, fields: { [`f${nasty}`]: nasty } })
  t.notRegex(text, /[\p{Cc}\p{Cf}]/u)
})

test('[N16] a record in a line: item, seq, marks and fields', t => {
  const lines = [
    recordText({ item: 'A', seq: 12, snapshot: true, time: 1, fields: { bid: '7.61', name: 'a b', none: null } }),
    recordText({ item: 'A', seq: 13, fields: { bid: 'null', text: 'a=b' } }),
    recordText({ item: 'A', stale: true }),
    recordText({ item: 'A', stale: false }),
    recordText({ item: 'A', deleted: true }),
    recordText({ item: 'A', lost: 7 }),
  ]
  t.deepEqual(lines, [
    'A #12 snapshot bid=7.61 name="a b" none=null',
    'A #13 bid="null" text="a=b"',
    'A stale',
    'A fresh',
    'A deleted',
    'A lost 7',
  ])
})
