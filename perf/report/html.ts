/**
 * A report as one HTML file that asks nobody for anything: no script, no address, pictures inline (a policy in the page
 * holds the browser to it). Texts of the report are escaped wherever they stand.
 */

import type { Report, VariantResult } from '#perf/result.ts'
import { costGroups, costText, machineText, madeAtText, runsText, type Topic, topicsOf } from './details.ts'
import { type Column, columnsFor, cpuPerMillion, headlineOf, type RowView, viewsOf } from './figures.ts'
import { NOTHING, percent, short, whole } from './format.ts'
import { ledgerTable } from './ledger-table.ts'
import { escaped } from './markup.ts'
import { PAGE_STYLE } from './page-style.ts'
import { groupsOf } from './text-table.ts'
import { variantPlots } from './variant-plots.ts'

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

export function reportHtml(report: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>Millrace performance, ${escaped(report.commit)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>Millrace performance</h1>
<p class="muted">Commit ${escaped(report.commit)}, ${escaped(madeAtText(report))}</p>
<p class="muted">${escaped(machineText(report))}</p>
${headline(report)}
${contents(report.variants)}
</header>
<main>
${costs(report)}
${report.variants.map(variantSection).join('\n')}
</main>
</body>
</html>
`
}

function headline(report: Report): string {
  const found = headlineOf(report)
  if (found === null) return ''
  const { run, name, floorRatio, faults } = found.view
  const held = run.isHeld ? 'all that was due' : `${percent(run.received / run.due)} of what was due`
  const cpu = floorRatio === null ? '' : `x${short(floorRatio)} the floor, a loop that only writes`
  const figures = [
    figure(whole(run.receivedPerSecond), 'updates/s delivered', held),
    figure(short(cpuPerMillion(run)), 'server CPU seconds per million delivered', cpu),
    run.latencyMs === null
      ? ''
      : figure(`${short(run.latencyMs.p99)} ms`, 'latency at p99', `half within ${short(run.latencyMs.p50)} ms`),
  ]
  const state =
    faults.length > 0 ? '<p class="warning"><strong>This run is void: see its faults below.</strong></p>' : ''
  return `<p>${escaped(found.variant.variant)}, ${escaped(name)}:</p>${state}<ul class="headline">${figures.join('')}</ul>`
}

function figure(value: string, name: string, note: string): string {
  return `<li><strong>${escaped(value)}</strong>${escaped(name)}<small>${escaped(note)}</small></li>`
}

function contents(variants: readonly VariantResult[]): string {
  if (variants.length < 2) return ''
  const links = variants.map(({ variant }, index) => `<li><a href="#v${index}">${escaped(variant)}</a></li>`)
  return `<nav aria-label="Variants"><ul>${links.join('')}</ul></nav>`
}

function costs(report: Report): string {
  if (report.costs.length === 0) return ''
  const rows = costGroups(report.costs).map(({ cost, parts }) => {
    const said = parts.map(({ name, cost: part }) => `${name} ${costText(part)}`).join(', ')
    const cells = [costText(cost), said].map(text => `<td>${escaped(text)}</td>`)
    return `<tr><th scope="row">${escaped(cost.name)}</th>${cells.join('')}</tr>`
  })
  return `<section aria-labelledby="costs"><h2 id="costs">What this machine can do</h2>
<p class="muted">Measured just before, with nothing else in the loop: the ceiling of all that follows.</p>
${scrolling('Costs', `<table class="costs"><tbody>${rows.join('')}</tbody></table>`)}</section>`
}

function variantSection(variant: VariantResult, index: number): string {
  const views = viewsOf(variant)
  const topics = topicsOf(views)
  const plots = variantPlots(variant, views, `v${index}`)
  const runs = views.length === 0 ? '' : ` <span class="muted">(${escaped(runsText(views))})</span>`
  return `<section id="v${index}" aria-labelledby="v${index}-name">
<h2 id="v${index}-name">${escaped(variant.variant)}</h2>
<p>${escaped(variant.about)}${runs}</p>
<pre tabindex="0"><code>${escaped(variant.command)}</code></pre>
${views.length === 0 ? '' : scrolling(`Figures of ${variant.variant}`, figuresTable(views))}
${topics
  .filter(({ isWarning }) => isWarning)
  .map(topicTable)
  .join('\n')}
${missing(variant)}
${grid(plots.main)}
${folded('Over the seconds of each median run', grid(plots.seconds), !plots.isSweep)}
${folded('Ledger, threads, queues, settings', details(views, topics), false)}
</section>`
}

function figuresTable(views: readonly RowView[]): string {
  const columns = columnsFor(views)
  const groups = groupsOf(columns)
  const isFirst = (index: number) => groups.some(({ first }) => first === index)
  const groupCells = groups.map(({ first, last }) => {
    return `<th class="first" scope="colgroup" colspan="${last - first + 1}">${escaped(columns[first]!.group)}</th>`
  })
  const heads = columns.map(({ head, about, isWords }, index) => {
    return `<th scope="col" class="${cellClass(isFirst(index), isWords)}" title="${escaped(about)}">${escaped(head)}</th>`
  })
  const rows = views.map(view => {
    const cells = columns.map((column, index) => cellMarkup(column, view, isFirst(index)))
    return `<tr><th scope="row">${escaped(view.name)}</th>${cells.join('')}</tr>`
  })
  return `<table><thead><tr><td></td>${groupCells.join('')}</tr><tr><td></td>${heads.join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`
}

function cellMarkup({ cell, isWords }: Column, view: RowView, isFirst: boolean): string {
  const text = cell(view) ?? (isWords ? '' : NOTHING)
  const warning = isWords && text !== '' ? ' warning' : ''
  return `<td class="${cellClass(isFirst, isWords)}${warning}">${escaped(text)}</td>`
}

function cellClass(isFirst: boolean, isWords: boolean): string {
  return `${isFirst ? 'first' : ''} ${isWords ? 'words' : ''}`.trim()
}

function missing({ variant, missing: all }: VariantResult): string {
  if (all.length === 0) return ''
  const rows = all.map(({ target, why }) => ({ name: target, text: why }))
  return saidTable(`Missing beside ${variant}`, 'missing', rows, false)
}

function topicTable({ name, entries, isWarning }: Topic): string {
  const rows = entries.map(({ view, text }) => ({ name: view.name, text }))
  return saidTable(name, name, rows, isWarning)
}

function details(views: readonly RowView[], topics: readonly Topic[]): string {
  const settings = views.filter(({ run }) => run.options !== '').map(({ name, run }) => ({ name, text: run.options }))
  return [
    ledger(views),
    ...topics.filter(({ isWarning }) => !isWarning).map(topicTable),
    settings.length === 0 ? '' : saidTable('Settings', 'settings', settings, false),
  ].join('\n')
}

function ledger(views: readonly RowView[]): string {
  const table = ledgerTable(views)
  if (table === null) return ''
  const heads = table.heads.map(head => `<th scope="col">${escaped(head)}</th>`)
  const rows = table.rows.map(({ view, cells }) => {
    return `<tr><th scope="row">${escaped(view.name)}</th>${cells.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`
  })
  return scrolling(
    'Ledger',
    `<table><caption>ledger</caption><thead><tr><td></td>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`,
  )
}

interface Said {
  readonly name: string
  readonly text: string
}

function saidTable(label: string, caption: string, all: readonly Said[], isWarning: boolean): string {
  const rows = all.map(({ name, text }) => {
    return `<tr><th scope="row">${escaped(name)}</th><td>${escaped(text)}</td></tr>`
  })
  const style = isWarning ? ' class="warning"' : ''
  return scrolling(
    label,
    `<table class="said"><caption${style}>${escaped(caption)}</caption><tbody>${rows.join('')}</tbody></table>`,
  )
}

/** Reached by the keyboard, so that it can be scrolled by it. */
function scrolling(label: string, table: string): string {
  return `<div class="scroll" role="region" tabindex="0" aria-label="${escaped(label)}">${table}</div>`
}

function grid(plots: readonly string[]): string {
  return plots.length === 0 ? '' : `<div class="plots">${plots.join('\n')}</div>`
}

function folded(name: string, content: string, isOpen: boolean): string {
  if (content.trim() === '') return ''
  return `<details${isOpen ? ' open' : ''}><summary>${escaped(name)}</summary>${content}</details>`
}
