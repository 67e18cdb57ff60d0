import test from 'ava'
import { FrequencyLimit } from '#src/domain/frequency-limit.ts'
import { Interests } from '#src/domain/interests.ts'
import type { Session } from '#src/domain/session.ts'
import { View } from '#src/domain/view.ts'
import { bareSession, closeBare } from '#test/support/bare-session.ts'
import { newItem } from '#test/support/items.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[I4] a view has each of its interests once, at the place that the table says: random comings and goings', t => {
  const random = new Random(seedOr(20_260_204))
  const view = new View(newItem('A'), 'merge', null, 'merge')
  const table = new Interests()
  const sessions: Session[] = []
  for (let action = 0; action < 4_000; action++) {
    if (sessions.length === 0 || random.int(100) < 52) {
      const session = bareSession(table, 1)
      if (random.int(3) === 0) table.limits[session.first] = new FrequencyLimit(table, session.first, session.number, 5)
      view.add(table, session.first, session.number)
      sessions.push(session)
    } else {
      const [session] = sessions.splice(random.int(sessions.length), 1)
      view.remove(table, session!.first)
      closeBare(table, session!)
    }
    const found = new Map<number, number>()
    view.forEach((interest, session) => {
      found.set(interest, session)
    })
    const isRight =
      view.count === sessions.length &&
      found.size === sessions.length &&
      sessions.every(({ first, number }) => found.get(first) === number && table.views[first] === view) &&
      view.limits.every((limit, place) => table.places[limit.interest] === place) &&
      Array.from({ length: view.memberCount }, (_, place) => table.places[view.members[place * 2]!] === place).every(
        Boolean,
      )
    if (!isRight) t.fail(`after action ${action}; SEED=${random.seed}`)
  }
  t.true(sessions.length > 0)
})

test('[I4] a view includes all fields or those it names, and begins with the counter of its mode', t => {
  const item = newItem('A')
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

test('[I4] however many fields a view names and whenever they come, it includes those and no others: random choices', t => {
  const random = new Random(seedOr(20_260_241))
  for (let round = 0; round < 60; round++) {
    const view = new View(newItem('A'), 'merge', [], '')
    const model = new Set<number>()
    const idsMax = random.pick([10, 70, 3_000])
    for (let count = random.int(40); count > 0; count--) {
      const id = random.int(idsMax)
      if (!model.has(id)) view.addField(id)
      model.add(id)
      for (let probe = 0; probe < 40; probe++) {
        const asked = random.pick([random.int(idsMax + 40), 0xffff, -1, id])
        if (view.includes(asked) !== model.has(asked)) t.fail(`field ${asked} of ${[...model]}; SEED=${random.seed}`)
      }
    }
  }
  t.pass()
})

test('[I4] an item finds its views by their keys, few or many, as they come and go: random actions', t => {
  const random = new Random(seedOr(20_260_242))
  const item = newItem('A')
  const model = new Map<string, View>()
  let most = 0
  for (let action = 0; action < 3_000; action++) {
    const key = `k${random.int(action < 1_500 ? 40 : 8)}`
    const known = model.get(key) ?? null
    if (item.viewOf(key) !== known) t.fail(`view ${key} after ${action} actions; SEED=${random.seed}`)
    if (known === null) {
      const view = new View(item, 'merge', null, key)
      item.addView(view)
      model.set(key, view)
    } else if (random.chance(0.6)) {
      item.removeView(known)
      model.delete(key)
    }
    most = Math.max(most, model.size)
    if (item.views.length !== model.size) t.is(item.views.length, model.size, `SEED=${random.seed}`)
    if (!item.views.every((view, index) => view.index === index)) t.fail(`places; SEED=${random.seed}`)
  }
  t.true(most > 20)
})
