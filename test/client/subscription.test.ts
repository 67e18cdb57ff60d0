import test, { type ExecutionContext } from 'ava'
import type { MillraceError, SubscriptionHandlers, SubscriptionWish } from '#src/client/index.ts'
import type { ClientSubscription } from '#src/client/subscription.ts'
import { settle } from '../support/fake-runtime.ts'
import { type Bench, connectedBench, createBench } from '../support/scripted-transports.ts'

interface Fixture extends Bench {
  readonly subscription: ClientSubscription
  /** Every callback, as a line. */
  readonly calls: string[]
}

function recorder(calls: string[]): SubscriptionHandlers {
  return {
    onUpdate: ({ item, seq, isSnapshot }) => calls.push(`update ${item} ${seq}${isSnapshot ? ' snapshot' : ''}`),
    onItem: (item, update) => calls.push(`item ${item.name} ${JSON.stringify(item.fields)} by ${update.changed}`),
    onBatch: updates => calls.push(`batch ${updates.map(({ item, seq }) => `${item}${seq}`)}`),
    onStale: item => calls.push(`stale ${item.name} ${item.isStale}`),
    onDeleted: item => calls.push(`deleted ${item.name} ${JSON.stringify(item.fields)}`),
    onLost: (item, count) => calls.push(`lost ${item} ${count}`),
    onReset: () => calls.push('reset'),
    onSubscribed: items => calls.push(`subscribed ${items}`),
    onUnsubscribed: error => calls.push(`unsubscribed ${error === null ? '' : error.code}`),
  }
}

/** A subscription over WebSocket whose request was sent. */
async function subscribed(wish: Partial<SubscriptionWish> = {}): Promise<Fixture> {
  const bench = await connectedBench()
  const calls: string[] = []
  const subscription = bench.client.subscribe({ items: ['A', 'B'], ...wish }, recorder(calls)) as ClientSubscription
  await settle()
  return { ...bench, subscription, calls }
}

function isRefusedWith(t: ExecutionContext, code: string): (promise: Promise<unknown>) => Promise<unknown> {
  return promise => t.throwsAsync(promise, { code })
}

test('[CL34] what is asked for is what was wished, and the id is the next one', async t => {
  const { client, last } = await subscribed({ fields: ['bid'], mode: 'raw', snapshot: false, onLost: 'snapshot' })
  client.subscribe({ items: 'quote.*', maxFrequency: 5 })
  await settle()
  t.deepEqual(last().sent, [
    {
      request: 1,
      subscribe: { id: 1, items: ['A', 'B'], fields: ['bid'], mode: 'raw', snapshot: false, onLost: 'snapshot' },
    },
    { request: 2, subscribe: { id: 2, items: ['quote.*'], maxFrequency: 5 } },
  ])
  t.throws(() => client.subscribe({ items: [] }), { code: 'OPTIONS_INVALID' })
})

test('[CL31] a flush is told in order: each update alone, its item whole, and all of them at its end', async t => {
  const { last, calls, subscription } = await subscribed()
  last().say({ subscribed: 1, items: 2 }, { sub: 1, item: 'A', seq: 1, snapshot: true, fields: { bid: '1', ask: '2' } })
  t.deepEqual(calls, [])
  last().say({ sub: 1, item: 'B', seq: 4, fields: { bid: '9' } }, { sub: 1, item: 'A', seq: 2, fields: { bid: '3' } })
  t.deepEqual(calls, [])
  last().say({ position: 1 })
  t.deepEqual(calls, [
    'subscribed 2',
    'update A 1 snapshot',
    'item A {"bid":"1","ask":"2"} by bid,ask',
    'update B 4',
    'item B {"bid":"9"} by bid',
    'update A 2',
    'item A {"bid":"3","ask":"2"} by bid',
    'batch A1,B4,A2',
  ])
  t.deepEqual({ ...subscription.items.get('A')?.fields }, { bid: '3', ask: '2' })
})

test('[CL31] a subscription gets its own updates only, and a batch of its own', async t => {
  const { client, last, calls } = await subscribed()
  const others: string[] = []
  client.subscribe({ items: 'A' }, recorder(others))
  last().flush(1, { subscribed: 1, items: 1 }, { subscribed: 2, items: 1 })
  calls.length = 0
  others.length = 0
  last().flush(
    2,
    { sub: 2, item: 'A', seq: 1, fields: {} },
    { sub: 1, item: 'A', seq: 5, fields: {} },
    { item: 'A', seq: 9, fields: {} },
  )
  t.deepEqual(calls, ['update A 5', 'item A {} by ', 'batch A5'])
  t.deepEqual(others, ['update A 1', 'item A {} by ', 'batch A1'])
})

