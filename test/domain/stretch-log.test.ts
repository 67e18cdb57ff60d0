import test from 'ava'
import { StretchColumns, type StretchFunction } from '#src/domain/merge-function.ts'
import { StretchLog } from '#src/domain/stretch-log.ts'
import { AssertionError } from '#src/errors.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { StretchWalk } from '#test/support/stretch-model.ts'

const FUNCTIONS: readonly StretchFunction[] = ['first', 'min', 'max', 'sum', 'count']
const FIRST = 0
const MIN = 1
const MAX = 2
const SUM = 3
const COUNT = 4

function makeLog(entriesMax = 8, onPushOut: (log: StretchLog) => void = () => {}): StretchLog {
  return new StretchLog(new StretchColumns(FUNCTIONS, 64), entriesMax, onPushOut)
}

/** Notes a value of some columns, all of them if none is named. */
function note(log: StretchLog, position: number, text: string | null, ...columns: number[]): void {
  const bytes = Buffer.from(text ?? '')
  for (const column of columns.length === 0 ? FUNCTIONS.keys() : columns) {
    log.note(position, column, bytes, 0, text === null ? -1 : bytes.length)
  }
}

function read(log: StretchLog, position: number, column: number): string | null {
  const out = Buffer.alloc(log.columns.resultBytesMax)
  const length = log.write(column, position, out, 0)
  return length === -1 ? null : out.toString('utf8', 0, length)
}

function readAll(log: StretchLog, position: number): (string | null)[] {
  return FUNCTIONS.map((_, column) => read(log, position, column))
}

function randomWalk(random: Random): StretchWalk {
  return new StretchWalk(random, {
    functions: Array.from({ length: 1 + random.int(5) }, () => random.pick(FUNCTIONS)),
    entriesMax: random.pick([1, 2, 3, 4, 7, 16]),
    textBytesMax: random.pick([8, 64, 200]),
    digitsMax: random.pick([2, 5, 16, 34]),
  })
}

test('[MF1] behind a position stands the function of all updates of the field: first, min, max, sum and count', t => {
  const log = makeLog()
  note(log, 1, '5')
  note(log, 2, '7.50')
  t.deepEqual(readAll(log, 0), ['5', '5', '7.50', '12.50', '2'])
  log.cut()
  note(log, 4, '3')
  note(log, 5, '-2.5', MIN, SUM)
  t.deepEqual(readAll(log, 0), ['5', '-2.5', '7.50', '13.00', '3'])
  t.deepEqual(readAll(log, 2), ['3', '-2.5', '3', '0.5', '1'])
  t.deepEqual(readAll(log, 5), [null, null, null, null, null])
})

test('[MF1] null changes no result, and where there is no other value the result is null', t => {
  const log = makeLog()
  note(log, 1, null)
  t.deepEqual(readAll(log, 0), [null, null, null, null, null])
  note(log, 2, '4')
  log.cut()
  note(log, 3, null)
  t.deepEqual(readAll(log, 0), ['4', '4', '4', '4', '1'])
  t.deepEqual(readAll(log, 2), [null, null, null, null, null])
})

test('[MF1] the smallest and the largest are by value, the earliest of equal ones as it was printed', t => {
  const log = makeLog()
  for (const [index, text] of ['10', '9.0', '9', '1e1', '10.0', '9.00'].entries()) {
    note(log, index + 1, text)
    log.cut()
  }
  t.is(read(log, 0, MIN), '9.0')
  t.is(read(log, 0, MAX), '10')
  t.is(read(log, 2, MIN), '9')
  t.is(read(log, 2, MAX), '1e1')
})

test('[MF1] every answer is that of a model that keeps all updates: random updates, clients, push-outs and set-backs', t => {
  const random = new Random(seedOr(20_260_921))
  let [pushOuts, setBackFar, setBackRefused] = [0, 0, 0]
  for (let round = 0; round < 100; round++) {
    const walk = randomWalk(random)
    const replay = `SEED=${random.seed} round ${round} ${JSON.stringify(walk.settings)}`
    try {
      for (let step = 0; step < 400; step++) {
        walk.update()
        const action = random.int(100)
        const client = walk.clients.length > 0 ? random.pick(walk.clients) : null
        if (client === null || (action < 6 && walk.clients.length < 12)) walk.join()
        else if (action < 8) walk.leave(client)
        else if (action < 12) walk.setBack(client)
        else if (action < 20) walk.check(client, client.position)
        else if (action < 24) walk.checkStarts(client)
        else if (action < 34) walk.checkAnywhere()
        else if (action === 34 && random.chance(0.2)) walk.clear()
        else if (random.chance(client.pace)) walk.serve(client)
        walk.checkBounds()
      }
    } catch (error) {
      t.fail(`${error}; ${replay}`)
      return
    }
    pushOuts += walk.pushOuts
    setBackFar += walk.setBackFar
    setBackRefused += walk.setBackRefused
  }
  t.true(pushOuts > 500, `${pushOuts}`)
  t.true(setBackFar > 0, `${setBackFar}`)
  t.true(setBackRefused > 100, `${setBackRefused}`)
})

