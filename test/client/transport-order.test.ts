import test from 'ava'
import { TransportOrder, type TransportStorage } from '#src/client/transport-order.ts'
import type { TransportName } from '#src/client/transports/transport.ts'

const ALL: readonly TransportName[] = ['websocket', 'sse', 'poll']

class FakeStorage implements TransportStorage {
  readonly values = new Map<string, string>()

  getItem(key: string): string | null {
    return this.values.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.values.set(key, value)
  }
}

function orderOf(storage: TransportStorage | null = null): TransportOrder {
  return new TransportOrder(ALL, storage, 'key')
}

test('[CL2] a round goes through all of them, then it is time to wait', t => {
  const order = orderOf()
  const seen: unknown[] = []
  for (let i = 0; i < 6; i++) seen.push(order.current, order.failed(false))
  t.deepEqual(seen, ['websocket', true, 'sse', true, 'poll', false, 'websocket', true, 'sse', true, 'poll', false])
})

test('[CL3] what worked is where the next round begins, and the others follow best first', t => {
  const order = orderOf()
  order.failed(true)
  order.worked()
  t.deepEqual([order.current, order.better], ['sse', ['websocket']])
  t.true(order.failed(true))
  t.is(order.current, 'websocket')
  t.true(order.failed(true))
  t.is(order.current, 'poll')
})

test('[CL3] what worked and cannot be opened is waited for once; what is silent is not', t => {
  const order = orderOf()
  order.worked()
  t.false(order.failed(false))
  t.is(order.current, 'websocket')
  t.true(order.failed(false))
  t.is(order.current, 'sse')
  const other = orderOf()
  other.worked()
  t.true(other.failed(true))
  t.is(other.current, 'sse')
})

test('[CL3] what worked is remembered in the storage, written when it changes', t => {
  const storage = new FakeStorage()
  const order = orderOf(storage)
  order.failed(true)
  order.worked()
  t.deepEqual([...storage.values], [['key', 'sse']])
  storage.values.clear()
  order.worked()
  t.is(storage.values.size, 0)
})

test('[CL3] what the storage remembers is tried first, if it may be used', t => {
  const storage = new FakeStorage()
  storage.setItem('key', 'poll')
  t.deepEqual([orderOf(storage).current, orderOf(storage).better], ['poll', ['websocket', 'sse']])
  storage.setItem('key', 'pigeon')
  t.is(orderOf(storage).current, 'websocket')
  t.is(new TransportOrder(['sse'], { ...storage, getItem: () => 'poll', setItem: () => {} }, 'key').current, 'sse')
})

test('[CL3] a storage that refuses is passed over', t => {
  const refuse = (): never => {
    throw new Error('private')
  }
  const order = orderOf({ getItem: refuse, setItem: refuse })
  order.worked()
  t.is(order.current, 'websocket')
})
