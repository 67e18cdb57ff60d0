/**
 * What the convergence run claims, each with the figures that it rests on. A claim is judged by what the clients know and by
 * what the server counts at /metrics; none is left out because it does not hold.
 */

import { type MetricSample, sumOf } from '#perf/measure/exposition.ts'
import { type ConvergenceClient, RECOVERED, REFUSED, type Resumption, UNTOLD } from './client.ts'
import type { FeedResult } from './feed.ts'
import type { Samples } from './memory.ts'
import type { Mode, Pace } from './plan.ts'
import type { Recorded } from './recorded.ts'
import type { Finding } from './tally.ts'
import { accountClaims } from './trade-claims.ts'

export interface Claim {
  readonly name: string
  readonly isHeld: boolean
  readonly figures: string
  /** Only the full run lasts long enough to show it. */
  readonly isOfFull: boolean
}

export interface Outcome {
  readonly clients: readonly ConvergenceClient[]
  readonly feed: FeedResult
  readonly samples: Samples
  readonly recorded: Recorded
  /** Everybody had the truth before the patience ended. */
  readonly isQuiet: boolean
  readonly metrics: readonly MetricSample[]
  /** Of the thread of all clients: how much it is busy, and how late its own loop is, which every age holds too. */
  readonly own: { readonly utilisation: number; readonly delayMsP50: number; readonly delayMsP99: number }
  /** That each fast client is to have received. */
  readonly megabytes: number
}

const FRESH_AGE_MS_MAX = 1_000
const MEMORY_BYTES_MAX = 5e6
const TRANSPORT_PAIRS = 16

/** Whether it has what the recording, played so many times, ends with. */
export function isConverged({ knowledge }: ConvergenceClient, loops: number): boolean {
  return knowledge.judge.isAtTruth(loops)
}

export function ledgerOf(metrics: readonly MetricSample[]): { readonly isBalanced: boolean; readonly text: string } {
  const of = (name: string) => sumOf(metrics, `millrace_updates_${name}`)
  const [published, recalled] = [of('published_total'), of('recalled_total')]
  const parts = ['delivered_total', 'conflated_total', 'dropped_total', 'lost_total', 'waiting'] as const
  const counts = parts.map(name => [name.replace('_total', ''), of(name)] as const)
  const total = counts.reduce((all, [, count]) => all + count, 0)
  const outcomes = counts.map(([name, count]) => `${name} ${count}`).join(' + ')
  return {
    // What was handed over and had to be sent once more is published once more.
    isBalanced: published + recalled === total && published > 0,
    text: `published ${published} + recalled ${recalled} = ${outcomes}`,
  }
}

export function claimsOf(outcome: Outcome): Claim[] {
  return [
    ...stateClaims(outcome),
    ...recordClaims(outcome),
    ...conflationClaims(outcome),
    ...breakClaims(outcome),
    ...fullClaims(outcome),
  ]
}

function claim(name: string, isHeld: boolean, figures: string): Claim {
  return { name, isHeld, figures, isOfFull: false }
}

function ofFull(name: string, isHeld: boolean, figures: string): Claim {
  return { name, isHeld, figures, isOfFull: true }
}

function stateClaims({ clients, isQuiet, feed, metrics }: Outcome): Claim[] {
  const wrong = clients.filter(client => !isConverged(client, feed.loops))
  const ended = clients.flatMap(client => client.ended ?? [])
  const open = clients.filter(client => client.isOpen)
  const { isBalanced, text } = ledgerOf(metrics)
  return [
    claim(
      'every final state is the truth',
      wrong.length === 0 && isQuiet,
      `${wrong.length} of ${clients.length} differ${wrong.length === 0 ? '' : `: ${wrong.map(({ plan }) => plan.index)}`}`,
    ),
    claim(
      'all streams stayed open, but for those that their clients cut',
      ended.length === 0 && open.length === clients.length,
      ended[0] ?? `${open.length} open`,
    ),
    claim(
      'every line is acknowledged, none refused',
      feed.lines === feed.acknowledged && feed.errors === 0,
      `${feed.acknowledged} of ${feed.lines}, ${feed.errors} errors`,
    ),
    claim('the ledger adds up', isBalanced, text),
  ]
}

