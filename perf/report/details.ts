/**
 * What rows have to say beside their figures, topic by topic so that rows can be compared: how busy threads were, how
 * deep queues, what only this variant measures. What is nothing is not said: a queue that stayed empty, a thread that
 * never waited for a core.
 */

import type { Cost, QueueUse, Report, Run } from '#perf/result.ts'
import type { RowView } from './figures.ts'
import { isNumber, mebibytes, percent, plainNumber, short, whole } from './format.ts'

export interface Topic {
  readonly name: string
  /** What the figures are worth depends on it: shown even where the rest is folded away. */
  readonly isWarning: boolean
  /** The rows that have something to say. */
  readonly entries: readonly { readonly view: RowView; readonly text: string }[]
}

/** From this share on it is said that the server's threads were kept from the cores. */
const WAITED_SHARE_MIN = 0.05

export function topicsOf(views: readonly RowView[]): Topic[] {
  const topics = TOPICS.map(({ name, isWarning, text }) => {
    return {
      name,
      isWarning,
      entries: views.map(view => ({ view, text: text(view) })).filter(entry => entry.text !== ''),
    }
  })
  return topics.filter(({ entries }) => entries.length > 0)
}

interface TopicKind {
  readonly name: string
  readonly isWarning: boolean
  readonly text: (view: RowView) => string
}

const TOPICS: readonly TopicKind[] = [
  { name: 'FAULTS: these rows are void', isWarning: true, text: ({ faults }) => faults.join('; ') },
  {
    name: 'client: the load client was the bottleneck, so the server may do more',
    isWarning: true,
    text: ({ run }) => bottleneckText(run),
  },
  { name: 'what they are', isWarning: false, text: ({ about }) => about },
  { name: 'threads, share of the time that each was busy', isWarning: false, text: ({ run }) => threadsText(run) },
  {
    name: 'queues, the deepest that was seen',
    isWarning: false,
    text: ({ run }) => run.queues.filter(isUsed).map(queueText).join(', '),
  },
  { name: 'besides', isWarning: false, text: ({ run }) => extraText(run) },
]

function bottleneckText({ isClientBottleneck, clientUtilisation }: Run): string {
  return isClientBottleneck ? `its busiest process was busy ${percent(clientUtilisation)} of the time` : ''
}

function threadsText({ threads, serverWaitedShare }: Run): string {
  const busy = threads.map(({ name, utilisation }) => `${name} ${percent(utilisation)}`)
  const hasWaited = isNumber(serverWaitedShare) && serverWaitedShare >= WAITED_SHARE_MIN
  return [...busy, ...(hasWaited ? [`ready without a core ${percent(serverWaitedShare)}`] : [])].join(', ')
}

function isUsed({ depthMax }: QueueUse): boolean {
  return depthMax > 0
}

function queueText({ stage, unit, depthMax, capacity }: QueueUse): string {
  const used = percent(depthMax / capacity)
  if (unit === 'records') return `${stage} ${whole(depthMax)} of ${whole(capacity)} (${used})`
  return `${stage} ${mebibytes(depthMax)} of ${mebibytes(capacity)} MiB (${used})`
}

function extraText({ extra }: Run): string {
  return Object.entries(extra)
    .map(([name, value]) => `${name}: ${plainNumber(value)}`)
    .join('; ')
}

export interface CostGroup {
  readonly cost: Cost
  /** 'user' of 'socket.write 64 B to 1,000 sockets, user'. */
  readonly parts: readonly { readonly name: string; readonly cost: Cost }[]
}

/** Each cost with those that say more of it: their names are its own, a comma, and what they are. */
export function costGroups(costs: readonly Cost[]): CostGroup[] {
  const wholeOf = (part: Cost) => costs.find(cost => part.name.startsWith(`${cost.name}, `))
  const isWhole = (cost: Cost) => wholeOf(cost) === undefined
  return costs.filter(isWhole).map(cost => {
    const parts = costs.filter(part => wholeOf(part) === cost)
    return { cost, parts: parts.map(part => ({ name: part.name.slice(cost.name.length + 2), cost: part })) }
  })
}

/** '5.30 µs' */
export function costText({ value, unit }: Cost): string {
  return `${short(value)} ${unit}`
}

export function machineText({ machine }: Report): string {
  const { cpu, cores, memoryBytes, kernel, node } = machine
  return `${cores} cores of ${cpu}, ${short(memoryBytes / 2 ** 30)} GiB, Linux ${kernel}, Node ${node}`
}

/** To the minute. */
export function madeAtText({ madeAt }: Report): string {
  return madeAt.replace(/^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):[\d.]+Z$/, '$1 $2 UTC')
}

/** How many runs a row's figures are the median of. */
export function runsText(views: readonly RowView[]): string {
  const counts = [...new Set(views.map(({ row }) => row.runs.length))].sort((a, b) => a - b)
  if (counts.length === 0) return ''
  return counts.at(-1) === 1 ? 'one run a row' : `rows are the median of ${counts.join(' to ')} runs`
}