test('[MF2] clients are handed the same in all, however often they are served, and whatever is sent once more', t => {
  const random = new Random(seedOr(20_260_922))
  for (let round = 0; round < 60; round++) {
    const walk = randomWalk(random)
    const replay = `SEED=${random.seed} round ${round} ${JSON.stringify(walk.settings)}`
    try {
      for (let client = 0; client < 6; client++) walk.join(true)
      for (let step = 0; step < 300; step++) {
        walk.update()
        for (const client of walk.clients) if (random.chance(client.pace * 0.6)) walk.serve(client)
        if (random.chance(0.05)) walk.setBack(random.pick(walk.clients))
      }
      for (const client of walk.clients) {
        walk.serve(client)
        walk.checkTotals(client)
      }
    } catch (error) {
      t.fail(`${error}; ${replay}`)
      return
    }
  }
  t.pass()
})

test('[MF2] a client that is served at every update is handed each value, one that is served once their function', t => {
  const log = makeLog()
  const handed: (string | null)[] = []
  for (const [index, text] of ['0.1', '0.25', '-3'].entries()) {
    note(log, index + 1, text)
    handed.push(read(log, index, SUM))
    log.cut()
  }
  t.deepEqual(handed, ['0.1', '0.25', '-3'])
  t.is(read(log, 0, SUM), '-2.65')
})

test('[MF3] updates go into one stretch until somebody stands behind it; the stretch beyond the bound pushes the older half out', t => {
  let pushOuts = 0
  const log = makeLog(4, () => pushOuts++)
  const sizes: number[] = []
  for (let position = 1; position <= 9; position++) {
    note(log, position, '1')
    sizes.push(log.size)
    if (position > 2) log.cut()
  }
  t.deepEqual(sizes, [1, 1, 1, 2, 3, 4, 3, 4, 3])
  t.is(pushOuts, 2)
})

test('[MF3] what is pushed out is carried for who lacks it, and given up when nobody does', t => {
  const standing = new Set([1])
  const log = makeLog(2, one => {
    for (const position of standing) one.keep(position)
  })
  for (let position = 1; position <= 10; position++) {
    note(log, position, '1')
    log.cut()
    if (position > 3) t.is(log.carriedSize, 1, `${position}`)
    t.is(read(log, 1, SUM), position === 1 ? null : `${position - 1}`)
  }
  t.is(log.size, 2)
  standing.clear()
  note(log, 11, '1')
  t.is(log.carriedSize, 0)
  t.false(log.hasFrom(SUM, 1))
})

test('[MF3] many positions are carried in as many rows as there were at most, each with its own', t => {
  let standing: number[] = []
  const log = makeLog(4, one => {
    for (const position of standing) one.keep(position)
  })
  let position = 0
  for (let wave = 0; wave < 5; wave++) {
    standing = []
    for (let step = 0; step < 40; step++) {
      if (step < 20) standing.push(position)
      note(log, ++position, `${step}`, MAX, COUNT)
      log.cut()
    }
    t.is(log.carriedSize, 20)
    for (const from of standing)
      t.deepEqual([read(log, from, COUNT), read(log, from, MAX)], [`${position - from}`, '39'])
  }
})

test('[MF4] a position can be gone back to until something behind it was pushed out that is not carried for it', t => {
  const log = makeLog(4)
  for (let position = 1; position <= 4; position++) {
    note(log, position, '1')
    log.cut()
  }
  t.deepEqual(
    [0, 1, 2, 3, 4].map(position => log.hasFrom(SUM, position)),
    [true, true, true, true, true],
  )
  note(log, 5, '1')
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map(position => log.hasFrom(SUM, position)),
    [false, false, true, true, true, true],
  )
  t.throws(() => read(log, 1, SUM), { instanceOf: AssertionError })
  t.is(read(log, 2, SUM), '3')
})

