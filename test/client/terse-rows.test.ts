import test from 'ava'
import { readTerse, type TerseRecord, type TerseView, type TerseViews } from '#src/client/terse.ts'
import { Random, seedOr } from '#test/support/random.ts'

const NAMES = ['bid', 'ask', '__proto__', 'grün', '0', 'error']
const TEXTS = [
  '',
  ' ',
  '7.611',
  '-1',
  'grün',
  '𝄞',
  '"',
  '""',
  '"5',
  '+5',
  '*5',
  '-5',
  '=5',
  '\t',
  '\\',
  '\u0000',
  '\ud800',
]

const contentOf = (text: string): string => JSON.stringify(text).slice(1, -1)
const tokenOf = (value: string | null): string => (value === null ? '""' : value === '' ? '"' : contentOf(value))

/** By places: what does not stand is skipped, one by one or as a run, and at the end left out or not. */
function placesOf(random: Random, fields: Readonly<Record<string, string | null>>, names: readonly string[]): string[] {
  const tokens: string[] = []
  let skipped = 0
  const skip = (): void => {
    if (skipped > 1 && random.chance(0.5)) tokens.push(`"${skipped.toString(36)}`)
    else for (let i = 0; i < skipped; i++) tokens.push('')
    skipped = 0
  }
  for (const name of names) {
    if (!Object.hasOwn(fields, name)) {
      skipped++
      continue
    }
    skip()
    tokens.push(tokenOf(fields[name]!))
  }
  if (random.chance(0.3)) skip()
  return tokens
}

function lineOf(random: Random, record: TerseRecord, { fields: names }: TerseView): string {
  const { command, seq, time, key, fields = {} } = record
  const view = '5'
  if (command === 'DELETE') return [`-${view}`, seq!.toString(36), tokenOf(key!)].join('\t')
  const values =
    names === null
      ? Object.entries(fields).flatMap(([name, value]) => [contentOf(name), tokenOf(value)])
      : placesOf(random, fields, names)
  const marker = command === 'ADD' ? '+' : '*'
  return [`${marker}${view}`, seq!.toString(36), time?.toString(36) ?? '', tokenOf(key!), ...values].join('\t')
}

test('[Z12] terse lines of rows bring the records of JSON: random rows', t => {
  const random = new Random(seedOr(20_261_122))
  for (let round = 0; round < 5_000; round++) {
    const view: TerseView = { sub: random.pick([0, 3, 2 ** 31 - 1]), item: 'A', fields: random.pick([null, NAMES]) }
    const views: TerseViews = new Map([[5, view]])
    const command = random.pick(['ADD', 'UPDATE', 'DELETE'] as const)
    const chosen = NAMES.filter(() => random.chance(0.4))
    const fields = Object.fromEntries(chosen.map(name => [name, random.chance(0.1) ? null : random.pick(TEXTS)]))
    const record: TerseRecord = {
      ...(view.sub === 0 ? {} : { sub: view.sub }),
      item: 'A',
      seq: random.int(2 ** 40),
      ...(command === 'DELETE' || random.chance(0.5) ? {} : { time: random.int(2 ** 42) }),
      key: random.pick(TEXTS),
      command,
      ...(command === 'DELETE' ? {} : { fields }),
    }
    const line = lineOf(random, record, view)
    t.deepEqual(readTerse(line, views), JSON.parse(JSON.stringify(record)), `SEED=${random.seed} ${line}`)
  }
})
