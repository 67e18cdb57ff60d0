/**
 * What the calls cost that the server makes for each record or batch: a copy, a look at the clock, a record in a
 * histogram. Each is called in a loop of its own, so the figure holds a loop's nanosecond too.
 */

import type { Cost } from '#perf/result.ts'
import { copyBytes } from '#src/bytes.ts'
import { LatencyRecorder } from '#src/metrics/latency.ts'
import { median } from './figures.ts'

type Loop = (calls: number) => void

const COPY_BYTES = [72, 936]
/** Copies go through a buffer of this size, as flushes go through write's scratch: not always to the same line. */
const TARGET_BYTES = 1 << 16
const NS_PER_MS = 1e6

/** Each loop of `calls`, `repeats` times and once before. */
export function measureCallCosts(calls: number, repeats: number): Cost[] {
  const costs: Cost[] = []
  for (const bytes of COPY_BYTES) {
    costs.push(cost(`copy ${bytes} B`, copyLoop(bytes, Buffer.alloc(TARGET_BYTES)), calls, repeats))
    const shared = Buffer.from(new SharedArrayBuffer(TARGET_BYTES))
    costs.push(cost(`copy ${bytes} B into shared memory`, copyLoop(bytes, shared), calls, repeats))
  }
  costs.push(cost('performance.now()', clockLoop, calls, repeats))
  costs.push(cost('histogram record', recordLoop(), calls, repeats))
  return costs
}

/** After a run that is not counted, in which the loop is compiled. */
function cost(name: string, loop: Loop, calls: number, repeats: number): Cost {
  loop(calls)
  const figures = Array.from({ length: repeats }, () => {
    const startMs = performance.now()
    loop(calls)
    return ((performance.now() - startMs) * NS_PER_MS) / calls
  })
  return { name, value: median(figures), unit: 'ns' }
}

function copyLoop(bytes: number, target: Buffer): Loop {
  const source = Buffer.alloc(bytes, 'x')
  return calls => {
    let at = 0
    for (let i = 0; i < calls; i++) {
      at = copyBytes(source, 0, target, at, bytes)
      if (at + bytes > target.length) at = 0
    }
  }
}

function clockLoop(calls: number): void {
  let sumMs = 0
  for (let i = 0; i < calls; i++) sumMs += performance.now()
  // The sum is looked at, so that no call can be left out.
  if (!(sumMs > 0)) throw new Error('the clock stands still')
}

function recordLoop(): Loop {
  const recorder = new LatencyRecorder()
  return calls => {
    for (let i = 0; i < calls; i++) recorder.record(i & 0xff, 1)
  }
}
