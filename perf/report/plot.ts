/**
 * Two kinds of pictures as inline SVG: bars below each other, and lines over two axes. Colours and fonts are the
 * page's, by class (page-style.ts); every coordinate is a finite number within the picture. A picture has a title and a
 * description that says in words what it shows.
 */

import type { Axis } from './axis.ts'
import { digits, escaped } from './markup.ts'

export interface Bar {
  readonly name: string
  /** The class of its colour. */
  readonly style: string
  readonly value: number
  /** The ends of a whisker, or null. */
  readonly range: { readonly min: number; readonly max: number } | null
  /** The value in words, at the end of the bar's name. */
  readonly text: string
}

export interface BarPlot {
  /** Unique in the page. */
  readonly id: string
  readonly title: string
  readonly bars: readonly Bar[]
  /** A line across all bars. */
  readonly mark: { readonly name: string; readonly value: number } | null
  readonly axis: Axis
}

export interface Series {
  readonly name: string
  readonly style: string
  /** By rising x; where y is null the line has a gap. */
  readonly points: readonly { readonly x: number; readonly y: number | null }[]
}

export interface LinePlot {
  readonly id: string
  readonly title: string
  readonly series: readonly Series[]
  readonly x: Axis
  readonly y: Axis
  /** A value in words, for the description. */
  readonly format: (value: number) => string
}

const WIDTH = 400
const TEXT_HEIGHT = 16

const BAR_LEFT = 2
const BAR_RIGHT = WIDTH - 14
const BAR_STEP = 34
const BAR_HEIGHT = 12

const LINE_HEIGHT = 250
const LEFT = 48
const RIGHT = WIDTH - 16
const TOP = 26
const BOTTOM = LINE_HEIGHT - 38
/** Lines with more points show none. */
const DOTS_MAX = 12
/** Lines with more points are described by their ends. */
const POINTS_TOLD_MAX = 8

export function barPlot({ id, title, bars, mark, axis }: BarPlot): string {
  const xOf = (value: number) => BAR_LEFT + axis.at(value) * (BAR_RIGHT - BAR_LEFT)
  const bottom = TEXT_HEIGHT + bars.length * BAR_STEP
  const grid = axis.ticks.map(({ value, text }) => {
    return (
      line('grid', xOf(value), TEXT_HEIGHT, xOf(value), bottom) + label('tick', xOf(value), bottom + 14, text, value)
    )
  })
  const markName = mark === null ? '' : label('tick', xOf(mark.value), TEXT_HEIGHT - 5, mark.name, mark.value)
  // Only across the bars: it would cross out their names.
  const markLines = bars.map((_, index) => {
    const y = TEXT_HEIGHT + index * BAR_STEP + TEXT_HEIGHT
    return mark === null ? '' : line('mark', xOf(mark.value), y, xOf(mark.value), y + BAR_HEIGHT + 4)
  })
  const body = [
    ...grid,
    ...bars.map((bar, index) => barMarkup(bar, TEXT_HEIGHT + index * BAR_STEP, xOf)),
    ...markLines,
    markName,
  ]
  const told = bars.map(({ name, text }) => `${name}: ${text}`)
  if (mark !== null) told.push(`line: ${mark.name}`)
  const axisName = text('axis end', BAR_RIGHT, bottom + 30, axis.name)
  return picture(id, title, told, bottom + 36, [...body, axisName])

  /** Ticks at the ends of the axis stay inside the picture. */
  function label(style: string, x: number, y: number, words: string, value: number): string {
    const anchor = axis.at(value) < 0.1 ? 'start' : axis.at(value) > 0.9 ? 'end' : 'middle'
    return text(`${style} ${anchor}`, x, y, words)
  }
}

