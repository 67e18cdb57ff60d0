/** What Prometheus scrapes, read. */

import test from 'ava'
import { parseExposition, sumOf } from '#perf/measure/exposition.ts'

const TEXT = `# HELP a_total What it is.
# TYPE a_total counter
a_total{thread="core-0",stage="batch"} 3
a_total{thread="core-1",stage="batch",} 4.5 1700000000000
plain 7
p99_us:sum{le="+Inf"} +Inf
odd{text="a \\"b\\" \\\\ {c}, d=\\"e\\"\\nf"} -1e3
none NaN

not a line
`

test('[PF9] samples are read with their labels and values, whatever stands in a label', t => {
  const samples = parseExposition(TEXT)
  t.deepEqual(samples, [
    { name: 'a_total', labels: { thread: 'core-0', stage: 'batch' }, value: 3 },
    { name: 'a_total', labels: { thread: 'core-1', stage: 'batch' }, value: 4.5 },
    { name: 'plain', labels: {}, value: 7 },
    { name: 'p99_us:sum', labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    { name: 'odd', labels: { text: 'a "b" \\ {c}, d="e"\nf' }, value: -1_000 },
    { name: 'none', labels: {}, value: Number.NaN },
    { name: 'not', labels: {}, value: Number.NaN },
  ])
  t.is(sumOf(samples, 'a_total'), 7.5)
  t.is(sumOf(samples, 'a'), 0)
})
