/**
 * Which pictures a variant gets: the cost of each row against the floor, latency by quantile, the setting that was
 * turned up against what came of it, and the seconds of the median runs. A picture that would show nothing, such as one
 * bar or one second, is not drawn. A row has the same colour in all of them.
 */

import { medianRun, type Sample, type VariantResult } from '#perf/result.ts'
import { type Axis, axisFor, linearAxis, quantileAxis } from './axis.ts'
import { cpuPerMillion, FLOOR, type RowView } from './figures.ts'
import { isNumber, percent, round, short } from './format.ts'
import { escaped } from './markup.ts'
import { type Bar, barPlot, linePlot, type Series } from './plot.ts'
import { sweepOf } from './sweep.ts'

export interface VariantPlots {
  readonly main: readonly string[]
  readonly seconds: readonly string[]
  readonly isSweep: boolean
}

const COLOURS = 8
const DASHES = 4
const MIB = 2 ** 20

export function variantPlots(variant: VariantResult, views: readonly RowView[], id: string): VariantPlots {
  const styles = new Map(views.map((view, index) => [view, styleOf(view.row.target, index)]))
  const sweep = sweepPlots(views, id)
  const main = [...sweep, costPlot(variant, views, styles, id), latencyPlot(views, styles, id)]
  return {
    main: main.filter(isDrawn),
    seconds: secondsPlots(views, styles, id).filter(isDrawn),
    isSweep: sweep.some(isDrawn),
  }
}

function styleOf(target: string, index: number): string {
  return target === FLOOR ? 'floor' : `c${index % COLOURS} d${Math.floor(index / COLOURS) % DASHES}`
}

type Styles = ReadonlyMap<RowView, string>

function costPlot(variant: VariantResult, views: readonly RowView[], styles: Styles, id: string): string {
  const shown = views.filter(({ run }) => isNumber(cpuPerMillion(run)))
  if (shown.length < 2) return ''
  const floors = variant.rows.filter(({ target }) => target === FLOOR)
  const floor = floors.length === 1 ? cpuPerMillion(medianRun(floors[0]!)) : null
  const values = shown.flatMap(({ run, cpuRange }) => [run.serverCpuSecondsPerMillion, cpuRange?.max ?? 0])
  const hasRatios = shown.some(({ floorRatio }) => floorRatio !== null)
  const title = `server CPU seconds per million updates${hasRatios ? ', times the floor' : ''}`
  const picture = barPlot({
    id: `${id}-cost`,
    title: `${variant.variant}: ${title}`,
    bars: shown.map(view => barOf(view, styles.get(view)!)),
    mark: isNumber(floor) ? { name: `floor ${short(floor)}`, value: floor } : null,
    axis: linearAxis('CPU seconds per million', Math.max(...values.filter(isNumber)), round),
  })
  return figure(title, picture, [])
}

function barOf({ name, run, cpuRange, floorRatio }: RowView, style: string): Bar {
  const value = run.serverCpuSecondsPerMillion
  const ratio = floorRatio === null ? '' : `, x${short(floorRatio)}`
  return { name, style, value, range: cpuRange, text: short(value) + ratio }
}

function latencyPlot(views: readonly RowView[], styles: Styles, id: string): string {
  const series = views.flatMap(view => {
    const { latencyMs } = view.run
    if (latencyMs === null) return []
    const { p50, p90, p99, p999 } = latencyMs
    const points = [
      { x: 0.5, y: p50 },
      { x: 0.9, y: p90 },
      { x: 0.99, y: p99 },
      { x: 0.999, y: p999 },
    ]
    return [{ name: view.name, style: styles.get(view)!, points }]
  })
  const scale = { name: 'latency', unit: 'ms', format: short, tick: round }
  return lineFigure(`${id}-latency`, scale.name, scale, series, quantileAxis())
}

interface Measure {
  readonly name: string
  readonly unit: string
  readonly of: (view: RowView) => number | null | undefined
  readonly format: (value: number) => string
  /** On the axis. */
  readonly tick: (value: number) => string
}

