import test from 'ava'
import { AssertionError } from '#src/errors.ts'
import { TICK_MS, type Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import { Random, seedOr } from '#test/support/random.ts'

const START_MS = 1_790_000_000_000.75
const SECOND_MS = 1000
const HOUR_MS = 3_600_000

class Entry implements Timed {
  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly name: string
  readonly #action: (entry: Entry, nowMs: number) => void

  constructor(name: string, action: (entry: Entry, nowMs: number) => void = () => {}) {
    this.name = name
    this.#action = action
  }

  onTimer(nowMs: number): void {
    this.#action(this, nowMs)
  }
}

/** The tick on which an entry may fire: due rounded up, and later than the tick in which it was scheduled. */
function tickOf(dueMs: number, nowMs: number): number {
  return Math.max(Math.ceil(dueMs / TICK_MS), Math.floor(nowMs / TICK_MS) + 1)
}

/** Moves the time in steps of a tick until the entry has fired; returns the time at which it did. */
function firedAtMs(wheel: TimingWheel, entry: Timed, fromMs: number): number {
  let nowMs = fromMs
  while (wheel.isScheduled(entry)) {
    nowMs = Math.floor(nowMs / TICK_MS + 1) * TICK_MS
    wheel.advance(nowMs)
  }
  return nowMs
}

test('[T1] an entry fires never early and at most one tick late, on all levels', t => {
  const delaysMs = [
    0.1, 1, 4, 5, 1019, 1020, 1024, 1025, 1028, 2048, 10_000, 60_000, 262_143, 262_144, 262_150, 300_000,
  ]
  for (const offsetMs of [0, 3.2, 1000, 262_000]) {
    for (const delayMs of delaysMs) {
      const startMs = START_MS + offsetMs
      const wheel = new TimingWheel(startMs)
      const entry = new Entry('a')
      wheel.schedule(entry, startMs + delayMs)
      const lateMs = firedAtMs(wheel, entry, startMs) - (startMs + delayMs)
      t.true(lateMs >= 0, `${delayMs} after ${offsetMs}: ${-lateMs} ms early`)
      t.true(lateMs < TICK_MS, `${delayMs} after ${offsetMs}: ${lateMs} ms late`)
    }
  }
})

test('[T1] an entry that is already due fires on the next tick', t => {
  const wheel = new TimingWheel(START_MS)
  for (const dueMs of [START_MS, START_MS - HOUR_MS, 0, Number.NEGATIVE_INFINITY]) {
    const entry = new Entry('a')
    wheel.schedule(entry, dueMs)
    t.is(entry.timerDueMs, tickOf(START_MS, START_MS) * TICK_MS)
    t.is(wheel.advance(START_MS), 0)
  }
  t.is(wheel.advance(START_MS + TICK_MS), 4)
})

test('[T2] entries fire in the order of their ticks, within one and over all levels', t => {
  const wheel = new TimingWheel(START_MS)
  const fired: string[] = []
  const delaysMs = [90 * HOUR_MS, 5, 300_000, 2000, HOUR_MS, 1, 30 * HOUR_MS, 1500, 300_001, 200 * HOUR_MS]
  for (const delayMs of delaysMs) {
    wheel.schedule(new Entry(String(delayMs), entry => fired.push(entry.name)), START_MS + delayMs)
  }
  t.is(wheel.size, 10)
  t.is(wheel.advance(START_MS + 250 * HOUR_MS), 10)
  t.deepEqual(
    fired.map(Number),
    delaysMs.toSorted((a, b) => a - b),
  )
  t.is(wheel.size, 0)
})

test('[T3] a jump of hours or years fires everything in it, and nothing else', t => {
  const wheel = new TimingWheel(START_MS)
  const entries = [HOUR_MS, 18 * HOUR_MS, 19 * HOUR_MS, 50 * HOUR_MS, 80_000 * HOUR_MS].map(delayMs => {
    const entry = new Entry(String(delayMs))
    wheel.schedule(entry, START_MS + delayMs)
    return entry
  })
  t.is(wheel.advance(START_MS + 18.5 * HOUR_MS), 2)
  t.is(wheel.advance(START_MS + 40 * HOUR_MS), 1)
  t.is(wheel.advance(START_MS + 49.999 * HOUR_MS), 0)
  t.is(wheel.advance(START_MS + 79_999 * HOUR_MS), 1)
  t.true(wheel.isScheduled(entries[4]!))
  t.is(wheel.advance(START_MS + 80_001 * HOUR_MS), 1)
})

test('[T3] time that stands still or goes back fires nothing', t => {
  const wheel = new TimingWheel(START_MS)
  const entry = new Entry('a')
  wheel.schedule(entry, START_MS + 100)
  t.is(wheel.advance(START_MS), 0)
  t.is(wheel.advance(START_MS - HOUR_MS), 0)
  t.is(wheel.advance(START_MS + 99), 0)
  t.is(wheel.advance(START_MS + 104), 1)
})

test('[T4] an entry may schedule itself again', t => {
  const wheel = new TimingWheel(START_MS)
  let fired = 0
  const entry = new Entry('a', (self, nowMs) => {
    t.false(wheel.isScheduled(self))
    if (++fired < 5) wheel.schedule(self, nowMs + 20)
  })
  wheel.schedule(entry, START_MS + 20)
  for (let ms = 0; ms < 200; ms++) wheel.advance(START_MS + ms)
  t.is(fired, 5)
  t.is(wheel.size, 0)
})

test('[T4] an entry may cancel and move others, of its own tick too', t => {
  const wheel = new TimingWheel(START_MS)
  const fired: string[] = []
  const note = (entry: Entry): number => fired.push(entry.name)
  const [b, c, d] = [new Entry('b', note), new Entry('c', note), new Entry('d', note)]
  const a = new Entry('a', (self, nowMs) => {
    note(self)
    wheel.cancel(b)
    wheel.schedule(c, nowMs + 50)
    wheel.schedule(d, START_MS + 60)
  })
  for (const entry of [a, b, c]) wheel.schedule(entry, START_MS + 10)
  wheel.schedule(d, START_MS + 5000)
  t.is(wheel.advance(START_MS + 40), 1)
  t.deepEqual(fired, ['a'])
  t.is(wheel.size, 2)
  wheel.advance(START_MS + 5000)
  t.deepEqual(fired, ['a', 'd', 'c'])
})

test('[T4] what is scheduled as due during an advance fires in the next one, so that every advance ends', t => {
  const wheel = new TimingWheel(START_MS)
  let fired = 0
  const entry = new Entry('a', self => {
    fired++
    wheel.schedule(self, START_MS)
  })
  wheel.schedule(entry, START_MS + 10)
  t.is(wheel.advance(START_MS + HOUR_MS), 1)
  t.is(wheel.advance(START_MS + HOUR_MS), 0)
  t.is(wheel.advance(START_MS + HOUR_MS + TICK_MS), 1)
  t.is(fired, 2)
})

test('[T4] an entry that throws ends the advance; the others fire in the next one', t => {
  const wheel = new TimingWheel(START_MS)
  const fired: string[] = []
  const bad = new Entry('bad', () => {
    throw new Error('bad entry')
  })
  wheel.schedule(bad, START_MS + 10)
  for (const name of ['b', 'c']) wheel.schedule(new Entry(name, entry => fired.push(entry.name)), START_MS + 10)
  wheel.schedule(new Entry('d', entry => fired.push(entry.name)), START_MS + 2000)
  t.throws(() => wheel.advance(START_MS + 3000), { message: 'bad entry' })
  wheel.schedule(new Entry('e', entry => fired.push(entry.name)), START_MS + 100)
  t.is(wheel.size, 4)
  t.is(wheel.advance(START_MS + 3000), 3)
  t.is(wheel.advance(START_MS + 3004), 1)
  t.deepEqual(fired, ['b', 'c', 'd', 'e'])
})

test('[T5] an entry is on the wheel once: scheduling it again moves it, cancelling it takes it off', t => {
  const wheel = new TimingWheel(START_MS)
  const entry = new Entry('a')
  t.false(wheel.isScheduled(entry))
  wheel.cancel(entry)
  wheel.schedule(entry, START_MS + 5000)
  wheel.schedule(entry, START_MS + 10)
  t.is(wheel.size, 1)
  t.is(wheel.advance(START_MS + 20), 1)
  t.is(wheel.advance(START_MS + 6000), 0)
  wheel.schedule(entry, START_MS + 7000)
  wheel.cancel(entry)
  wheel.cancel(entry)
  t.false(wheel.isScheduled(entry))
  t.is(wheel.size, 0)
  t.is(wheel.advance(START_MS + 8000), 0)
})

test('[T6] the next due time is Infinity without entries, exact for near ones, and never too late', t => {
  const wheel = new TimingWheel(START_MS)
  const [near, far] = [new Entry('near'), new Entry('far')]
  t.is(wheel.nextDueMs(), Number.POSITIVE_INFINITY)
  wheel.schedule(far, START_MS + 30 * HOUR_MS)
  t.true(wheel.nextDueMs() <= START_MS + 30 * HOUR_MS)
  wheel.schedule(near, START_MS + 500)
  t.is(wheel.nextDueMs(), near.timerDueMs)
  wheel.cancel(near)
  t.true(wheel.nextDueMs() > START_MS + 500)
  let looks = 0
  for (let nextMs = wheel.nextDueMs(); nextMs !== Number.POSITIVE_INFINITY; nextMs = wheel.nextDueMs()) {
    looks++
    wheel.advance(nextMs)
  }
  t.false(wheel.isScheduled(far))
  t.true(looks <= 4, `a thread that sleeps until the next due time wakes ${looks} times for one entry`)
})

test('[T7] a time that is none is a broken invariant, and so is an advance within an advance', t => {
  const broken = { instanceOf: AssertionError }
  const wheel = new TimingWheel(START_MS)
  for (const dueMs of [Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => wheel.schedule(new Entry('a'), dueMs), broken)
  for (const nowMs of [Number.NaN, -1, Number.POSITIVE_INFINITY]) t.throws(() => new TimingWheel(nowMs), broken)
  wheel.schedule(new Entry('a', (_, nowMs) => wheel.advance(nowMs)), START_MS + 1)
  t.throws(() => wheel.advance(START_MS + 10), broken)
  t.is(wheel.size, 0)
})

interface Planned {
  readonly entry: Entry
  readonly tick: number
}

/** Runs random actions on a wheel and on a plain list that is searched in full. */
test('[T2] random actions against a list', t => {
  const seed = seedOr(20_260_105)
  const random = new Random(seed)
  for (let round = 0; round < 40; round++) {
    let nowMs = random.pick([0, START_MS, 4 * 2 ** 32 - 5000, 4 * 256 * 256 * 5 - 700])
    const wheel = new TimingWheel(nowMs)
    let planned: Planned[] = []
    let fired: Entry[] = []
    const plan = (entry: Entry): void => {
      const dueMs =
        nowMs + random.pick([0, 10, SECOND_MS, 100 * SECOND_MS, HOUR_MS, 50 * HOUR_MS]) * random.int(1000) * 0.001
      wheel.schedule(entry, dueMs)
      planned = planned.filter(each => each.entry !== entry)
      planned.push({ entry, tick: tickOf(dueMs, nowMs) })
    }
    const drop = (entry: Entry): void => {
      wheel.cancel(entry)
      planned = planned.filter(each => each.entry !== entry)
    }
    // Each entry that fires may move or cancel another one, or itself: what then follows is planned like the rest.
    const entries = Array.from({ length: 40 }, (_, index) => {
      return new Entry(String(index), entry => {
        fired.push(entry)
        const isFirst = planned.every(each => each.tick >= planned.find(own => own.entry === entry)!.tick)
        t.true(isFirst, `entry ${index} before its turn; SEED=${seed}`)
        planned = planned.filter(each => each.entry !== entry)
        if (random.chance(0.3)) plan(random.pick(entries))
        if (random.chance(0.1)) drop(random.pick(entries))
      })
    })
    for (let action = 0; action < 300; action++) {
      if (random.chance(0.4)) plan(random.pick(entries))
      else if (random.chance(0.2)) drop(random.pick(entries))
      else {
        nowMs += random.pick([0.5, 4, 100, SECOND_MS, 60 * SECOND_MS, HOUR_MS, 30 * HOUR_MS]) * random.int(1000) * 0.002
        fired = []
        t.is(wheel.advance(nowMs), fired.length, `SEED=${seed}`)
        const left = planned.filter(each => each.tick <= Math.floor(nowMs / TICK_MS))
        t.is(left.length, 0, `all that is due has fired; SEED=${seed}`)
      }
      const first = planned.reduce((least, each) => Math.min(least, each.tick), Number.POSITIVE_INFINITY)
      t.true(wheel.nextDueMs() <= first * TICK_MS, `SEED=${seed}`)
      t.is(wheel.nextDueMs() === Number.POSITIVE_INFINITY, planned.length === 0, `SEED=${seed}`)
      t.is(wheel.size, planned.length, `SEED=${seed}`)
    }
    for (const entry of entries) {
      const own = planned.find(each => each.entry === entry)
      t.is(wheel.isScheduled(entry), own !== undefined)
      if (own !== undefined) t.is(entry.timerDueMs, own.tick * TICK_MS)
    }
  }
})
