/**
 * A table for a terminal: heads in two lines, groups above columns; names to the left, numbers to the right.
 * Wider than the terminal it shortens the names in their middle, as what tells rows apart stands at their ends; wider
 * still, the last columns stand below the first ones.
 */

export interface TextColumn {
  /** What stands above this column and its neighbours of the same group; may be empty. */
  readonly group: string
  readonly head: string
  readonly isWords: boolean
}

export interface TextRow {
  readonly name: string
  /** One a column; none at all for a name that heads the rows below it. */
  readonly cells: readonly string[]
}

const NAME_WIDTH_MIN = 12
const GAP = ' '
const GROUP_GAP = '  '

export function textTable(rows: readonly TextRow[], columns: readonly TextColumn[], widthMax: number): string[] {
  const widths = widthsOf(rows, columns)
  const fitting = fittingCount(columns, widths, widthMax - NAME_WIDTH_MIN)
  if (fitting === columns.length) return linesOf(rows, columns, widths, widthMax)
  const part = (from: number, to: number) => {
    const cut = rows.map(({ name, cells }) => ({ name, cells: cells.slice(from, to) }))
    return textTable(cut, columns.slice(from, to), widthMax)
  }
  return [...part(0, fitting), ...part(fitting, columns.length)]
}

function linesOf(
  rows: readonly TextRow[],
  columns: readonly TextColumn[],
  widths: readonly number[],
  widthMax: number,
): string[] {
  const gaps = gapsOf(columns)
  const rest = columns.reduce((sum, _, index) => sum + gaps[index]!.length + widths[index]!, 0)
  const nameWidth = Math.min(widthMax - rest, Math.max(0, ...rows.map(({ name }) => name.length)))
  const line = ({ name, cells }: TextRow) => {
    const aligned = cells.map((cell, index) => gaps[index]! + align(cell, widths[index]!, columns[index]!.isWords))
    return (shortened(name, nameWidth).padEnd(nameWidth) + aligned.join('')).trimEnd()
  }
  const groups = groupsOf(columns).map(({ first, last }) => {
    return gaps[first]! + columns[first]!.group.padStart(spanWidth(widths, first, last))
  })
  const heads = [
    (' '.repeat(nameWidth) + groups.join('')).trimEnd(),
    line({ name: '', cells: columns.map(({ head }) => head) }),
  ]
  return [...heads.filter(text => text !== ''), ...rows.map(line)]
}

/** How many columns stand beside each other, in whole groups and at least one of them; the others go below. */
function fittingCount(columns: readonly TextColumn[], widths: readonly number[], widthMax: number): number {
  const gaps = gapsOf(columns)
  let width = 0
  let count = 0
  for (const { first, last } of groupsOf(columns)) {
    width += gaps[first]!.length + spanWidth(widths, first, last)
    if (width > widthMax && count > 0) break
    count = last + 1
  }
  return count
}

function gapsOf(columns: readonly TextColumn[]): string[] {
  return columns.map(({ group }, index) => (group !== '' && group === columns[index - 1]?.group ? GAP : GROUP_GAP))
}

/** Neighbours of one group, as the indexes of its first and last column; a column without a group is one by itself. */
export function groupsOf(columns: readonly { readonly group: string }[]): { first: number; last: number }[] {
  const groups: { first: number; last: number }[] = []
  columns.forEach(({ group }, index) => {
    const before = groups.at(-1)
    if (before !== undefined && group !== '' && columns[before.last]!.group === group) before.last = index
    else groups.push({ first: index, last: index })
  })
  return groups
}

/** Breaks a text at its spaces; a word that is too long is broken too. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ').flatMap(word => pieces(word, width))) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** 'millrace po…0 idle' */
export function shortened(name: string, width: number): string {
  if (name.length <= width) return name
  const endLength = Math.floor((width - 1) / 2)
  return `${name.slice(0, width - 1 - endLength)}…${name.slice(name.length - endLength)}`
}

/** A group's head may be wider than its columns: the first of them takes the difference. */
function widthsOf(rows: readonly TextRow[], columns: readonly TextColumn[]): number[] {
  const widths = columns.map(({ head }, index) => {
    return Math.max(head.length, ...rows.map(({ cells }) => cells[index]?.length ?? 0))
  })
  for (const { first, last } of groupsOf(columns)) {
    const missing = columns[first]!.group.length - spanWidth(widths, first, last)
    if (missing > 0) widths[first]! += missing
  }
  return widths
}

function spanWidth(widths: readonly number[], first: number, last: number): number {
  const inside = widths.slice(first, last + 1)
  return inside.reduce((sum, width) => sum + width, 0) + GAP.length * (inside.length - 1)
}

function align(text: string, width: number, isWords: boolean): string {
  return isWords ? text.padEnd(width) : text.padStart(width)
}

function pieces(word: string, width: number): string[] {
  return word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)]
}