const SWEPT: readonly Measure[] = [
  { name: 'updates received', unit: 'updates/s', of: ({ run }) => run.receivedPerSecond, format: short, tick: round },
  {
    name: 'server CPU an update',
    unit: 's per million',
    of: ({ run }) => cpuPerMillion(run),
    format: short,
    tick: round,
  },
  { name: 'server CPU', unit: '% of a core', of: ({ run }) => run.serverCpuShare, format: percent, tick: percent },
  { name: 'latency p99', unit: 'ms', of: ({ run }) => run.latencyMs?.p99, format: short, tick: round },
  { name: 'age p99', unit: 'ms', of: ({ run }) => run.ageMs?.p99, format: short, tick: round },
  { name: 'resident memory', unit: 'MiB', of: ({ run }) => run.residentBytes.max / MIB, format: short, tick: round },
]

function sweepPlots(views: readonly RowView[], id: string): string[] {
  const sweep = sweepOf(views)
  if (sweep === null) return []
  const xs = sweep.lines.flatMap(({ points }) => points.map(({ x }) => x))
  const axis = axisFor(sweep.name, xs, round)
  return SWEPT.map(({ of, ...measure }, index) => {
    const series = sweep.lines.map((line, number) => ({
      name: line.name,
      style: styleOf(line.points[0]!.view.row.target, number),
      points: line.points.map(({ x, view }) => ({ x, y: drawable(of(view)) })),
    }))
    return lineFigure(`${id}-sweep-${index}`, `${measure.name} by ${sweep.name}`, measure, series, axis)
  })
}

const SECONDS: readonly (Omit<Measure, 'of'> & { readonly of: (sample: Sample) => number | null })[] = [
  { name: 'updates delivered', unit: 'updates/s', of: ({ delivered }) => delivered, format: short, tick: round },
  { name: 'latency p99', unit: 'ms', of: ({ p99Ms }) => p99Ms, format: short, tick: round },
  { name: 'server CPU', unit: '% of a core', of: ({ cpuShare }) => cpuShare, format: percent, tick: percent },
  { name: 'resident memory', unit: 'MiB', of: ({ residentBytes }) => residentBytes / MIB, format: short, tick: round },
]

function secondsPlots(views: readonly RowView[], styles: Styles, id: string): string[] {
  const shown = views.filter(({ run }) => run.samples.length > 1)
  const last = Math.max(1, ...shown.flatMap(({ run }) => run.samples.map(({ second }) => second)))
  const axis = linearAxis('seconds', last, String)
  return SECONDS.map(({ of, ...measure }, index) => {
    const series = shown.map(view => ({
      name: view.name,
      style: styles.get(view)!,
      points: view.run.samples.map(sample => ({ x: sample.second, y: drawable(of(sample)) })),
    }))
    return lineFigure(`${id}-seconds-${index}`, `${measure.name} over the run`, measure, series, axis)
  })
}

function lineFigure(id: string, title: string, scale: Omit<Measure, 'of'>, series: readonly Series[], x: Axis): string {
  const { unit, format, tick } = scale
  const values = series.flatMap(({ points }) => points.map(({ y }) => y)).filter(isNumber)
  if (values.length === 0) return ''
  const y = axisFor(unit, values, tick)
  return figure(title, linePlot({ id, title: `${title}, ${unit}`, series, x, y, format }), series)
}

/** The legend is text of the page, so that it wraps where the page is narrow. */
function figure(title: string, picture: string, legend: readonly Series[]): string {
  const entries = legend.map(({ name, style }) => {
    const swatch = `<svg class="swatch ${style}" aria-hidden="true" viewBox="0 0 28 8"><path class="line" d="M0 4H28"/></svg>`
    return `<li>${swatch}${escaped(name)}</li>`
  })
  const list = entries.length === 0 ? '' : `<ul class="legend">${entries.join('')}</ul>`
  return `<figure><figcaption>${escaped(title)}</figcaption>${picture}${list}</figure>`
}

function drawable(value: number | null | undefined): number | null {
  return isNumber(value) ? value : null
}

function isDrawn(picture: string): boolean {
  return picture !== ''
}
