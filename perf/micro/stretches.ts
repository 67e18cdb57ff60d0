/**
 * What merge functions cost. An update of an item is noted in its log of stretches: open, high, low, volume and trades are
 * functions of its trades, of prices with 6 digits and sizes with 9, or with 18 behind the point as tokens have them, whose
 * sums are beyond 2^53. Then the five results are read: by nobody, by one who is served at every update, and by another who
 * stands so many updates behind.
 *
 *   node perf/micro/stretches.ts [--small]
 *
 * CPU time of this process, so that others on the machine disturb it little.
 */

import { StretchColumns } from '#src/domain/merge-function.ts'
import { StretchLog } from '#src/domain/stretch-log.ts'

export interface MicroResult {
  readonly name: string
  readonly nsPerUpdate: number
  /** Made of all that was read, so that nothing is optimised away; the same for the same size. */
  readonly hash: number
}

interface Load {
  readonly name: string
  readonly sizes: readonly Buffer[]
  readonly hasNearReader: boolean
  /** How many updates behind the other reader stands: always as many, or at most when it is served so seldom; 0: there is none. */
  readonly behind: number
  readonly behindMax: number
}

const FUNCTIONS = ['first', 'max', 'min', 'sum', 'count'] as const
const SUM_COLUMN = 3
const ENTRIES_MAX = 32
const TEXT_BYTES_MAX = 64
const UPDATES_SMALL = 2_100
const UPDATES = 100_000
const REPEATS = 5
/** Updates with values of their own. */
const VALUES = 1_024

const PRICES = valuesOf(index => `${100 + (index % 7)}.${digitsOf(index * 37, 3)}`)
const SIZES = valuesOf(index => `${100 + (index % 800)}.${digitsOf(index * 104_729, 6)}`)
const TOKENS = valuesOf(index => `${index % 800}.${digitsOf(index * 104_729, 18)}`)

/** Each figure is the best of several. */
export function run(isSmall: boolean): MicroResult[] {
  const near = { sizes: SIZES, hasNearReader: true, behind: 0, behindMax: 0 }
  const loads: Load[] = [
    { ...near, name: 'noted', hasNearReader: false },
    { ...near, name: 'noted, sums beyond 2^53', sizes: TOKENS, hasNearReader: false },
    { ...near, name: 'and read at once' },
    { ...near, name: 'and read by one who is 15 updates behind', behind: 15 },
    { ...near, name: 'and read by one who is up to 1,000 updates behind', behindMax: 1_000 },
  ]
  return loads.map(load => {
    const results = Array.from({ length: isSmall ? 1 : REPEATS }, () =>
      measure(load, isSmall ? UPDATES_SMALL : UPDATES),
    )
    return results.sort((a, b) => a.nsPerUpdate - b.nsPerUpdate)[0]!
  })
}

function measure({ name, sizes, hasNearReader, behind, behindMax }: Load, updates: number): MicroResult {
  let far = 0
  let hash = 0
  const log = new StretchLog(new StretchColumns(FUNCTIONS, TEXT_BYTES_MAX), ENTRIES_MAX, () => log.keep(far))
  const out = Buffer.alloc(log.columns.resultBytesMax)
  const read = (position: number): void => {
    for (let column = 0; column < FUNCTIONS.length; column++) {
      const length = log.write(column, position, out, 0)
      hash = (Math.imul(hash, 31) + length + out[length - 1]!) | 0
    }
  }
  const before = process.cpuUsage()
  for (let position = 1; position <= updates; position++) {
    for (let column = 0; column < FUNCTIONS.length; column++) {
      const value = (column === SUM_COLUMN ? sizes : PRICES)[position % VALUES]!
      log.note(position, column, value, 0, value.length)
    }
    if (!hasNearReader) continue
    read(position - 1)
    if (behind > 0 || behindMax > 0) read(far)
    log.cut()
    if (behindMax === 0) far = Math.max(0, position - behind)
    else if (position - far === behindMax) far = position
  }
  const { user, system } = process.cpuUsage(before)
  if (!hasNearReader) read(0)
  return { name, nsPerUpdate: ((user + system) * 1e3) / updates, hash }
}

function valuesOf(textOf: (index: number) => string): Buffer[] {
  return Array.from({ length: VALUES }, (_, index) => Buffer.from(textOf(index)))
}

/** The last digits of a number, which seem to be drawn. */
function digitsOf(number: number, count: number): string {
  return String(number).padStart(count, '3').slice(-count)
}

if (import.meta.main) {
  for (const { name, nsPerUpdate, hash } of run(process.argv.includes('--small'))) {
    console.log(`${name.padEnd(50)} ${nsPerUpdate.toFixed(0).padStart(6)} ns an update   (${hash})`)
  }
}
