/** The convergence run at its small size, as a process, since it takes a network namespace for itself. */

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { seedOr } from '#test/support/random.ts'

const CONVERGENCE = fileURLToPath(new URL('../../perf/convergence.ts', import.meta.url))
const CLAIMS = 17
const SEED = 1

test('[P50] the small convergence run: over all transports in all modes, through breaks, everybody ends on the last values', async t => {
  t.timeout(120_000)
  if (spawnSync('unshare', ['-n', 'true']).status !== 0) {
    t.log('skipped: unshare -n is not permitted here, and plain loopback hides megabytes in the kernel')
    t.pass()
    return
  }
  const child = spawn(process.execPath, [CONVERGENCE, '--small', '--seed', String(seedOr(SEED))], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const out of [child.stdout, child.stderr]) {
    out.setEncoding('utf8').on('data', part => {
      text += part
    })
  }
  const exitCode = await new Promise(resolve => child.on('close', resolve))
  t.is(exitCode, 0, text)
  t.true(text.includes(`${CLAIMS} claims hold, 0 fail`), text)
})
