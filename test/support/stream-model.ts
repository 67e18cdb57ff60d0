/**
 * What streams must show of a run of feed lines, slowly and obviously: for each view and item the state at every seq
 * (merge), or the list of all updates (raw).
 */

import type { StreamRecord } from './stream-client.ts'

export interface ModelLine {
  readonly item: string
  readonly fields?: Readonly<Record<string, string | null>>
  readonly snapshot?: boolean
  readonly deleted?: boolean
}

export type Fields = Record<string, string | null>

/** One item as one view shows it. */
export interface ItemHistory {
  seq: number
  /** By seq: all of the view's fields after that update; undefined at 0. */
  readonly states: (Fields | undefined)[]
  /** Raw: what was published, in order. */
  readonly updates: StreamRecord[]
}

export class ViewModel {
  readonly mode: 'merge' | 'raw'
  readonly fields: readonly string[] | null
  readonly items = new Map<string, ItemHistory>()

  constructor(mode: 'merge' | 'raw', fields: readonly string[] | null) {
    this.mode = mode
    this.fields = fields
  }

  /** Publishes an update that turned `before` (null: unknown) into `after`. */
  publish(line: ModelLine, before: Fields | null, after: Fields): void {
    const history = this.#historyOf(line.item)
    const isSnapshot = line.snapshot === true || before === null
    const named = this.#shown(line.fields ?? {})
    const isPublished =
      this.mode === 'raw'
        ? isSnapshot || this.fields === null || Object.keys(named).length > 0
        : before === null || this.#differs(before, after)
    if (!isPublished) return
    history.seq++
    history.states[history.seq] = this.#shown(after)
    if (this.mode === 'raw') {
      const { seq } = history
      history.updates.push({ item: line.item, seq, ...(isSnapshot ? { snapshot: true } : {}), fields: named })
    }
  }

  delete(item: string): void {
    const history = this.#historyOf(item)
    if (this.mode === 'raw') history.updates.push({ item, deleted: true })
  }

  #historyOf(item: string): ItemHistory {
    const known = this.items.get(item)
    if (known !== undefined) return known
    const history: ItemHistory = { seq: 0, states: [undefined], updates: [] }
    this.items.set(item, history)
    return history
  }

  #shown(fields: Fields): Fields {
    if (this.fields === null) return { ...fields }
    return Object.fromEntries(Object.entries(fields).filter(([name]) => this.fields!.includes(name)))
  }

  /** Fields that went away are told to every view: it begins anew with a snapshot. */
  #differs(before: Fields, after: Fields): boolean {
    if (Object.keys(before).some(name => !(name in after))) return true
    return Object.entries(this.#shown(after)).some(([name, value]) => !(name in before) || before[name] !== value)
  }
}

/** Runs the lines through every view; returns the final state of all items. */
export function runModel(lines: readonly ModelLine[], views: readonly ViewModel[]): Map<string, Fields> {
  const items = new Map<string, Fields>()
  for (const line of lines) {
    const before = items.get(line.item) ?? null
    if (line.deleted === true) {
      if (before === null) continue
      items.delete(line.item)
      for (const view of views) view.delete(line.item)
      continue
    }
    const after = { ...(line.snapshot === true ? {} : before), ...line.fields }
    items.set(line.item, after)
    for (const view of views) view.publish(line, before, after)
  }
  return items
}

/** Whether a stream has come to the end of what its view shows, where every item is there; looks at each record once. */
export function completion(view: ViewModel): (all: readonly StreamRecord[]) => boolean {
  const missing = new Set([...view.items.keys()])
  let next = 0
  return all => {
    for (; next < all.length; next++) {
      const { item = '', seq } = all[next]!
      if (seq !== undefined && seq === view.items.get(item)?.seq) missing.delete(item)
    }
    return missing.size === 0
  }
}

/** What is wrong with the records of a merge stream: null when every prefix shows the item as it was at that seq. */
export function mergeProblem(view: ViewModel, records: readonly StreamRecord[]): string | null {
  const seqs = new Map<string, number>()
  const states = new Map<string, Fields>()
  for (const record of records) {
    const { item = '', seq, snapshot, fields, deleted } = record
    if (deleted === true) {
      states.delete(item)
      continue
    }
    if (seq === undefined || fields === undefined) return `neither update nor deletion: ${JSON.stringify(record)}`
    if (seq <= (seqs.get(item) ?? 0)) return `seq does not grow: ${JSON.stringify(record)}`
    if (!states.has(item) && snapshot !== true) return `begins without a snapshot: ${JSON.stringify(record)}`
    seqs.set(item, seq)
    const state = snapshot === true ? { ...fields } : { ...states.get(item), ...fields }
    states.set(item, state)
    const expected = view.items.get(item)?.states[seq]
    if (!isSame(state, expected)) {
      return `${JSON.stringify(record)} makes ${JSON.stringify(state)}, expected ${JSON.stringify(expected)}`
    }
  }
  return null
}

function isSame(fields: Fields, expected: Fields | undefined): boolean {
  if (expected === undefined) return false
  const names = Object.keys(fields)
  return names.length === Object.keys(expected).length && names.every(name => fields[name] === expected[name])
}
