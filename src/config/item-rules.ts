/**
 * The setting `itemRules`: what is set for items by their names, as a JSON array. The file of settings holds it as an array,
 * a flag or a variable as its text.
 *
 *   [{ "items": "book.*", "table": true },
 *    { "items": ["trades.*"], "modes": ["distinct", "raw"], "history": 50, "logUpdates": 2000 },
 *    { "items": "bars.*", "merge": { "open": "first", "high": "max", "low": "min", "volume": "sum", "trades": "count" } }]
 *
 * The first rule that fits counts. Every problem is told with the number of its rule, from 1.
 */

import { FieldFunctions } from '#src/domain/field-functions.ts'
import { type ItemRule, ItemRules, type ItemSettings } from '#src/domain/item-settings.ts'
import type { MergeFunction } from '#src/domain/merge-function.ts'
import { isName } from '#src/domain/names.ts'
import { MODES, type Mode } from '#src/domain/session-request.ts'

const RULES_MAX = 256
const PATTERNS_MAX = 1_000
const FUNCTIONS_MAX = 16
const NAME_BYTES_MAX = 4_096
const MERGE_FUNCTIONS: readonly MergeFunction[] = ['last', 'first', 'min', 'max', 'sum', 'count']

const STRETCHES_MIN = 2
const STRETCHES_MAX = 4_096
const FREQUENCY_MAX = 1_000
const HISTORY_MAX = 100_000
const LOG_UPDATES_MAX = 1_000_000
const LOG_BYTES_MIN = 1_024
const LOG_BYTES_MAX = 64 * 1_048_576

type Draft<T> = { -readonly [K in keyof T]: T[K] }
type Reader = (settings: Draft<Partial<ItemSettings>>, value: unknown) => string | null

const READERS: Readonly<Record<string, Reader>> = {
  modes: (settings, value) => {
    const isGood = Array.isArray(value) && value.length > 0 && value.every(one => MODES.includes(one as Mode))
    if (!isGood) return `must be a list of ${MODES.join(', ')}`
    settings.modes = value as Mode[]
    return null
  },
  table: (settings, value) => {
    if (typeof value !== 'boolean') return 'must be true or false'
    settings.isTable = value
    return null
  },
  snapshot: (settings, value) => {
    if (typeof value !== 'boolean') return 'must be true or false'
    settings.hasSnapshot = value
    return null
  },
  maxFrequency: (settings, value) => {
    if (!isBetween(value, 1e-9, FREQUENCY_MAX)) return `must be a number above 0 up to ${FREQUENCY_MAX}`
    settings.maxFrequency = value
    return null
  },
  history: (settings, value) => {
    if (!isInteger(value, 0, HISTORY_MAX)) return `must be an integer from 0 to ${HISTORY_MAX}`
    settings.historyMax = value
    settings.keepsLog = value > 0
    return null
  },
  logUpdates: (settings, value) => {
    if (!isInteger(value, 1, LOG_UPDATES_MAX)) return `must be an integer from 1 to ${LOG_UPDATES_MAX}`
    settings.logUpdates = value
    return null
  },
  logBytes: (settings, value) => {
    if (!isInteger(value, LOG_BYTES_MIN, LOG_BYTES_MAX)) {
      return `must be an integer from ${LOG_BYTES_MIN} to ${LOG_BYTES_MAX}`
    }
    settings.logBytes = value
    return null
  },
  merge: (settings, value) => {
    if (!isObject(value)) return 'must be an object of fields with their functions'
    const entries = Object.entries(value)
    if (entries.length > FUNCTIONS_MAX) return `has more than ${FUNCTIONS_MAX} fields`
    for (const [name, merge] of entries) {
      if (!isName(name, NAME_BYTES_MAX)) return `${JSON.stringify(name)} is no name of a field`
      if (!MERGE_FUNCTIONS.includes(merge as MergeFunction)) {
        return `${JSON.stringify(name)} must be one of ${MERGE_FUNCTIONS.join(', ')}`
      }
    }
    const functions = new Map((entries as [string, MergeFunction][]).filter(([, merge]) => merge !== 'last'))
    settings.functions = functions.size === 0 ? null : new FieldFunctions(functions)
    return null
  },
  stretches: (settings, value) => {
    if (!isInteger(value, STRETCHES_MIN, STRETCHES_MAX)) {
      return `must be an integer from ${STRETCHES_MIN} to ${STRETCHES_MAX}`
    }
    settings.stretches = value
    return null
  },
}

/** What the server's settings say of items. */
export function itemRulesOf(config: {
  readonly itemRules: string
  readonly rawLogBytes: number
  readonly rawLogUpdates: number
}): ItemRules {
  return new ItemRules(readItemRules(config.itemRules), {
    logBytes: config.rawLogBytes,
    logUpdates: config.rawLogUpdates,
  })
}

/** The rules of a text that was found good. */
export function readItemRules(text: string): readonly ItemRule[] {
  const rules = parse(text)
  if (typeof rules === 'string') throw new Error(rules)
  return rules
}

/** What is wrong with the text; null when nothing is. */
export function itemRulesProblem(text: string): string | null {
  const rules = parse(text)
  return typeof rules === 'string' ? rules : null
}

function parse(text: string): readonly ItemRule[] | string {
  if (text === '') return []
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    return 'is no JSON'
  }
  if (!Array.isArray(given)) return 'is no list of rules'
  if (given.length > RULES_MAX) return `has more than ${RULES_MAX} rules`
  const rules: ItemRule[] = []
  for (const [index, one] of given.entries()) {
    const rule = readRule(one)
    if (typeof rule === 'string') return `rule ${index + 1}: ${rule}`
    rules.push(rule)
  }
  return rules
}

function readRule(given: unknown): ItemRule | string {
  if (!isObject(given)) return 'is no object'
  const { items: patterns, ...rest } = given
  const items = typeof patterns === 'string' ? [patterns] : patterns
  if (!Array.isArray(items) || items.length === 0) return '"items" must be a name, or a list of names'
  if (items.length > PATTERNS_MAX) return `"items" has more than ${PATTERNS_MAX} names`
  const bad = items.find(one => !isPattern(one))
  if (bad !== undefined) return `"items": ${JSON.stringify(bad)} is no name, nor the beginning of one that ends in *`
  const settings: Draft<Partial<ItemSettings>> = {}
  for (const [key, value] of Object.entries(rest)) {
    const reader = Object.hasOwn(READERS, key) ? READERS[key]! : null
    if (reader === null) return `${JSON.stringify(key)} is unknown; there are items, ${Object.keys(READERS).join(', ')}`
    const problem = reader(settings, value)
    if (problem !== null) return `"${key}" ${problem}`
  }
  return { items: items as string[], settings }
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false
  if (!value.endsWith('*')) return isName(value, NAME_BYTES_MAX)
  const stem = value.slice(0, -1)
  return stem === '' || isName(`${stem}.`, NAME_BYTES_MAX)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBetween(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && isBetween(value, min, max)
}
