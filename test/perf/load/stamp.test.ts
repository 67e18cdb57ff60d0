/** When an update was due, as digits. */

import { execFileSync } from 'node:child_process'
import test from 'ava'
import { nowUs, readStamp, STAMP_DIGITS, writeStamp } from '#perf/load/stamp.ts'

const STAMP_FILE = new URL('../../../perf/load/stamp.ts', import.meta.url).href
const US_PER_SECOND = 1e6

test('[PF3] a stamp is read as it was written, whole µs, in its digits alone', t => {
  for (const us of [0, 1, 9, 10, 123_456.789, 9_999_999_999_999]) {
    const bytes = Buffer.alloc(STAMP_DIGITS + 2, '.')
    writeStamp(bytes, 1, us)
    t.regex(bytes.toString(), /^\.\d{13}\.$/)
    t.is(readStamp(bytes, 1), Math.floor(us))
  }
})

test('[PF3] processes read the same clock, and it fits the digits', t => {
  const before = nowUs()
  const script = `import { nowUs } from '${STAMP_FILE}'; console.log(nowUs())`
  const there = Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }))
  const after = nowUs()
  t.true(before < there && there < after, `${before} < ${there} < ${after}`)
  t.true(after + 3_600 * US_PER_SECOND < 10 ** STAMP_DIGITS)
})
