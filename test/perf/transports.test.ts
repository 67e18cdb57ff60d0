/** Load clients and full clients over each transport of the server. */

import test from 'ava'
import { Bench } from '#perf/bench.ts'
import { MILLRACE } from '#perf/targets/millrace.ts'
import { VARIANTS } from '#perf/variants/all.ts'
import { BASE, type VariantContext } from '#perf/variants/variant.ts'
import { TRANSPORTS, type Workload } from '#perf/workload.ts'

/** Of a WebSocket whose pings nobody answers no more is written than this. */
const WINDOW_BYTES = 32_768
/** So much that nobody falls off it whose machine is busy for a second. */
const LARGE_LOGS = ['--raw-log-bytes', '4194304']

// What NDJSON does all other small runs show.
for (const transport of TRANSPORTS.filter(each => each !== 'ndjson')) {
  test.serial(
    `[PF34] a small run over ${transport}: everybody reads everything, and ends on the feed's values`,
    async t => {
      t.timeout(60_000)
      const changes: Partial<Workload> = { transport, clients: 6, lineBytes: 4_000, warmupSeconds: 0.1, seconds: 0.5 }
      const context: VariantContext = {
        changes,
        settings: LARGE_LOGS,
        placement: 'single',
        peers: [],
        runs: 1,
        isSmall: true,
        progress: () => {},
        options: '--small',
      }
      const { rows } = await VARIANTS.find(({ name }) => name === 'broadcast')!.run(context)
      const run = rows[0]!.runs[0]!
      t.deepEqual(run.faults, [])
      t.true(run.ledger!.published * 4_000 > 9 * WINDOW_BYTES, 'more than a window was due to each client')
      t.true(run.latencyMs!.count > 0 && run.ageMs!.p50 <= run.latencyMs!.max)
      t.true(run.bytesPerUpdate > 4_000 && run.updatesPerRead > 0 && run.updatesPerWrite! >= 1)
    },
  )
}

test.serial(
  '[PF35] over long polling who stalled longer than a connection is kept asks again over another',
  async t => {
    t.timeout(60_000)
    const workload: Workload = {
      ...BASE,
      clients: 6,
      transport: 'poll',
      mode: 'merge',
      stalledShare: 0.5,
      settings: ['--placement', 'single', '--idle-timeout-ms', '100'],
    }
    const bench = await Bench.open(
      MILLRACE,
      { ...workload, warmupSeconds: 0.1 },
      { label: '', options: '', progress: () => {} },
    )
    try {
      await bench.measure('', 50, 0, 0.6)
      const ages = await bench.resume()
      t.is(ages.length, 3)
      t.true(ages.every(age => age !== null && age >= 0))
      t.deepEqual(await bench.finish(), [])
      t.is(bench.renewed, 3, 'each over another connection')
    } finally {
      await bench.stop()
    }
  },
)
