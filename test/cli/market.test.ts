import test from 'ava'
import { withTradeHistory } from '#src/cli/market.ts'
import { defaultConfig } from '#src/config/config.ts'
import { itemRulesProblem } from '#src/config/item-rules.ts'

test('[N23] the trades of the market have a history, behind the rules of the user', t => {
  const rulesOf = (itemRules: string, simulateItems = 36): { items: string; history: number }[] => {
    const changed = withTradeHistory({ ...defaultConfig, itemRules, simulateItems })
    t.is(itemRulesProblem(changed.itemRules), null)
    return JSON.parse(changed.itemRules)
  }
  t.deepEqual(rulesOf(''), [{ items: 'sim.trades.*', history: 200 }])
  const own = { items: 'sim.*', history: 3 }
  t.deepEqual(rulesOf(JSON.stringify([own])), [own, { items: 'sim.trades.*', history: 200 }])
  for (const items of [1, 100, 101, 900, 10_000]) t.true(rulesOf('', items)[0]!.history * items <= 20_000)
})
