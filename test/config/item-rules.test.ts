import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

import { makeConfig } from '#src/config/check.ts'
import { itemRulesOf, itemRulesProblem } from '#src/config/item-rules.ts'
import { loadConfig } from '#src/config/load.ts'
import { MODES } from '#src/domain/session-request.ts'

const LOGS = { rawLogBytes: 65_536, rawLogUpdates: 1_024 }

function settingsOf(name: string, rules: readonly object[]) {
  return itemRulesOf({ ...LOGS, itemRules: JSON.stringify(rules) }).settingsOf(name)
}

test("[N22] the first rule that fits a name counts; without one the server's settings do", t => {
  const rules = [
    { items: 'a.exact', history: 7 },
    { items: ['b', 'a.*'], modes: ['raw'], maxFrequency: 2.5, snapshot: false, table: true, logUpdates: 9 },
    { items: '*', logBytes: 70_000 },
  ]
  t.like(settingsOf('a.exact', rules), {
    historyMax: 7,
    keepsLog: true,
    modes: MODES,
    isTable: null,
    logUpdates: 1_024,
  })
  const second = {
    modes: ['raw'],
    maxFrequency: 2.5,
    hasSnapshot: false,
    isTable: true,
    logUpdates: 9,
    keepsLog: false,
  }
  for (const name of ['b', 'a.', 'a.exact2']) t.like(settingsOf(name, rules), second, name)
  t.like(settingsOf('B', rules), { logBytes: 70_000, hasSnapshot: true, historyMax: 10 })
  t.like(settingsOf('B', []), { logBytes: 65_536, maxFrequency: 0 })
})

const BAD: readonly (readonly [rules: unknown, named: RegExp])[] = [
  [{}, /no list/],
  [[[]], /rule 1: is no object/],
  [[{ items: 'A' }, {}], /rule 2: "items"/],
  [[{ items: [] }], /"items"/],
  [[{ items: 'A,B' }], /"A,B"/],
  [[{ items: 'A*B' }], /"A\*B"/],
  [[{ items: [7] }], /7 is no name/],
  [[{ items: 'A', mode: 'raw' }], /"mode" is unknown/],
  [[{ items: 'A', __proto__x: 1 }], /unknown/],
  [[{ items: 'A', modes: [] }], /"modes" must be/],
  [[{ items: 'A', modes: ['newest'] }], /"modes" must be/],
  [[{ items: 'A', maxFrequency: 0 }], /"maxFrequency"/],
  [[{ items: 'A', maxFrequency: '5' }], /"maxFrequency"/],
  [[{ items: 'A', history: -1 }], /"history"/],
  [[{ items: 'A', history: 1.5 }], /"history"/],
  [[{ items: 'A', logUpdates: 0 }], /"logUpdates"/],
  [[{ items: 'A', logBytes: 10 }], /"logBytes"/],
  [[{ items: 'A', snapshot: 1 }], /"snapshot"/],
  [[{ items: 'A', table: 'yes' }], /"table"/],
  [[{ items: 'A', merge: { x: 'avg' } }], /"x" must be one of last, first, min, max, sum, count/],
  [[{ items: 'A', merge: ['x'] }], /"merge"/],
  [[{ items: 'A', stretches: 1 }], /"stretches" must be an integer from 2 to 4096/],
  [Array.from({ length: 257 }, () => ({ items: 'A' })), /more than 256 rules/],
]

test('[N22] a rule that cannot be read is refused with its number and what is wrong', t => {
  for (const [rules, named] of BAD) t.regex(itemRulesProblem(JSON.stringify(rules)) ?? '', named)
  t.is(itemRulesProblem('[{'), 'is no JSON')
  t.is(itemRulesProblem(''), null)
  t.throws(() => makeConfig({ itemRules: '[{}]' }), { message: /itemRules.*rule 1/ })
  const short = JSON.stringify([{ items: 'A', logBytes: 2_000 }])
  t.throws(() => makeConfig({ itemRules: short }), { message: /logBytes/ })
})

test('[N22] a file holds the rules as an array, a variable as its text', t => {
  const text = '[{"items":"A","history":3}]'
  const folder = mkdtempSync(join(tmpdir(), 'millrace-rules-'))
  const file = join(folder, 'millrace.json')
  writeFileSync(file, `{"itemRules":${text}}`)
  t.is(loadConfig(['serve', '--config', file], {}).config.itemRules, text)
  rmSync(folder, { recursive: true })
  t.is(loadConfig(['serve'], { MILLRACE_ITEM_RULES: text }).config.itemRules, text)
})
