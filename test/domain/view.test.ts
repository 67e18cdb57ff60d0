import test from 'ava'
import { Item } from '#src/domain/item.ts'
import { Session } from '#src/domain/session.ts'
import { Subscription } from '#src/domain/subscription.ts'
import { View } from '#src/domain/view.ts'
import { Random, seedOr } from '#test/support/random.ts'

const ORIGIN = {
  id: 's',
  edge: 0,
  slot: 0,
  generation: 1,
  address: '',
  encoding: 'ndjson',
  mode: 'merge',
  onLost: 'end',
  sinceMs: 0,
} as const

test('[I4] the clean subscriptions of a view stand in front: random marks, flushes, comings and goings', t => {
  const random = new Random(seedOr(20_260_204))
  const view = new View(new Item(0, 'A', 0, 0, () => {}), 'merge', null, 'merge')
  const session = new Session(ORIGIN, 1, null, () => {})
  const clean = new Set<Subscription>()
  const unclean = new Set<Subscription>()
  for (let action = 0; action < 4_000; action++) {
    const choice = random.int(100)
    if (choice < 30) {
      const subscription = new Subscription(session, view, 0)
      view.add(subscription)
      clean.add(subscription)
    } else if (choice < 50 && clean.size > 0) {
      const subscription = random.pick([...clean])
      view.makeUnclean(subscription)
      clean.delete(subscription)
      unclean.add(subscription)
    } else if (choice < 70 && unclean.size > 0) {
      const subscription = random.pick([...unclean])
      view.makeClean(subscription)
      unclean.delete(subscription)
      clean.add(subscription)
    } else if (choice < 72) {
      // What an update does: all at once.
      view.cleanCount = 0
      for (const subscription of clean) unclean.add(subscription)
      clean.clear()
    } else if (clean.size + unclean.size > 0) {
      const subscription = random.pick([...clean, ...unclean])
      view.remove(subscription)
      clean.delete(subscription)
      unclean.delete(subscription)
    }
    const { subscriptions, cleanCount } = view
    const isRight =
      cleanCount === clean.size &&
      subscriptions.length === clean.size + unclean.size &&
      subscriptions.every((one, index) => one.index === index && (index < cleanCount ? clean : unclean).has(one))
    if (!isRight) t.fail(`after action ${action}; SEED=${random.seed}`)
  }
  t.true(clean.size + unclean.size > 0)
})

test('[I4] a view includes all fields or those it names, and begins with the counter of its mode', t => {
  const item = new Item(0, 'A', 0, 0, () => {})
  item.seq = 5
  item.rawSeq = 9
  const [all, some] = [new View(item, 'merge', null, ''), new View(item, 'raw', [2, 4], '')]
  t.deepEqual(
    [0, 1, 2, 3, 4].map(id => all.includes(id)),
    [true, true, true, true, true],
  )
  t.deepEqual(
    [0, 1, 2, 3, 4].map(id => some.includes(id)),
    [false, false, true, false, true],
  )
  t.deepEqual([all.seq, some.seq], [5, 9])
})
