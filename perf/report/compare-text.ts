/** A comparison for the terminal: every row in one line, what a reader needs to know of them, and last what is worse. */

import { printable } from '#src/printable.ts'
import type { Comparison, MeasureChange, RowChange } from './compare.ts'
import { short } from './format.ts'
import { shortened, textTable, wrapped } from './text-table.ts'

const WIDTH = 140
const INDENT = '  '
const NAME_WIDTH_MAX = 48
const MIB = 2 ** 20

export function comparisonText(comparison: Comparison): string {
  const { before, after, machines, rows, onlyBefore, onlyAfter } = comparison
  const worse = rows.filter(({ isRegression }) => isRegression)
  const lines = [
    ...told(`before ${before.commit}, ${before.madeAt}; after ${after.commit}, ${after.madeAt}`, ''),
    ...(machines === null ? [] : told(`not the same machine: before ${machines.before}; after ${machines.after}`, '')),
    ...table(rows),
    ...rows.flatMap(row => row.notes.map(note => `${fullNameOf(row)}: ${note}`)).flatMap(note => told(note, INDENT)),
    ...onlyBefore.flatMap(name => told(`only before: ${name}`, INDENT)),
    ...onlyAfter.flatMap(name => told(`only after: ${name}`, INDENT)),
    worse.length === 0 ? 'no regression' : 'REGRESSION',
    ...worse.flatMap(row => told(regressionText(row), INDENT)),
  ]
  return `${lines.join('\n')}\n`
}

const MEASURES = ['CPU s/M', 'received/s', 'p99 ms', 'RSS']
const HEADS = ['before', 'after', 'ratio', 'norm.']

/** Of each figure before, after, the ratio as measured and the normalised one; '!' is worse, '+' better. */
function table(rows: readonly RowChange[]): string[] {
  if (rows.length === 0) return ['no row is in both']
  const columns = [
    { group: '', head: 'machine', isWords: false },
    ...MEASURES.flatMap(group => HEADS.map(head => ({ group, head, isWords: false }))),
  ]
  const shown = columns.filter(
    ({ group, head }) => head !== 'norm.' || rows.some(row => normalisedOf(row, group) !== null),
  )
  const lines = rows.flatMap((row, index) => {
    const line = {
      name: INDENT + shortened(printable(row.name), NAME_WIDTH_MAX),
      cells: shown.map(({ group, head }) => cellOf(row, group, head)),
    }
    const isFirst = rows[index - 1]?.variant !== row.variant
    return isFirst ? [{ name: shortened(printable(row.variant), NAME_WIDTH_MAX), cells: [] }, line] : [line]
  })
  return textTable(lines, shown, WIDTH)
}

function normalisedOf(row: RowChange, measure: string): number | null {
  return row.changes.find(({ name }) => name === measure)?.normalised ?? null
}

function cellOf(row: RowChange, measure: string, head: string): string {
  if (measure === '') return row.machine === null ? '' : `x${short(row.machine.ratio)}`
  const change = row.changes.find(({ name }) => name === measure)
  if (change === undefined) return ''
  if (head === 'before') return figureText(change, change.before)
  if (head === 'after') return figureText(change, change.after)
  if (head === 'norm.') return change.normalised === null ? '' : `x${short(change.normalised)}`
  return `x${short(change.ratio)}${SIGNS[change.verdict]}`
}

const SIGNS = { better: '+', same: ' ', worse: '!' } as const

function figureText({ name }: MeasureChange, value: number): string {
  return name === 'RSS' ? short(value / MIB) : short(value)
}

function regressionText(row: RowChange): string {
  const worse = row.changes.filter(({ verdict }) => verdict === 'worse')
  const texts = worse.map(({ name, ratio, normalised, tolerance }) => {
    const machine = normalised === null ? '' : `, x${short(normalised)} normalised by ${row.machine!.by}`
    return `${name} x${short(ratio)}${machine} (counts from ${Math.round(tolerance * 100)} % on)`
  })
  return `${fullNameOf(row)}: ${texts.length === 0 ? 'is void' : texts.join(', ')}`
}

function fullNameOf({ variant, name }: RowChange): string {
  return `${variant}: ${name}`
}

function told(text: string, indent: string): string[] {
  return wrapped(printable(text, 4_000), WIDTH - indent.length).map(line => indent + line)
}