test('[CL32] stale is told when it changes, and lies with the item', async t => {
  const { last, calls, subscription } = await subscribed()
  last().flush(1, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, snapshot: true, fields: {} })
  calls.length = 0
  const stale = { sub: 1, item: 'A', stale: true }
  last().flush(2, stale, stale)
  t.true(subscription.items.get('A')?.isStale)
  last().flush(3, { ...stale, stale: false })
  t.deepEqual(calls, ['stale A true', 'stale A false'])
})

test('[CL32] a deleted item is told as it was, is no more, and may begin again with any seq', async t => {
  const { last, calls, subscription } = await subscribed()
  last().flush(1, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 8, snapshot: true, fields: { bid: '1' } })
  calls.length = 0
  last().flush(2, { sub: 1, item: 'A', deleted: true }, { sub: 1, item: 'A', deleted: true })
  t.is(subscription.items.size, 0)
  last().flush(3, { sub: 1, item: 'A', seq: 1, snapshot: true, fields: {} })
  t.deepEqual(calls, ['deleted A {"bid":"1"}', 'update A 1 snapshot', 'item A {} by ', 'batch A1'])
})

test('[CL32] what was lost is told with its count, and is not counted as conflated', async t => {
  const { last, calls, client } = await subscribed({ mode: 'raw' })
  const conflated: number[] = []
  client.subscribe({ items: 'A' }, { onUpdate: update => conflated.push(update.conflated) })
  const lost = { item: 'A', lost: 17 }
  const snapshot = { item: 'A', seq: 19, snapshot: true, fields: {} }
  last().flush(1, { subscribed: 1, items: 1 }, { subscribed: 2, items: 1 }, { sub: 2, item: 'A', seq: 1, fields: {} })
  calls.length = 0
  last().flush(2, { sub: 1, ...lost }, { sub: 1, ...snapshot }, { sub: 2, ...lost }, { sub: 2, ...snapshot })
  t.deepEqual(calls, ['lost A 17', 'update A 19 snapshot', 'item A {} by ', 'batch A19'])
  t.deepEqual(conflated, [0, 0])
})

test('[CL33] what stands before `subscribed` is not of this subscription', async t => {
  const { last, calls, subscription } = await subscribed()
  last().flush(1, { sub: 1, item: 'A', seq: 1, fields: {} })
  last().say({ answer: 1 })
  t.deepEqual([calls, subscription.state], [[], 'pending'])
  last().flush(
    2,
    { sub: 1, item: 'A', seq: 2, fields: {} },
    { subscribed: 1, items: 0 },
    { sub: 1, item: 'A', seq: 1, fields: {} },
  )
  t.deepEqual(calls, ['subscribed 0', 'update A 1', 'item A {} by ', 'batch A1'])
  t.is(subscription.state, 'active')
})

test('[CL33] from the call of unsubscribe on nothing comes but its end', async t => {
  const { last, calls, subscription } = await subscribed()
  last().flush(1, { subscribed: 1, items: 1 })
  calls.length = 0
  const done = subscription.unsubscribe()
  last().flush(2, { sub: 1, item: 'A', seq: 1, fields: {} }, { sub: 1, item: 'A', stale: true })
  t.deepEqual(calls, [])
  await settle()
  t.deepEqual(last().sent.at(-1), { request: 2, unsubscribe: 1 })
  last().say({ answer: 2 })
  await done
  last().flush(3, { unsubscribed: 1 }, { sub: 1, item: 'A', seq: 9, fields: {} })
  t.deepEqual(calls, ['unsubscribed '])
  t.is(subscription.state, 'ended')
})

test('[CL33] one that unsubscribes in a callback hears nothing more of the same flush', async t => {
  const { client, last } = await connectedBench()
  const calls: string[] = []
  const subscription = client.subscribe(
    { items: 'A' },
    {
      onUpdate: ({ seq }) => {
        calls.push(`update ${seq}`)
        void subscription.unsubscribe()
      },
      onItem: () => calls.push('item'),
      onBatch: () => calls.push('batch'),
    },
  )
  last().flush(
    1,
    { subscribed: 1, items: 1 },
    { sub: 1, item: 'A', seq: 1, fields: {} },
    { sub: 1, item: 'A', seq: 2, fields: {} },
  )
  t.deepEqual(calls, ['update 1'])
})

