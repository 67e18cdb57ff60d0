/**
 * What stretches are held to, the slow and obvious way: every update is kept, and each answer is made of all of them; and
 * clients of one item that are served, read, fall behind and are set back at random, with what each was handed.
 */

import { StretchColumns, type StretchFunction } from '#src/domain/merge-function.ts'
import { StretchLog } from '#src/domain/stretch-log.ts'
import { compareModels, type ModelDecimal, modelDecimal, plainText, randomDecimal } from './decimal-model.ts'
import type { Random } from './random.ts'

type Text = string | null

/** What values come to, in the order in which they came. */
export function resultOf(one: StretchFunction, values: readonly Text[]): Text {
  const texts = values.filter(text => text !== null)
  return one === 'count' && texts.length > 0 ? String(texts.length) : resultOfResults(one, texts)
}

/** What results come to that were made of values one behind the other. */
export function resultOfResults(one: StretchFunction, results: readonly Text[]): Text {
  const texts = results.filter(text => text !== null)
  if (texts.length === 0) return null
  switch (one) {
    case 'first':
      return texts[0]!
    case 'count':
    case 'sum':
      return sumOf(texts.map(text => modelDecimal(text) ?? sumParts(text)))
    case 'min':
      return texts.reduce((kept, text) => (compareModels(modelDecimal(text)!, modelDecimal(kept)!) < 0 ? text : kept))
    case 'max':
      return texts.reduce((kept, text) => (compareModels(modelDecimal(text)!, modelDecimal(kept)!) > 0 ? text : kept))
  }
}

/** A sum may have more digits than a decimal. */
function sumParts(text: string): ModelDecimal {
  return { units: BigInt(text.replace('.', '')), scale: text.includes('.') ? text.length - text.indexOf('.') - 1 : 0 }
}

function sumOf(decimals: readonly ModelDecimal[]): string {
  const scale = Math.max(...decimals.map(one => one.scale))
  return plainText(
    decimals.reduce((sum, one) => sum + one.units * 10n ** BigInt(scale - one.scale), 0n),
    scale,
  )
}

interface Update {
  readonly position: number
  readonly column: number
  readonly text: Text
}

/** Somebody who takes some of the columns. */
export interface Client {
  readonly columns: readonly number[]
  /** How likely it is served when its turn comes. */
  readonly pace: number
  position: number
  /** By place in `columns`: what it was handed since `beganAt`, but for what it was set back behind. */
  handed: Text[][]
  beganAt: number
  /** Where it stood before, with how often it had been handed something. */
  past: { readonly position: number; readonly count: number }[]
}

export interface WalkSettings {
  readonly functions: readonly StretchFunction[]
  readonly entriesMax: number
  readonly textBytesMax: number
  readonly digitsMax: number
}

/** One item, its log, and its clients. Whatever is not as it should be throws. */
export class StretchWalk {
  readonly settings: WalkSettings
  readonly log: StretchLog
  clients: Client[] = []
  position = 0
  pushOuts = 0
  /** Of set-backs: those that were possible behind the horizon, and those that were not. */
  setBackFar = 0
  setBackRefused = 0
  readonly #random: Random
  #updates: Update[] = []
  /** The positions of the last updates of the stretches that the log should have. */
  #ends: number[] = []
  #isCut = true
  #horizon = 0
  #keptMax = 0
  readonly #out: Buffer

