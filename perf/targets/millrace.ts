/** Millrace as a target: started as a user would, with the workload's settings; it tells what it counted at /metrics. */

import { CLIENT_PROTOCOLS } from '#perf/load/client-protocols.ts'
import { FEED_PROTOCOLS } from '#perf/load/feed-protocols.ts'
import { type MetricSample, parseExposition, sumOf } from '#perf/measure/exposition.ts'
import type { QueueUse } from '#perf/result.ts'
import { startServerProcess } from '#perf/server-process.ts'
import type { Insight, RunningTarget, Target } from './target.ts'

export const MILLRACE: Target = {
  name: 'millrace',
  about: 'this server',
  client: CLIENT_PROTOCOLS.millrace!,
  feed: FEED_PROTOCOLS.lines!,
  whyMissing: () => null,
  async start(workload): Promise<RunningTarget> {
    const server = await startServerProcess(workload.settings)
    return {
      pids: [server.pid],
      clientPort: server.httpPort,
      feedPort: server.feedPort,
      insight: () => insight(server.httpPort),
      stop: () => server.stop(),
    }
  },
}

async function insight(port: number): Promise<Insight> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const samples = parseExposition(await response.text())
  const sum = (name: string) => sumOf(samples, `millrace_${name}`)
  return {
    ledger: {
      // What was handed over and had to be sent once more is published once more.
      published: sum('updates_published_total') + sum('updates_recalled_total'),
      delivered: sum('updates_delivered_total'),
      conflated: sum('updates_conflated_total'),
      dropped: sum('updates_dropped_total'),
      lost: sum('updates_lost_total'),
      waiting: sum('updates_waiting'),
    },
    flushes: sum('flushes_total'),
    threads: samples
      .filter(sample => sample.name === 'millrace_loop_utilisation_ratio' && sample.labels.thread !== 'main')
      .map(({ labels, value }) => ({ name: labels.thread!, utilisation: value })),
    queues: [...queuesOf(samples, 'bytes'), ...queuesOf(samples, 'records')],
  }
}

/** Stages with a queue in this unit: of all their threads together. */
function queuesOf(samples: readonly MetricSample[], unit: 'bytes' | 'records'): QueueUse[] {
  const of = (name: string, stage: string): number => {
    return sumOf(
      samples.filter(sample => sample.labels.stage === stage),
      name,
    )
  }
  const stages = new Set(samples.flatMap(sample => sample.labels.stage ?? []))
  return [...stages].flatMap(stage => {
    const capacity = of(`millrace_stage_queue_capacity_${unit}`, stage)
    return capacity === 0 ? [] : [{ stage, unit, depthMax: of(`millrace_stage_queue_${unit}`, stage), capacity }]
  })
}