test('[MF4] a position counts for the columns that had no update between it and the push-out, and for no others', t => {
  const standing: number[] = []
  const log = makeLog(2, one => {
    for (const position of standing) one.keep(position)
  })
  note(log, 1, '1', SUM)
  note(log, 2, '1', COUNT)
  log.cut()
  note(log, 3, '1', COUNT)
  log.cut()
  t.true(log.hasFrom(SUM, 1) && log.hasFrom(COUNT, 2))
  note(log, 4, '1', COUNT)
  t.true(log.hasFrom(SUM, 1))
  t.false(log.hasFrom(COUNT, 1))
  t.false(log.hasFrom(SUM, 0))
  // Whoever stands at 1 has the sum only. What is carried for it is whole for the sum, and not for the count.
  log.cut()
  note(log, 5, '1', SUM)
  log.cut()
  standing.push(1)
  note(log, 6, '1', SUM, COUNT)
  log.cut()
  note(log, 7, '1', SUM, COUNT)
  t.is(log.carriedSize, 1)
  t.is(read(log, 1, SUM), '3')
  t.false(log.hasFrom(COUNT, 1))
})

test('[MF4] within a stretch nobody can stand', t => {
  const log = makeLog()
  note(log, 1, '1')
  note(log, 2, '1', SUM)
  note(log, 3, '1')
  for (const [column, expected] of [false, false, false, false, false].entries()) t.is(log.hasFrom(column, 2), expected)
  t.throws(() => read(log, 2, SUM), { instanceOf: AssertionError })
  t.true(log.hasFrom(SUM, 0) && log.hasFrom(SUM, 3))
})

test('[MF5] a function takes null, and what it can compare, add or keep', t => {
  const columns = new StretchColumns(FUNCTIONS, 10)
  const acceptedBy = (text: string | null) => {
    const bytes = Buffer.from(`1${text ?? ''}1`)
    return FUNCTIONS.filter((_, column) => columns.accepts(column, bytes, 1, text === null ? -1 : bytes.length - 2))
  }
  t.deepEqual(acceptedBy(null), FUNCTIONS)
  t.deepEqual(acceptedBy('1.5e3'), FUNCTIONS)
  t.deepEqual(acceptedBy(''), ['first', 'count'])
  t.deepEqual(acceptedBy('open'), ['first', 'count'])
  t.deepEqual(acceptedBy('1234567890'), FUNCTIONS)
  t.deepEqual(acceptedBy('12345678901'), ['min', 'max', 'sum', 'count'])
  t.deepEqual(acceptedBy('x'.repeat(11)), ['count'])
})

test('[MF5] what a function does not take, and positions that fall, are broken invariants', t => {
  for (const column of [MIN, MAX, SUM]) {
    t.throws(() => note(makeLog(), 1, 'x', column), { instanceOf: AssertionError })
    const log = makeLog()
    note(log, 1, '1', column)
    t.throws(() => note(log, 2, 'x', column), { instanceOf: AssertionError })
  }
  t.throws(() => note(makeLog(), 1, 'x'.repeat(65), FIRST), { instanceOf: AssertionError })
  const log = makeLog()
  t.throws(() => note(log, 0, '1'), { instanceOf: AssertionError })
  note(log, 5, '1')
  t.throws(() => note(log, 4, '1'), { instanceOf: AssertionError })
  t.throws(() => log.keep(1), { instanceOf: AssertionError })
  t.throws(() => makeLog(0), { instanceOf: AssertionError })
  t.throws(() => new StretchColumns([], 64), { instanceOf: AssertionError })
})

test('[MF6] when the life of an item has ended, only what comes behind that counts, wherever somebody stood', t => {
  const log = makeLog(2, one => one.keep(1))
  for (let position = 1; position <= 6; position++) {
    note(log, position, '1')
    log.cut()
  }
  t.is(read(log, 1, SUM), '5')
  log.clear()
  t.deepEqual([log.size, log.carriedSize], [0, 0])
  t.deepEqual(readAll(log, 1), [null, null, null, null, null])
  note(log, 8, '4')
  for (const position of [0, 1, 7]) t.is(read(log, position, SUM), '4')
})
