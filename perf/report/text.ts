/**
 * A report for the terminal, 140 columns wide: the canonical workload's two numbers first, then what the machine can do,
 * then each variant as one table with what its rows have to say beside it. Only a command may be longer, so that it can
 * be copied.
 */

import type { Cost, Report, VariantResult } from '#perf/result.ts'
import { printable } from '#src/printable.ts'
import { costGroups, costText, machineText, madeAtText, runsText, topicsOf } from './details.ts'
import { columnsFor, cpuPerMillion, headlineOf, type RowView, viewsOf } from './figures.ts'
import { NOTHING, percent, short, whole } from './format.ts'
import { ledgerTable } from './ledger-table.ts'
import { shortened, type TextRow, textTable, wrapped } from './text-table.ts'

const WIDTH = 140
const INDENT = '  '
const NAME_WIDTH_MAX = 40
const COST_NAME_WIDTH_MAX = 100
const COST_WIDTH_MAX = 16
const TEXT_LENGTH_MAX = 4_000

export function reportText(report: Report): string {
  const head = [`Millrace at ${plain(report.commit)}, ${plain(madeAtText(report))}`, plain(machineText(report))]
  const blocks = [
    head.flatMap(line => wrapped(line, WIDTH)),
    headline(report),
    costs(report.costs),
    ...report.variants.map(variantBlock),
  ]
  const texts = blocks.filter(lines => lines.length > 0).map(lines => lines.join('\n'))
  return `${texts.join('\n\n')}\n`
}

function headline(report: Report): string[] {
  const found = headlineOf(report)
  if (found === null) return []
  const { run, faults } = found.view
  const state = faults.length > 0 ? ': VOID, see its faults' : ''
  const held = run.isHeld ? 'held' : `${percent(run.received / run.due)} of what was due`
  const figures: readonly [string, string][] = [
    [whole(run.receivedPerSecond), `updates/s delivered (${held})`],
    [short(cpuPerMillion(run)), `server CPU seconds per million delivered${besideCpu(found.view)}`],
  ]
  const all = run.latencyMs === null ? figures : [...figures, latencyFigure(run.latencyMs)]
  return [
    name(`${found.variant.variant}, ${found.view.name}`, WIDTH - state.length) + state,
    ...all.map(([figure, text]) => `${INDENT}${figure.padStart(12)}  ${text}`),
  ]
}

function besideCpu({ row, cpuRange, floorRatio }: RowView): string {
  const range = cpuRange === null ? '' : `, ${short(cpuRange.min)}..${short(cpuRange.max)} in ${row.runs.length} runs`
  return range + (floorRatio === null ? '' : `, x${short(floorRatio)} the floor`)
}

function latencyFigure(latency: NonNullable<RowView['run']['latencyMs']>): [string, string] {
  const { p50, p90, p99, p999, max } = latency
  const others = `p50 ${short(p50)}, p90 ${short(p90)}, p99.9 ${short(p999)}, max ${short(max)}`
  return [short(p99), `ms latency at p99 (${others})`]
}

/** Two beside each other where they are short, read downwards; what they are made of is left to the page. */
function costs(every: readonly Cost[]): string[] {
  const all = costGroups(every).map(({ cost }) => cost)
  if (all.length === 0) return []
  const names = all.map(cost => name(cost.name, COST_NAME_WIDTH_MAX))
  const values = all.map(cost => name(costText(cost), COST_WIDTH_MAX))
  const nameWidth = Math.max(...names.map(text => text.length))
  const valueWidth = Math.max(...values.map(text => text.length))
  const entries = names.map((text, index) => text.padEnd(nameWidth) + INDENT + values[index]!.padStart(valueWidth))
  const gap = INDENT.repeat(2)
  const lineCount =
    2 * entries[0]!.length + gap.length <= WIDTH - INDENT.length ? Math.ceil(all.length / 2) : all.length
  const lines = entries.slice(0, lineCount).map((left, index) => left + gap + (entries[lineCount + index] ?? ''))
  return ['what this machine can do', ...lines.map(line => INDENT + line.trimEnd())]
}

function variantBlock(variant: VariantResult): string[] {
  const views = viewsOf(variant)
  const runs = views.length > 0 ? ` (${runsText(views)})` : ''
  const missing = variant.missing.map(({ target, why }) => ({ title: target, text: why }))
  return [
    ...wrapped(`${plain(variant.variant)}: ${plain(variant.about)}${runs}`, WIDTH),
    `${INDENT}$ ${plain(variant.command)}`,
    ...indented(figuresTable(views)),
    ...indented(ledgerLines(views)),
    ...topicsOf(views).flatMap(topic => {
      return entries(
        topic.name,
        topic.entries.map(({ view, text }) => ({ title: view.name, text })),
      )
    }),
    ...entries('missing', missing),
  ]
}

function figuresTable(views: readonly RowView[]): string[] {
  if (views.length === 0) return []
  const columns = columnsFor(views)
  const cells = (view: RowView) => columns.map(({ cell, isWords }) => cell(view) ?? (isWords ? '' : NOTHING))
  return textTable(namedRows(views, cells), columns, WIDTH - INDENT.length)
}

function ledgerLines(views: readonly RowView[]): string[] {
  const table = ledgerTable(views)
  if (table === null) return []
  const columns = table.heads.map(head => ({ group: '', head, isWords: false }))
  const cellsOf = new Map(table.rows.map(({ view, cells }) => [view, cells]))
  const rows = namedRows([...cellsOf.keys()], view => cellsOf.get(view)!)
  return textTable(rows, columns, WIDTH - INDENT.length)
}

/** Rows of one target stand below its name, so that the names leave room for figures. */
function namedRows(views: readonly RowView[], cells: (view: RowView) => readonly string[]): TextRow[] {
  return views.flatMap((view, index) => {
    const { target, label } = view.row
    const isSame = (other: RowView | undefined) => other?.row.target === target
    if (label === '' || !(isSame(views[index - 1]) || isSame(views[index + 1]))) {
      return [{ name: name(view.name), cells: cells(view) }]
    }
    const row = { name: INDENT + name(label), cells: cells(view) }
    return isSame(views[index - 1]) ? [row] : [{ name: name(target), cells: [] }, row]
  })
}

function entries(topic: string, all: readonly { readonly title: string; readonly text: string }[]): string[] {
  if (all.length === 0) return []
  const titles = all.map(({ title }) => name(title))
  const width = Math.max(...titles.map(title => title.length))
  const indent = INDENT.repeat(2)
  const lines = all.flatMap(({ text }, index) => {
    return wrapped(plain(text), WIDTH - indent.length - width - INDENT.length).map((line, part) => {
      return indent + (part === 0 ? titles[index]! : '').padEnd(width) + INDENT + line
    })
  })
  return [INDENT + topic, ...lines]
}

function indented(lines: readonly string[]): string[] {
  return lines.map(line => INDENT + line)
}

function name(text: string, width = NAME_WIDTH_MAX): string {
  return shortened(plain(text), width)
}

function plain(text: string): string {
  return printable(text, TEXT_LENGTH_MAX)
}
