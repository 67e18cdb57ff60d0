import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { DIGITS_MAX } from '#src/domain/decimal.ts'
import { FILTER_FIELDS_MAX } from '#src/domain/filter/filter-values.ts'
import { FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_SET_MAX } from '#src/domain/filter/parse-filter.ts'
import { faultOf } from '#test/support/filters.ts'
import { ROOT } from '#test/support/sources.ts'

const sections = new Map(
  readFileSync(join(ROOT, 'docs/filters.md'), 'utf8')
    .split('\n## ')
    .map(section => [section.slice(0, section.indexOf('\n')), section]),
)

/** The cells of a section's table, below its head. */
function rowsOf(title: string): string[][] {
  const lines = sections.get(title)!.split('\n')
  const table = lines.filter(line => line.startsWith('| ')).slice(2)
  return table.map(line => line.slice(2, -2).split(' | '))
}

/** What a cell shows as code: between backticks, or between double ones with blanks. */
function codeOf(cell: string): string {
  return cell.startsWith('`` ') ? cell.slice(3, -3) : cell.slice(1, -1)
}

test('[FI12] the messages on the page are those that are told', t => {
  const rows = rowsOf('Errors')
  t.true(rows.length > 5)
  for (const [filter, message] of rows) t.is(faultOf(codeOf(filter!))?.message, codeOf(message!), filter)
})

test('[FI12] the examples on the page are filters', t => {
  const rows = rowsOf('On a dealing screen')
  t.true(rows.length > 5)
  for (const [, filter] of rows) t.is(faultOf(codeOf(filter!)), null, filter)
})

test('[FI12] the bounds on the page are those that are kept', t => {
  const bounds = rowsOf('Bounds').map(cells => Number(cells[1]))
  t.deepEqual(bounds.slice(1), [FILTER_CONDITIONS_MAX, FILTER_SET_MAX, FILTER_FIELDS_MAX, FILTER_DEPTH_MAX, DIGITS_MAX])
})
