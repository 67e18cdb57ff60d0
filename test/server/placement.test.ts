/**
 * One input through every placement, on real sockets: what streams show is what the model shows, so it is the same in
 * all of them.
 */

import test, { type ExecutionContext } from 'ava'
import type { Config } from '#src/config/config.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { generatedLines, recordedLines, recordingPath } from '#test/support/recording.ts'
import { TestServer, type TestStream } from '#test/support/server.ts'
import { completion, type ModelLine, mergeProblem, runModel, ViewModel } from '#test/support/stream-model.ts'

const SEED = 20_260
const GENERATED = { items: 40, lines: 20_000 }
/** Of the recording, by what a test run has time for; `node perf/convergence.ts` plays all of it. */
const RECORDED_LINES_MAX = 25_000
const WINDOW_LINES = 4_096
/** A field that the first update of each item has: when every stream has it, all of them follow from the same seq. */
const FIRST_FIELD = 'first'
const SOME_FIELDS = [FIRST_FIELD, 'bid', 'price', 'command']

const PLACEMENTS: Readonly<Record<string, Partial<Config>>> = {
  single: { placement: 'single' },
  'pools of 1 thread': { placement: 'pools' },
  'pools of 2 threads': { placement: 'pools', feedThreads: 2, coreThreads: 2, edgeThreads: 2 },
  'pools where 2 edges take the feeds too': { placement: 'pools', feedThreads: 0, coreThreads: 2, edgeThreads: 2 },
}

interface Watched {
  readonly view: ViewModel
  readonly stream: TestStream
}

async function watchAll(server: TestServer, items: readonly string[]): Promise<Watched[]> {
  const watched: Watched[] = []
  for (const mode of ['merge', 'raw'] as const) {
    for (const fields of [null, SOME_FIELDS]) {
      for (const encoding of ['sse', 'ndjson'] as const) {
        const choice = fields === null ? '' : `&fields=${fields.join(',')}`
        const stream = await server.stream(`items=${items.join(',')}&mode=${mode}${choice}`, { encoding })
        watched.push({ view: new ViewModel(mode, fields), stream })
      }
    }
  }
  return watched
}

async function runThrough(t: ExecutionContext, settings: Partial<Config>, lines: readonly string[]): Promise<void> {
  const input = lines.map(line => JSON.parse(line) as ModelLine)
  const items = [...new Set(input.map(line => line.item))]
  const firsts = items.map((item): ModelLine => ({ item, fields: { [FIRST_FIELD]: '1' } }))
  const logs = { rawLogUpdates: 32_768, rawLogBytes: 4 << 20 }
  const server = await TestServer.start(t, { ...settings, ...logs, feedWindowLines: WINDOW_LINES })
  const watched = await watchAll(server, items)
  const feed = await server.feed()
  await feed.play(
    firsts.map(line => JSON.stringify(line)),
    WINDOW_LINES,
  )
  for (const { stream } of watched) await stream.until(() => stream.state.size === items.length)
  await feed.play(lines, WINDOW_LINES)

  const final = runModel(
    [...firsts, ...input],
    watched.map(({ view }) => view),
  )
  for (const { view, stream } of watched) {
    const name = `${view.mode} ${view.fields === null ? 'all fields' : 'some fields'}`
    await stream.until(completion(view))
    if (view.fields === null) t.deepEqual(sorted(stream.state), sorted(final), name)
    if (view.mode === 'merge') t.is(mergeProblem(view, stream.all), null, name)
    else for (const [item, { updates }] of view.items) t.deepEqual(stream.of(item), updates, `${name} ${item}`)
  }
  t.deepEqual(
    feed.replies.all.filter(reply => reply.error !== undefined),
    [],
  )
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

const generated = test.macro({
  async exec(t, settings: Partial<Config>) {
    const random = new Random(seedOr(SEED))
    t.log(`SEED=${random.seed}`)
    const lines = generatedLines(random, GENERATED.items, GENERATED.lines)
    await runThrough(
      t,
      settings,
      lines.map(line => JSON.stringify(line)),
    )
  },
  title: (placement = '') => `[P40] generated lines come out as the model says: ${placement}`,
})

const recorded = test.macro({
  async exec(t, settings: Partial<Config>) {
    const path = recordingPath()
    if (path === null) {
      t.log('skipped: the recording is not here (../shared/data/capture.ndjson.gz, or MILLRACE_DATA)')
      t.pass()
      return
    }
    // The recorded `time` of a quote is a field; `at` and `mode` are keys that the server passes over.
    await runThrough(t, settings, recordedLines(path).slice(0, RECORDED_LINES_MAX))
  },
  title: (placement = '') => `[P40] the recording comes out as the model says: ${placement}`,
})

for (const [placement, settings] of Object.entries(PLACEMENTS)) {
  test.serial(placement, generated, settings)
  test.serial(placement, recorded, settings)
}
