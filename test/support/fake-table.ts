/**
 * One table of the fake server as a subscription sees it, and what its client has of it: slow and plain, by comparing the two.
 *
 *  - `refresh` takes the table's rows, chooses and counts: a seq for each row that came, changed or went.
 *  - `flush` says what the client lacks, in the order of seq, and counts it as sent; `has` can be kept, and put back.
 */

import { type FakeFields, type FakeFilter, passes } from './fake-filter.ts'

type Entry = readonly [key: string, fields: FakeFields]

interface ViewRow {
  readonly seq: number
  /** Another one when it went and came again. */
  readonly bornSeq: number
  readonly fields: FakeFields
}

/** What a client has. Never changed, only replaced. */
export interface FakeHas {
  readonly isComplete: boolean
  readonly rows: ReadonlyMap<string, ViewRow>
}

export interface FakeTableChoice {
  readonly fields: readonly string[] | null
  readonly filter: FakeFilter | null
  readonly sort: string | null
  readonly from: number
  readonly count: number
}

export class FakeTable {
  /** Null: nothing, not even an empty table. */
  has: FakeHas | null = null
  readonly #choice: FakeTableChoice
  #rows = new Map<string, ViewRow>()
  /** The seq with which rows went. */
  readonly #gone = new Map<string, number>()
  #seq: number

  /** `seq`: of the last change, before anybody looked. */
  constructor(choice: FakeTableChoice, seq: number) {
    this.#choice = choice
    this.#seq = seq
  }

  refresh(all: ReadonlyMap<string, FakeFields>): void {
    const before = this.#rows
    this.#rows = new Map()
    for (const [key, fields] of chosenRows(all, this.#choice)) {
      const old = before.get(key)
      if (old !== undefined && sameFields(old.fields, fields)) this.#rows.set(key, old)
      else this.#rows.set(key, { seq: ++this.#seq, bornSeq: old?.bornSeq ?? this.#seq, fields })
    }
    for (const key of before.keys()) if (!this.#rows.has(key)) this.#gone.set(key, ++this.#seq)
  }

  get isBehind(): boolean {
    return this.has?.isComplete !== true || this.#lacking(this.has.rows).length > 0
  }

  /** At most `rowsMax` rows; what is left is for the next one. */
  flush(rowsMax: number): object[] {
    const records: object[] = this.has === null ? [{ cleared: true }] : []
    const had = this.has ?? { isComplete: false, rows: new Map<string, ViewRow>() }
    const lacking = this.#lacking(had.rows)
    const sent = lacking.slice(0, rowsMax)
    const rows = new Map(had.rows)
    for (const { key, row, record } of sent) {
      if (row === null) rows.delete(key)
      else rows.set(key, row)
      records.push(record)
    }
    const isWhole = sent.length === lacking.length
    // Whoever was set back may be told once more.
    if (isWhole && !had.isComplete) records.push({ snapshotEnd: true })
    this.has = { isComplete: had.isComplete || isWhole, rows }
    return records
  }

  #lacking(had: ReadonlyMap<string, ViewRow>): { seq: number; key: string; row: ViewRow | null; record: object }[] {
    const lacking: { seq: number; key: string; row: ViewRow | null; record: object }[] = []
    for (const [key, row] of this.#rows) {
      const record = recordOf(key, had.get(key), row)
      if (record !== null) lacking.push({ seq: row.seq, key, row, record })
    }
    for (const key of had.keys()) {
      if (this.#rows.has(key)) continue
      const seq = this.#gone.get(key)!
      lacking.push({ seq, key, row: null, record: { seq, key, command: 'DELETE' } })
    }
    return lacking.sort((a, b) => a.seq - b.seq)
  }
}

/** The rows that a subscription shows, in its order where it has one. */
export function chosenRows(all: ReadonlyMap<string, FakeFields>, choice: FakeTableChoice): Entry[] {
  const { fields: names, filter, sort, from, count } = choice
  const rows = [...all].filter(([, fields]) => passes(filter, fields))
  const shown = sort === null ? rows : rows.sort(orderOf(sort)).slice(from, from + count)
  const isShown = (name: string): boolean => names?.includes(name) !== false
  return shown.map(([key, fields]) => [
    key,
    Object.fromEntries(Object.entries(fields).filter(([name]) => isShown(name))),
  ])
}

/** What brings a client from the row that it had to the one that is; null: nothing. */
function recordOf(key: string, had: ViewRow | undefined, { seq, bornSeq, fields }: ViewRow): object | null {
  if (had?.seq === seq) return null
  const isAnother = had?.bornSeq !== bornSeq || Object.keys(had.fields).some(name => !(name in fields))
  if (isAnother) return { seq, key, command: 'ADD', fields }
  const changes = Object.entries(fields).filter(([name, value]) => had.fields[name] !== value)
  return { seq, key, command: 'UPDATE', fields: Object.fromEntries(changes) }
}

function sameFields(a: FakeFields, b: FakeFields): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => name in b && a[name] === b[name])
}

/** Of the values that tests give: small whole numbers, texts of letters, null or none. */
export function orderOf(sort: string): (a: Entry, b: Entry) => number {
  const isDown = sort.startsWith('-')
  const field = isDown ? sort.slice(1) : sort
  const kindOf = (value: string | null): number => (value === null ? 2 : /^-?\d+$/.test(value) ? 0 : 1)
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return ([aKey, aFields], [bKey, bFields]) => {
    const [a, b] = [aFields[field] ?? null, bFields[field] ?? null]
    const kind = kindOf(a)
    if (kind !== kindOf(b)) return kind - kindOf(b)
    const order = kind === 0 ? Number(a) - Number(b) : kind === 1 ? compare(a!, b!) : 0
    return (isDown ? -order : order) || compare(aKey, bKey)
  }
}
