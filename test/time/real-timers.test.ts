import test from 'ava'
import { Alarm, soon } from '#src/time/real-timers.ts'

/** Nothing here looks at how long anything took: only at what came, and in which order. */

test('[T8] an alarm calls once, and may be set again', async t => {
  let resolve: () => void = () => {}
  let calls = 0
  const alarm = new Alarm(() => {
    calls++
    resolve()
  })
  for (let round = 1; round <= 2; round++) {
    await new Promise<void>(called => {
      resolve = called
      alarm.setAt(1001, 1000)
      t.true(alarm.isSet)
    })
    t.is(calls, round)
    t.false(alarm.isSet)
  }
})

test('[T8] a new setting replaces the one before; a clear takes it back', async t => {
  const calls: string[] = []
  const cleared = new Alarm(() => calls.push('cleared'))
  cleared.setAt(1000, 1000)
  cleared.clear()
  cleared.clear()
  t.false(cleared.isSet)
  const moved = new Alarm(() => calls.push('moved'))
  moved.setAt(1000, 1000)
  moved.setAt(1e9, 1000)
  const never = new Alarm(() => calls.push('never'), false)
  never.setAt(1000, 1000)
  never.setAt(Number.POSITIVE_INFINITY, 1000)
  t.false(never.isSet)
  await new Promise<void>(resolve => {
    new Alarm(resolve).setAt(1020, 1000)
  })
  t.deepEqual(calls, [])
  t.true(moved.isSet)
  moved.setAt(1000, 1000)
  await new Promise<void>(resolve => {
    new Alarm(resolve).setAt(1020, 1000)
  })
  t.deepEqual(calls, ['moved'])
})

test('[T8] an alarm beyond what a timer holds does not fire at once', async t => {
  let calls = 0
  const alarm = new Alarm(() => calls++, false)
  alarm.setAt(1e15, 1000)
  await new Promise<void>(resolve => {
    new Alarm(resolve).setAt(1020, 1000)
  })
  t.is(calls, 0)
  t.true(alarm.isSet)
  alarm.clear()
})

test('[T8] soon calls after what runs now', async t => {
  const order: string[] = []
  await new Promise<void>(resolve => {
    soon(() => {
      order.push('soon')
      resolve()
    })
    order.push('now')
  })
  t.deepEqual(order, ['now', 'soon'])
})