function barMarkup(
  { name, style, value, range, text: words }: Bar,
  top: number,
  xOf: (value: number) => number,
): string {
  const y = top + TEXT_HEIGHT + 2
  const middle = y + BAR_HEIGHT / 2
  const width = Math.max(1, xOf(value) - BAR_LEFT)
  const whisker = range === null ? '' : line('whisker', xOf(range.min), middle, xOf(range.max), middle)
  return [
    text('name', BAR_LEFT, top + 13, name),
    text('value end', BAR_RIGHT, top + 13, words),
    `<rect class="bar ${style}" x="${BAR_LEFT}" y="${digits(y)}" width="${digits(width)}" height="${BAR_HEIGHT}" rx="2"/>`,
    whisker,
  ].join('')
}

export function linePlot({ id, title, series, x, y, format }: LinePlot): string {
  const xOf = (value: number) => LEFT + x.at(value) * (RIGHT - LEFT)
  const yOf = (value: number) => BOTTOM - y.at(value) * (BOTTOM - TOP)
  const rows = y.ticks.map(({ value, text: words }) => {
    return line('grid', LEFT, yOf(value), RIGHT, yOf(value)) + text('tick end', LEFT - 6, yOf(value) + 4, words)
  })
  const columns = x.ticks.map(({ value, text: words }) => {
    return line('grid', xOf(value), TOP, xOf(value), BOTTOM) + text('tick middle', xOf(value), BOTTOM + 16, words)
  })
  const names = [text('axis', 2, 12, y.name), text('axis end', RIGHT, LINE_HEIGHT - 4, x.name)]
  const lines = series.map(one => seriesMarkup(one, xOf, yOf))
  const told = series.map(one => `${one.name}: ${pointsTold(one, x, format)}`)
  return picture(id, title, told, LINE_HEIGHT, [...rows, ...columns, ...names, ...lines])
}

function seriesMarkup({ style, points }: Series, xOf: (x: number) => number, yOf: (y: number) => number): string {
  let path = ''
  let isDrawing = false
  for (const { x, y } of points) {
    if (y !== null) path += `${isDrawing ? 'L' : 'M'}${digits(xOf(x))} ${digits(yOf(y))}`
    isDrawing = y !== null
  }
  const dots = points.flatMap(({ x, y }) =>
    y === null ? [] : [`<circle cx="${digits(xOf(x))}" cy="${digits(yOf(y))}" r="3"/>`],
  )
  const isDotted = points.length <= DOTS_MAX
  return `<g class="${style}"><path class="line" d="${path}"/>${isDotted ? dots.join('') : ''}</g>`
}

/** What a line shows, in the words of its axes. */
function pointsTold({ points }: Series, x: Axis, format: (value: number) => string): string {
  const told = points.filter((point): point is { x: number; y: number } => point.y !== null)
  if (told.length === 0) return 'nothing'
  if (told.length > POINTS_TOLD_MAX) {
    const values = told.map(({ y }) => y)
    return `${told.length} points from ${format(Math.min(...values))} to ${format(Math.max(...values))}`
  }
  const tickText = (value: number) => x.ticks.find(tick => tick.value === value)?.text ?? String(value)
  return told.map(({ x: at, y }) => `${tickText(at)} ${format(y)}`).join(', ')
}

function picture(id: string, title: string, told: readonly string[], height: number, body: readonly string[]): string {
  return [
    `<svg role="img" aria-labelledby="${id}-title" aria-describedby="${id}-desc" viewBox="0 0 ${WIDTH} ${digits(height)}">`,
    `<title id="${id}-title">${escaped(title)}</title>`,
    `<desc id="${id}-desc">${escaped(told.join('; '))}</desc>`,
    ...body,
    '</svg>',
  ].join('')
}

function line(style: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${style}" x1="${digits(x1)}" y1="${digits(y1)}" x2="${digits(x2)}" y2="${digits(y2)}"/>`
}

function text(style: string, x: number, y: number, words: string): string {
  return `<text class="${style}" x="${digits(x)}" y="${digits(y)}">${escaped(words)}</text>`
}
