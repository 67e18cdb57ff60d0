/** Items and tables of items for tests, without rules of their own. */

import { Item } from '#src/domain/item.ts'
import { type ItemRule, ItemRules } from '#src/domain/item-settings.ts'

export function itemRules(rules: readonly ItemRule[] = []): ItemRules {
  return new ItemRules(rules, { logBytes: 65_536, logUpdates: 1_024 })
}

export function newItem(name: string, home = 0, rules = itemRules()): Item {
  return new Item(0, name, home, rules.settingsOf(name), 0, () => {})
}