test('[CL33] unsubscribing what is no more is no failure', async t => {
  const { last, calls, subscription } = await subscribed()
  const done = subscription.unsubscribe()
  await settle()
  last().say({ answer: 2, error: { code: 'SUBSCRIPTION_UNKNOWN', message: '' } })
  await done
  await subscription.unsubscribe()
  t.deepEqual(calls, ['unsubscribed '])
})

test('[CL34] pause, resume and change settle with the answer', async t => {
  const { last, subscription } = await subscribed()
  last().flush(1, { subscribed: 1, items: 1, maxFrequency: 10 })
  t.is(subscription.maxFrequency, 10)
  const done = [subscription.change({ maxFrequency: 2 }), subscription.pause(), subscription.resume()]
  await settle()
  t.deepEqual(last().sent.slice(1), [
    { request: 2, change: { id: 1, maxFrequency: 2 } },
    { request: 3, pause: 1 },
    { request: 4, resume: 1 },
  ])
  last().flush(2, { changed: 1, maxFrequency: 2 }, { paused: 1 })
  last().say({ answer: 2 }, { answer: 3 })
  await Promise.all(done.slice(0, 2))
  t.deepEqual([subscription.state, subscription.maxFrequency], ['paused', 2])
  last().say({ answer: 4 })
  await done[2]
  t.is(subscription.state, 'active')
})

test('[CL34] a refusal rejects with its code, and leaves things as they were', async t => {
  const { last, subscription } = await subscribed()
  last().flush(1, { subscribed: 1, items: 1 })
  const done = subscription.pause()
  await settle()
  last().say({ answer: 2, error: { code: 'REQUEST_GAP', message: 'late' } })
  await isRefusedWith(t, 'REQUEST_GAP')(done)
  t.is(subscription.state, 'active')
})

test('[CL35] a refused subscription ends with the code, and what waits for it too', async t => {
  const { last, calls, subscription } = await subscribed()
  last().say({ answer: 1, error: { code: 'ITEMS_TOO_MANY', message: '' } })
  await isRefusedWith(t, 'ITEMS_TOO_MANY')(subscription.ready())
  t.deepEqual([calls, subscription.state], [['unsubscribed ITEMS_TOO_MANY'], 'ended'])
  await isRefusedWith(t, 'SUBSCRIPTION_ENDED')(subscription.pause())
})

test('[CL35] one that is taken is ready', async t => {
  const { last, subscription } = await subscribed()
  last().say({ answer: 1 })
  await subscription.ready()
  t.is(subscription.state, 'pending')
})

test('[CL35] one that the server ends is told why, behind what came before', async t => {
  const { last, calls } = await subscribed({ mode: 'raw' })
  last().flush(1, { subscribed: 1, items: 1 })
  calls.length = 0
  const error = { code: 'UPDATES_LOST', message: '' }
  last().flush(2, { sub: 1, item: 'A', seq: 1, fields: {} }, { sub: 1, item: 'A', lost: 3 }, { unsubscribed: 1, error })
  t.deepEqual(calls, ['update A 1', 'item A {} by ', 'lost A 3', 'batch A1', 'unsubscribed UPDATES_LOST'])
})

test('[CL36] a callback that throws is told as an error, and stops nothing', async t => {
  const { client, last, events } = await connectedBench()
  const calls: string[] = []
  const fault = new Error('of the application')
  client.subscribe(
    { items: 'A' },
    {
      onUpdate: () => {
        throw fault
      },
      onItem: () => calls.push('item'),
      onBatch: () => calls.push('batch'),
    },
  )
  last().flush(1, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, fields: {} })
  t.deepEqual(calls, ['item', 'batch'])
  const [error] = events.error as MillraceError[]
  t.deepEqual([error?.code, error?.message, error?.cause], ['HANDLER_FAILED', 'of the application', fault])
})

test('[CL36] where nobody listens to errors it is thrown, when nothing can be torn by it', async t => {
  const { client, runtime, last } = createBench({}, false)
  await settle()
  last().welcome()
  client.subscribe(
    { items: 'A' },
    {
      onUpdate: () => {
        throw new Error('of the application')
      },
    },
  )
  last().flush(1, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, fields: {} })
  t.is(runtime.nextMs, 0)
  t.throws(() => runtime.step(), { message: 'of the application' })
})

test('[CL36] an error listener that throws is not told of itself for ever', async t => {
  const { client, runtime, last } = createBench({}, false)
  let calls = 0
  client.on('error', () => {
    calls++
    throw new Error(`call ${calls}`)
  })
  await settle()
  last().welcome()
  last().say({ answer: null, error: { code: 'X', message: '' } })
  t.is(calls, 2)
  t.throws(() => runtime.step(), { message: 'call 2' })
})