function recordClaims(outcome: Outcome): Claim[] {
  const { clients } = outcome
  const found = (kind: Finding) => clients.flatMap(({ knowledge }) => knowledge.tally.findings.get(kind) ?? [])
  const duplicates = clients.reduce((sum, { knowledge }) => sum + knowledge.tally.duplicates, 0)
  const [order, state, raw, distinct] = [found('order'), found('state'), found('raw'), found('distinct')]
  const [table, duplicate] = [found('table'), found('duplicate')]
  const records = clients.reduce((sum, { knowledge }) => sum + knowledge.tally.records, 0)
  return [
    claim('records are in order and begin with snapshots', order.length === 0, order[0] ?? 'no problem'),
    claim(
      'at each seq an item, or a row of it, has what the recording gives it there',
      state.length === 0,
      state[0] ?? `${records} records`,
    ),
    claim(
      'raw: every update comes once, in order, with its fields, or is told as lost',
      raw.length === 0,
      raw[0] ?? countText(clients, 'raw'),
    ),
    claim(
      'distinct: every update comes once, in order, with its fields, or is told as lost',
      distinct.length === 0,
      distinct[0] ?? countText(clients, 'distinct'),
    ),
    ...accountClaims(outcome).map(({ name, isHeld, figures }) => claim(name, isHeld, figures)),
    claim(
      'command: tables begin and end their snapshots, and only rows that are known are changed',
      table.length === 0,
      table[0] ?? countText(clients, 'command'),
    ),
    claim(
      'nothing comes again on a stream that was recovered',
      duplicate.length === 0,
      duplicate[0] ?? `${duplicates} duplicates behind ${recoveredCount(clients)} recoveries`,
    ),
  ]
}

function conflationClaims({ clients }: Outcome): Claim[] {
  const late = clients.filter(({ plan }) => plan.pace !== 'fast')
  const of = (mode: Mode) => late.filter(({ plan }) => plan.mode === mode)
  const gaps = (mode: Mode) => of(mode).map(({ knowledge }) => knowledge.tally.conflated)
  const [merging, tables] = [gaps('merge'), gaps('command')]
  const [raw, distinct] = [of('raw').map(lossesOf), of('distinct').map(lossesOf)]
  const all = (counts: readonly number[]) => counts.every(count => count > 0)
  return [
    claim(
      'every slow and stalled client that merges tells of conflation',
      all(merging),
      `least gap sum ${least(merging)}`,
    ),
    claim(
      'every slow and stalled client that reads tables tells of conflation',
      all(tables),
      `least gap sum ${least(tables)}`,
    ),
    ofFull(
      'every slow and stalled client that reads raw tells of loss, or begins anew',
      all(raw),
      `least sum ${least(raw)}`,
    ),
    ofFull(
      'every slow and stalled client that reads distinct tells of loss, or begins anew',
      all(distinct),
      `least sum ${least(distinct)}`,
    ),
  ]
}

/** Updates that were told as lost, and times that the logs did not reach back to where the client stood. */
function lossesOf({ knowledge, resumptions }: ConvergenceClient): number {
  return knowledge.tally.lost + resumptions.filter(({ outcome }) => outcome === 'POSITION_TOO_OLD').length
}

function countText(clients: readonly ConvergenceClient[], mode: Mode): string {
  const tallies = clients.filter(({ plan }) => plan.mode === mode).map(({ knowledge }) => knowledge.tally)
  const records = tallies.reduce((sum, tally) => sum + tally.records, 0)
  if (mode === 'command') return `${records} rows came`
  return `${records} updates came, ${tallies.reduce((sum, tally) => sum + tally.lost, 0)} told as lost`
}