  constructor(random: Random, settings: WalkSettings) {
    this.#random = random
    this.settings = settings
    const columns = new StretchColumns(settings.functions, settings.textBytesMax)
    this.#out = Buffer.alloc(columns.resultBytesMax)
    this.log = new StretchLog(columns, settings.entriesMax, log => this.#onPushOut(log))
  }

  /** An update of some columns. */
  update(): void {
    const { functions, entriesMax } = this.settings
    this.position++
    const named = functions.map((_, column) => column).filter(() => this.#random.chance(0.6))
    if (named.length === 0) return
    if (this.#isCut && this.#ends.length === entriesMax) {
      this.#horizon = this.#ends.splice(0, Math.ceil(entriesMax / 2)).at(-1)!
    }
    if (this.#isCut) this.#ends.push(this.position)
    else this.#ends[this.#ends.length - 1] = this.position
    this.#isCut = false
    for (const column of named) {
      const text = this.#randomValue(functions[column]!)
      const bytes = Buffer.from(`17${text ?? ''}4`)
      const length = text === null ? -1 : bytes.length - 3
      if (!this.log.columns.accepts(column, bytes, 2, length)) throw new Error(`does not accept ${text}`)
      this.log.note(this.position, column, bytes, 2, length)
      this.#updates.push({ position: this.position, column, text })
    }
    if (this.log.size !== this.#ends.length) throw new Error(`${this.log.size} stretches, not ${this.#ends.length}`)
  }

  /** A client of all columns, or of some, which is served with a chance of its own. */
  join(isOfAll = false): void {
    const all = [...this.settings.functions.keys()]
    const some = isOfAll ? all : all.filter(() => this.#random.chance(0.5))
    const columns = some.length > 0 ? some : [this.#random.pick(all)]
    const pace = this.#random.pick([1, 0.5, 0.1, 0.01, 0])
    this.position++
    const { position } = this
    this.clients.push({ columns, pace, position, handed: columns.map(() => []), beganAt: position, past: [] })
    this.#cut()
  }

  leave(client: Client): void {
    this.clients = this.clients.filter(one => one !== client)
  }

  /** Hands a client what it lacks. It then stands here, or where the last update of its columns was. */
  serve(client: Client): void {
    client.past.push({ position: client.position, count: client.handed[0]!.length })
    for (const [place, text] of this.check(client, client.position).entries()) client.handed[place]!.push(text)
    const last = this.#updates.findLast(({ column }) => client.columns.includes(column))
    this.position++
    client.position = this.#random.chance(0.5) ? this.position : (last?.position ?? this.position)
    this.#cut()
  }

  /** Sets a client back to where it stood before, if that is still known; else it begins anew. */
  setBack(client: Client): void {
    if (client.past.length === 0) return
    const past = client.past[this.#random.int(client.past.length)]!
    const { position, count } = past
    const isKnown = client.columns.every(column => this.log.hasFrom(column, position))
    if (isKnown) {
      if (position < this.#horizon) this.setBackFar++
      this.check(client, position)
      client.position = position
      for (const texts of client.handed) texts.length = count
      client.past = client.past.slice(0, client.past.indexOf(past))
      return
    }
    if (position >= this.#horizon) throw new Error(`${position} is not known, with a horizon of ${this.#horizon}`)
    this.setBackRefused++
    this.leave(client)
    this.join()
  }

  /** The item's life ends. What nobody was handed is gone. */
  clear(): void {
    this.position++
    this.log.clear()
    this.#updates = []
    this.#ends = []
    this.#isCut = true
    this.#horizon = 0
    for (const client of this.clients) {
      client.beganAt = this.position
      client.handed = client.columns.map(() => [])
      client.past = client.past.map(({ position }) => ({ position, count: 0 }))
    }
  }

  /** What the log has behind a position for a client's columns, after a look whether it is so. */
  check(client: Client, position: number): Text[] {
    return client.columns.map(column => {
      if (!this.log.hasFrom(column, position)) throw new Error(`column ${column} has nothing from ${position}`)
      return this.#checkColumn(column, position)
    })
  }

  /** Positions of one client with the same earliest start have the same results. */
  checkStarts(client: Client): void {
    const byStart = new Map<number, string>()
    for (const { position } of [...client.past, client]) {
      if (position < this.#horizon) continue
      const start = Math.min(...client.columns.map(column => this.log.startOf(column, position)))
      const results = JSON.stringify(this.check(client, position))
      if ((byStart.get(start) ?? results) !== results) throw new Error(`from ${position}, start ${start}: ${results}`)
      byStart.set(start, results)
    }
  }

  /** Whatever position is asked for, by whomever: what the log says it has is so. */
  checkAnywhere(): void {
    const { functions } = this.settings
    const others = this.clients.flatMap(({ position, past }) => [position, ...past.map(one => one.position)])
    const position = this.#random.pick([this.#random.int(this.position + 1), ...others])
    for (const column of functions.keys()) {
      if (this.log.hasFrom(column, position)) this.#checkColumn(column, position)
    }
  }

  /** All that a client was handed comes to what all updates since it began come to. */
  checkTotals(client: Client): void {
    for (const [place, column] of client.columns.entries()) {
      const one = this.settings.functions[column]!
      const total = resultOfResults(one, client.handed[place]!)
      const expected = this.#result(column, client.beganAt)
      if (total !== expected) throw new Error(`${one} in parts: ${client.handed[place]}, not ${expected}`)
    }
  }

  /** There is no more carried than was asked for the last time. */
  checkBounds(): void {
    const { size, carriedSize } = this.log
    if (size > this.settings.entriesMax) throw new Error(`${size} stretches`)
    if (carriedSize > this.#keptMax) throw new Error(`${carriedSize} positions carried, ${this.#keptMax} kept`)
  }

  #checkColumn(column: number, position: number): Text {
    const expected = this.#result(column, position)
    const length = this.log.write(column, position, this.#out, 0)
    const text = length === -1 ? null : this.#out.toString('utf8', 0, length)
    if (text === expected) return text
    throw new Error(`${this.settings.functions[column]} from ${position}: ${text}, not ${expected}`)
  }

  #onPushOut(log: StretchLog): void {
    this.pushOuts++
    const positions = this.clients.filter(client => this.#lacks(client)).map(client => client.position)
    this.#keptMax = new Set(positions.filter(position => position < this.#horizon)).size
    for (const position of positions) log.keep(position)
  }

  #lacks({ columns, position }: Client): boolean {
    return this.#updates.some(one => one.position > position && columns.includes(one.column))
  }

  #result(column: number, position: number): Text {
    const updates = this.#updates.filter(one => one.column === column && one.position > position)
    return resultOf(
      this.settings.functions[column]!,
      updates.map(one => one.text),
    )
  }

  #cut(): void {
    this.log.cut()
    this.#isCut = true
  }

  #randomValue(one: StretchFunction): Text {
    const random = this.#random
    if (random.chance(0.1)) return null
    if (one === 'first' || one === 'count')
      return random.pick(['', 'x', 'ü€', 'open']).repeat(random.int(this.settings.textBytesMax >> 3))
    return random.chance(0.3)
      ? random.pick(['1', '1.0', '1.00', '-1', '0', '-0', '1e0'])
      : randomDecimal(random, this.settings.digitsMax)
  }
}
