import test from 'ava'
import type { SubscriptionWish } from '#src/client/index.ts'
import { ClientRecorder, stateOf } from '../support/client-recorder.ts'
import { ClientWorld } from '../support/client-world.ts'
import { type FakeFields, filterOf, passes } from '../support/fake-filter.ts'
import { chosenRows, type FakeTableChoice } from '../support/fake-table.ts'
import { DistinctRecorder, TableRecorder, tableText } from '../support/mode-recorders.ts'
import { seedOr } from '../support/random.ts'

const RUNS = 40
const STEPS = 120
const TABLES = ['t.1', 't.2']
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const UPDATED = ['d.1', 'd.2']
const FILTERED = ['m.1', 'm.2']
const FILTER = 'x > 500'

const WHOLE: FakeTableChoice = { fields: null, filter: null, sort: null, from: 0, count: Number.POSITIVE_INFINITY }
const WINDOW: FakeTableChoice = { fields: ['x', 'z'], filter: filterOf('y > 200'), sort: '-x', from: 1, count: 3 }
const WINDOW_WISH: SubscriptionWish = {
  items: 't.*',
  mode: 'command',
  fields: ['x', 'z'],
  filter: 'y > 200',
  sort: '-x',
  from: 1,
  count: 3,
}

/** A world whose items are tables, distinct and filtered, and applications that look on. */
class ModesWorld extends ClientWorld {
  /** Whole tables that were true at some time, by subscription, item and text. */
  readonly truths = new Set<string>()
  readonly whole = new TableRecorder(null, (item, text) => this.#wasTrue('whole', item, text))
  readonly window = new TableRecorder('-x', (item, text) => this.#wasTrue('window', item, text))
  readonly some = new DistinctRecorder()
  readonly newest = new DistinctRecorder()
  readonly filtered = new ClientRecorder(false)
  readonly #counts = new Map<string, number>()

  constructor(seed: number) {
    super(seed)
    const { client } = this
    const subscriptions = [
      client.subscribe({ items: 't.*', mode: 'command' }, this.whole.handlers),
      client.subscribe(WINDOW_WISH, this.window.handlers),
      client.subscribe({ items: 'd.*', mode: 'distinct', snapshot: 3 }, this.some.handlers),
      client.subscribe({ items: [...UPDATED, 'none'], mode: 'distinct', bufferSize: 2 }, this.newest.handlers),
      client.subscribe({ items: 'm.*', filter: FILTER }, this.filtered.handlers),
    ]
    this.pause = () => {
      const one = this.random.pick(subscriptions)
      void (this.random.chance(0.5) ? one.pause() : one.resume()).catch(() => {})
    }
    this.resumeAll = () => subscriptions.forEach(one => void one.resume().catch(() => {}))
  }

  readonly pause: () => void
  readonly resumeAll: () => void

  /** Something that happens to the items. */
  stir(): void {
    const kinds = [() => this.#stirTable(), () => this.#stirUpdated(), () => this.#stirFiltered()]
    this.random.pick(kinds)()
  }

  #stirTable(): void {
    const { model, random } = this
    const name = random.pick(TABLES)
    const key = random.pick(KEYS)
    const x = random.chance(0.2) ? random.pick([null, 'text', 'other']) : this.#number()
    const z = random.chance(0.5) ? { z: this.#number() } : {}
    if (random.chance(0.02)) model.delete(name)
    else this.publishRow(name, key, random.chance(0.3) ? null : { x, y: this.#number(), ...z })
  }

  #stirUpdated(): void {
    const name = this.random.pick(UPDATED)
    if (this.random.chance(0.02)) this.model.delete(name)
    else this.count(name)
  }

  #stirFiltered(): void {
    const { model, random } = this
    const name = random.pick(FILTERED)
    if (random.chance(0.03)) model.delete(name)
    else if (random.chance(0.05)) model.setStale(name, random.chance(0.5))
    else model.publish(name, { [random.pick(['x', 'y'])]: this.#number() })
  }

  #number(): string {
    return String(this.random.int(1_000))
  }

  publishRow(name: string, key: string, fields: FakeFields | null): void {
    this.model.publishRow(name, key, fields)
    const { rows } = this.model.items.get(name)!
    this.truths.add(`whole ${name} ${tableText(chosenRows(rows, WHOLE))}`)
    this.truths.add(`window ${name} ${tableText(chosenRows(rows, WINDOW))}`)
  }

  count(name: string): void {
    const n = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, n)
    this.model.publish(name, { n: `${n}` })
  }

  /** What the applications should have at last, and have not. */
  judge(): void {
    const { model, faults } = this
    for (const recorder of [this.whole, this.window, this.some, this.newest, this.filtered])
      faults.push(...recorder.faults)
    for (const name of TABLES) {
      for (const [recorder, choice] of [
        [this.whole, WHOLE],
        [this.window, WINDOW],
      ] as const) {
        const text = tableText(recorder.tables.get(name)?.rows ?? [])
        const truth = tableText(chosenRows(model.items.get(name)!.rows, choice))
        if (text !== truth) faults.push(`${name} is ${text}, not ${truth}`)
        if (recorder.tables.get(name)?.isComplete !== true) faults.push(`${name} is not complete`)
      }
    }
    for (const name of UPDATED) {
      for (const { items } of [this.some, this.newest]) {
        const [n, last] = [items.get(name)?.n, this.#counts.get(name)]
        if (n !== last) faults.push(`${name} is at ${n}, not ${last}`)
      }
    }
    const passing = [...model.items.values()].filter(({ fields }) => passes(filterOf(FILTER), fields))
    const truth = stateOf(passing, 'm.')
    if (this.filtered.state !== truth) faults.push(`${this.filtered.state} is not ${truth}`)
  }

  /** Where flushes are cut, tables are in between. */
  #wasTrue(subscription: string, item: string, text: string): boolean {
    return Number.isFinite(this.model.flushRowsMax) || this.truths.has(`${subscription} ${item} ${text}`)
  }
}

/** `rowsMax`: that a flush has at most. */
async function run(seed: number, rowsMax: number): Promise<ModesWorld> {
  const world = new ModesWorld(seed)
  const { random, model, runtime, network } = world
  model.flushRowsMax = rowsMax
  for (let step = 0; step < STEPS; step++) {
    for (let count = random.int(5); count > 0; count--) world.stir()
    if (random.chance(0.05)) world.pause()
    if (random.chance(0.01)) model.restart()
    if (random.chance(0.01)) model.forgetLogs()
    if (random.chance(0.03)) for (const session of model.sessions.values()) session.forgetDeletions()
    await runtime.advance(random.int(150))
  }
  network.isCalm = true
  world.resumeAll()
  for (let i = 0; i < 30; i++) {
    if (i === 5) {
      for (const name of TABLES) world.publishRow(name, 'end', { x: '1', y: '900' })
      for (const name of UPDATED) world.count(name)
      for (const name of FILTERED) model.publish(name, { x: '900' })
    }
    await runtime.advance(1_000)
  }
  world.judge()
  await world.close()
  return world
}

test('[CL64] whatever breaks, tables are as the server has them after each flush, and distinct updates come once or are told as lost', async t => {
  const seed = seedOr(20_261_124)
  const counts = { cleared: 0, completed: 0, conflated: 0, history: 0, news: 0, lost: 0, recovered: 0, again: 0 }
  for (let index = 0; index < RUNS; index++) {
    const { faults, whole, window, some, newest, model } = await run(seed + index, index % 4 === 3 ? 3 : Infinity)
    t.deepEqual(faults, [], `SEED=${seed + index}`)
    for (const { counts: own } of [whole, window]) {
      counts.cleared += own.cleared
      counts.completed += own.completed
      counts.conflated += own.conflated
    }
    counts.history += some.counts.history
    counts.news += newest.counts.news
    counts.lost += newest.counts.lost
    counts.recovered += model.welcomes.recovered
    counts.again += model.welcomes.lost
  }
  // The runs are worth something: all of this has happened.
  t.true(
    Object.values(counts).every(count => count > RUNS),
    JSON.stringify(counts),
  )
})