function recoveredCount(clients: readonly ConvergenceClient[]): number {
  return clients.flatMap(client => client.resumptions).filter(({ outcome }) => outcome === RECOVERED).length
}

/** Why a session may begin anew; none of this run is away so long that the server may forget it. */
const REASONS = ['POSITION_TOO_OLD', 'POSITION_UNKNOWN']

function breakClaims({ clients }: Outcome): Claim[] {
  const all = clients.flatMap(client => client.resumptions)
  const recovered = all.filter(({ outcome }) => outcome === RECOVERED)
  const anew = all.filter(({ outcome }) => REASONS.includes(outcome))
  const told = recovered.length + anew.length
  const breaking = clients.filter(({ plan }) => plan.isBreaking)
  const cuts = breaking.map(client => client.cuts)
  const within = breaking.reduce((sum, { cutsWithin }) => sum + cutsWithin, 0)
  const unfounded = clients.filter(client => client.resumptions.some(isUnfounded))
  const pairs = new Set(recovered.map(({ from, to }) => `${from} ${to}`))
  const sum = cuts.reduce((a, b) => a + b, 0)
  return [
    claim(
      'every client that breaks was cut, many within a flush',
      cuts.every(count => count > 0) && within > 0,
      `${breaking.length} clients, ${sum} cuts, each ${least(cuts)} at least; ${within} within a flush`,
    ),
    claim(
      'most resumptions are recovered, the others say why and begin anew',
      recovered.length > told / 2 && all.every(({ outcome }) => isKnown(outcome)),
      `${recovered.length} of ${told} that were told`,
    ),
    claim(
      'no position that a client has handled is said never to have been sent',
      unfounded.length === 0,
      unfounded.length === 0 ? 'none was' : `clients ${unfounded.map(({ plan }) => plan.index)}`,
    ),
    ofFull(
      'sessions were recovered from each transport on each',
      pairs.size === TRANSPORT_PAIRS,
      `${pairs.size} of ${TRANSPORT_PAIRS} pairs`,
    ),
  ]
}

/** A session that began anew has given up its positions of before; its client may have been cut before it was told. */
function isUnfounded({ outcome }: Resumption, index: number, all: readonly Resumption[]): boolean {
  return outcome === 'POSITION_UNKNOWN' && all[index - 1]?.outcome !== UNTOLD
}

/** A refusal is a busy server's: any other has ended the stream, which is a claim of its own. */
function isKnown(outcome: string): boolean {
  return [RECOVERED, REFUSED, UNTOLD, ...REASONS].includes(outcome)
}

function fullClaims({ clients, samples, megabytes }: Outcome): Claim[] {
  const of = (pace: Pace) => clients.filter(({ plan }) => plan.pace === pace)
  const leastMegabytes = least(of('fast').map(({ bytes }) => bytes)) / 1e6
  const ages = (name: 'firstReadAgeMs' | 'firstFreshAgeMs') => of('stalled').map(client => client[name])
  const fresh = ages('firstFreshAgeMs')
  const { firstMedian, secondMedian, excluded } = samples.halves()
  return [
    ofFull(
      `each fast client received ${megabytes} MB`,
      leastMegabytes >= megabytes,
      `least ${leastMegabytes.toFixed(2)} MB`,
    ),
    ofFull(
      'a value sent after the stall is read within 1 s',
      fresh.every(age => age !== null && age < FRESH_AGE_MS_MAX),
      `ages ${fresh.join(', ')} ms (the first read at all: ${ages('firstReadAgeMs').join(', ')} ms)`,
    ),
    ofFull(
      'memory: the median of the second half is at most 5 MB above that of the first',
      secondMedian - firstMedian <= MEMORY_BYTES_MAX,
      `${(firstMedian / 1e6).toFixed(1)} MB, ${(secondMedian / 1e6).toFixed(1)} MB (${excluded} samples of warm-up left out)`,
    ),
  ]
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
}
