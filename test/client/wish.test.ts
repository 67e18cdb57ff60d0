import test from 'ava'
import { MillraceError, type SubscriptionWish } from '#src/client/index.ts'
import { checkWish } from '#src/client/wish.ts'

const isTaken = test.macro({
  exec: (t, wish: object) => {
    t.notThrows(() => checkWish({ items: 'A', ...wish } as SubscriptionWish))
  },
  title: (_given, wish) => `[CL54] taken: ${JSON.stringify(wish)}`,
})

const isRefused = test.macro({
  exec: (t, wish: object) => {
    const error = { instanceOf: MillraceError, code: 'OPTIONS_INVALID' }
    t.throws(() => checkWish({ items: 'A', ...wish } as SubscriptionWish), error)
  },
  title: (_given, wish) => `[CL54] refused at once: ${JSON.stringify(wish)}`,
})

for (const wish of [
  {},
  { mode: 'merge', filter: 'bid > 1', snapshot: false },
  { mode: 'distinct', snapshot: 50, bufferSize: 1 },
  { mode: 'distinct', snapshot: 0 },
  { mode: 'distinct', snapshot: true },
  { mode: 'command', sort: 'price' },
  { mode: 'command', sort: '-price', from: 0, count: 1 },
  { mode: 'command', sort: '--', from: 20 },
  { mode: 'raw', onLost: 'snapshot' },
]) {
  test(isTaken, wish)
}

for (const wish of [
  { items: [] },
  { items: '' },
  { mode: 'MERGE' },
  { filter: '' },
  { bufferSize: 5 },
  { mode: 'raw', bufferSize: 5 },
  { mode: 'distinct', bufferSize: 0 },
  { mode: 'distinct', bufferSize: 1.5 },
  { mode: 'distinct', snapshot: -1 },
  { mode: 'distinct', snapshot: 1.5 },
  { mode: 'merge', snapshot: 5 },
  { mode: 'merge', sort: 'price' },
  { mode: 'command', sort: '' },
  { mode: 'command', sort: '-' },
  { mode: 'command', from: 0, count: 10 },
  { mode: 'command', count: 10 },
  { mode: 'command', sort: 'price', from: -1 },
  { mode: 'command', sort: 'price', count: 0 },
  { mode: 'command', sort: 'price', count: 2.5 },
]) {
  test(isRefused, wish)
}
