/** The mark by which batch asks to be woken is one for all cores: none takes what another has set. */

import test from 'ava'
import { CoreBench, recordsOf } from '#test/support/core-bench.ts'

test("[S24] a core that finds room after all leaves the slot's mark (found: it took that of another core)", t => {
  const bench = new CoreBench({ windowBytes: 1 })
  const { inFlight } = bench
  bench.open(0, 1, { items: ['A'] })
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.settle()
  t.is(bench.take().length, 1)
  const setWaiting = inFlight.setWaiting.bind(inFlight)
  let asked = 0
  // What was on its way arrives just when batch has set its mark; another core waits for the same slot.
  inFlight.setWaiting = slot => {
    setWaiting(slot)
    if (asked++ === 0) inFlight.subtract(slot, inFlight.bytes(slot))
  }
  bench.feed({ item: 'A', fields: { bid: '2' } })
  bench.settle()
  const records = bench.take().flatMap(({ text }) => recordsOf(text))
  t.deepEqual(records, [{ item: 'A', seq: 2, fields: { bid: '2' } }])
  t.is(asked, 1)
  const takeWaiting = inFlight.takeWaiting.bind(inFlight)
  let taken = 0
  inFlight.takeWaiting = slot => {
    const isTaken = takeWaiting(slot)
    if (isTaken) taken++
    return isTaken
  }
  // The edge takes the mark and says that there is room: here nobody waits for it, and nothing is sent twice.
  bench.took(0, 1)
  bench.settle()
  t.deepEqual(bench.take(), [])
  t.is(taken, 1, 'the mark was there')
  bench.feed({ item: 'A', fields: { bid: '3' } })
  bench.settle()
  t.is(bench.take().length, 1)
})
