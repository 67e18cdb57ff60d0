/**
 * What is set for items by their names: which modes may be asked for, how often, what is kept, how fields are merged.
 *
 * The first rule that fits a name is the one that counts; an item without one has what the server's settings say.
 */

import type { FieldFunctions } from './field-functions.ts'
import { MODES, type Mode } from './session-request.ts'

export interface ItemSettings {
  /** Modes that subscriptions may have. */
  readonly modes: readonly Mode[]
  /** Whether its updates are rows of a table; null: the feed's line says so. */
  readonly isTable: boolean | null
  /** Updates a second that a subscription gets at most; 0 is no cap. */
  readonly maxFrequency: number
  /** Whether a subscription may begin with what there is. */
  readonly hasSnapshot: boolean
  /** How many updates the snapshot of distinct mode is of, where the client does not say. */
  readonly historyMax: number
  /** The log is kept though nobody reads it, so that there is a history for the first reader. */
  readonly keepsLog: boolean
  readonly logBytes: number
  readonly logUpdates: number
  /** Fields that hand on, in merge mode, more than their newest value; null where there is none. */
  readonly functions: FieldFunctions | null
  /** Of an item with such fields: stretches of updates that are kept. */
  readonly stretches: number
}

export interface ItemRule {
  /** Names, and beginnings of names that end in `*`. */
  readonly items: readonly string[]
  readonly settings: Partial<ItemSettings>
}

/** Of a history that nobody has set. */
export const HISTORY_DEFAULT = 10
const STRETCHES_DEFAULT = 16

export class ItemRules {
  readonly #rules: readonly { readonly items: readonly string[]; readonly settings: ItemSettings }[]
  readonly #default: ItemSettings

  /** `base`: what the server's settings say of logs. */
  constructor(rules: readonly ItemRule[], base: Pick<ItemSettings, 'logBytes' | 'logUpdates'>) {
    this.#default = {
      modes: MODES,
      isTable: null,
      maxFrequency: 0,
      hasSnapshot: true,
      historyMax: HISTORY_DEFAULT,
      keepsLog: false,
      functions: null,
      stretches: STRETCHES_DEFAULT,
      ...base,
    }
    this.#rules = rules.map(({ items, settings }) => ({ items, settings: { ...this.#default, ...settings } }))
  }

  settingsOf(name: string): ItemSettings {
    return this.#rules.find(({ items }) => items.some(one => fits(one, name)))?.settings ?? this.#default
  }
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}
