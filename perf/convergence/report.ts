/** The tables of the convergence run in text: who received what, who resumed how, and what the server counted. */

import { sumOf } from '#perf/measure/exposition.ts'
import { TRANSPORTS } from '#test/support/session-stream.ts'
import type { Claim, Outcome } from './claims.ts'
import { type ConvergenceClient, RECOVERED } from './client.ts'
import { MODES, PACES } from './plan.ts'

const NAME_LENGTH = 16
const COUNTED = [
  'sessions',
  'sessions_unbound',
  'sessions_opened_total',
  'sessions_recovered_total',
  'sessions_restarted_total',
  'sessions_unknown_total',
  'connections_total',
  'connections_refused_total',
  'connections_stalled_total',
  'requests_total',
  'updates_recalled_total',
  'updates_refused_total',
] as const

export function reportText({ clients, feed, samples, metrics, own }: Outcome): string {
  const rate = Math.round(feed.lines / feed.seconds)
  const counted = COUNTED.map(name => `${name.replace('_total', '')} ${sumOf(metrics, `millrace_${name}`)}`)
  const busy = clients.reduce((sum, { busyAnswers }) => sum + busyAnswers, 0)
  return [
    `feed: ${feed.loops} loops, ${feed.lines} lines in ${feed.seconds.toFixed(1)} s, ${rate} lines/s`,
    ...received(clients),
    ...outcomes(clients),
    ...pairs(clients),
    `the server: ${counted.join(', ')}; ${busy} requests of clients were answered 503`,
    `the clients' thread: ${(own.utilisation * 100).toFixed(0)} % busy, its turns late by ${own.delayMsP50.toFixed(0)} ms (p50), ${own.delayMsP99.toFixed(0)} (p99)`,
    samples.plot(),
  ].join('\n')
}

export function claimText(claim: Claim, isSmall: boolean): string {
  const isClaimed = !(claim.isOfFull && isSmall)
  const word = claim.isHeld ? 'holds ' : isClaimed ? 'FAILS ' : 'no    '
  return `${word} ${claim.name}: ${claim.figures}${isClaimed ? '' : ' (not claimed)'}`
}

/** By pace and mode, where there are clients of it. */
function groups(clients: readonly ConvergenceClient[]): { name: string; some: readonly ConvergenceClient[] }[] {
  return PACES.flatMap(pace =>
    MODES.map(mode => ({
      name: `${pace} ${mode}`,
      some: clients.filter(({ plan }) => plan.pace === pace && plan.mode === mode),
    })),
  ).filter(({ some }) => some.length > 0)
}

function received(clients: readonly ConvergenceClient[]): string[] {
  const rows = groups(clients).map(({ name, some }) => {
    const sum = (of: (client: ConvergenceClient) => number) => some.reduce((all, client) => all + of(client), 0)
    const records = sum(({ knowledge }) => knowledge.tally.records)
    const missed = sum(({ knowledge }) => knowledge.tally.conflated + knowledge.tally.lost)
    const leastBytes = some.reduce((least, { bytes }) => Math.min(least, bytes), Number.POSITIVE_INFINITY)
    return [
      name,
      String(some.length),
      String(Math.round(records / some.length)),
      (leastBytes / 1e6).toFixed(2),
      `${((missed / Math.max(1, missed + records)) * 100).toFixed(1)} %`,
    ]
  })
  return table([['clients', 'count', 'records each', 'MB each (least)', 'conflated or lost'], ...rows])
}

/** How sessions were resumed, by who resumed. */
function outcomes(clients: readonly ConvergenceClient[]): string[] {
  const names = [
    ...new Set([RECOVERED, ...clients.flatMap(({ resumptions }) => resumptions.map(({ outcome }) => outcome))]),
  ]
  const rows = groups(clients).flatMap(({ name, some }) => {
    const cuts = some.reduce((sum, client) => sum + client.cuts, 0)
    const all = some.flatMap(client => client.resumptions)
    const counts = names.map(each => String(all.filter(({ outcome }) => outcome === each).length))
    return cuts + all.length === 0 ? [] : [[name, String(cuts), ...counts]]
  })
  return table([['resumptions', 'cuts', ...names], ...rows])
}

/** Recovered of all that were told, from each transport on each. */
function pairs(clients: readonly ConvergenceClient[]): string[] {
  const told = clients
    .flatMap(client => client.resumptions)
    .filter(({ outcome }) => outcome === RECOVERED || /^[A-Z_]+$/.test(outcome))
  const rows = TRANSPORTS.map(from => [
    `from ${from}`,
    ...TRANSPORTS.map(to => {
      const some = told.filter(each => each.from === from && each.to === to)
      return `${some.filter(({ outcome }) => outcome === RECOVERED).length} of ${some.length}`
    }),
  ])
  return table([['recovered', ...TRANSPORTS.map(to => `on ${to}`)], ...rows])
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((name, column) => (column === 0 ? NAME_LENGTH : Math.max(name.length, 12) + 2))
  return rows.map(row =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(''),
  )
}
