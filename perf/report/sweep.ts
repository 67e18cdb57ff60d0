/**
 * Rows that are one setting turned up: '0 idle', '1,000 idle', '6,000 idle'. What was turned is the extra figure whose
 * number stands in the label; rows are of one line when target and the rest of the label are the same.
 */

import type { RowView } from './figures.ts'

export interface Sweep {
  /** The extra that was turned: 'idle connections'. */
  readonly name: string
  readonly lines: readonly SweepLine[]
}

export interface SweepLine {
  readonly name: string
  /** By rising x. */
  readonly points: readonly { readonly x: number; readonly view: RowView }[]
}

const POINTS_MIN = 3
const NUMBER = /\d[\d,]*(?:\.\d+)?/g
const FACTORS: Readonly<Record<string, number>> = { k: 1e3, M: 1e6 }

/** Null when no line of at least three rows is found; of several figures the one with the most rows on lines. */
export function sweepOf(views: readonly RowView[]): Sweep | null {
  const names = [...new Set(views.flatMap(({ run }) => Object.keys(run.extra)))]
  const sweeps = names.map(name => ({ name, lines: linesOf(views, name) }))
  const size = ({ lines }: Sweep) => lines.reduce((sum, { points }) => sum + points.length, 0)
  const best = sweeps.reduce<Sweep | null>((a, b) => (a !== null && size(a) >= size(b) ? a : b), null)
  return best === null || size(best) === 0 ? null : best
}

function linesOf(views: readonly RowView[], extra: string): SweepLine[] {
  const lines = new Map<string, { x: number; view: RowView }[]>()
  for (const view of views) {
    const x = view.run.extra[extra]
    const rest = x === undefined ? null : labelWithout(view.row.label, x)
    if (x === undefined || rest === null) continue
    const name = `${view.row.target} ${rest}`.trim()
    lines.set(name, [...(lines.get(name) ?? []), { x, view }])
  }
  return [...lines]
    .map(([name, points]) => ({ name, points: points.sort((a, b) => a.x - b.x) }))
    .filter(({ points }) => new Set(points.map(({ x }) => x)).size >= POINTS_MIN)
}

/** The label without the number, or null when it is not in it: '4,000', '4000' and '4k' are the same. */
function labelWithout(label: string, value: number): string | null {
  for (const { 0: text, index } of label.matchAll(NUMBER)) {
    const number = Number(text.replaceAll(',', ''))
    const end = index + text.length
    const factor = FACTORS[label[end] ?? '']
    if (number === value) return joined(label.slice(0, index), label.slice(end))
    if (factor !== undefined && number * factor === value) return joined(label.slice(0, index), label.slice(end + 1))
  }
  return null
}

function joined(before: string, after: string): string {
  return `${before.trim()} ${after.trim()}`.replace(/,$/, '').trim()
}
