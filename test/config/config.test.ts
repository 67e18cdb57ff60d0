import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'
import { makeConfig, memoryBytesWanted, openFilesWanted } from '#src/config/check.ts'
import { COMMAND_NAMES, COMMANDS, type Command } from '#src/config/commands.ts'
import {
  bytesText,
  type Config,
  defaultConfig,
  flagName,
  SECTIONS,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  settingsTable,
  variableName,
} from '#src/config/config.ts'
import { ProgramError } from '#src/errors.ts'

function rowsOf(): [string, Setting<unknown>][] {
  return Object.entries(SETTINGS)
}

function relationProblem(overrides: Partial<Config>): string {
  const error = throwsProgramError(() => makeConfig(overrides))
  return error.message
}

function throwsProgramError(act: () => void): ProgramError {
  try {
    act()
  } catch (error) {
    if (error instanceof ProgramError) return error
    throw error
  }
  throw new Error('no failure')
}

test('[N1] every setting has a default within its range, a range in words and a reason in whole sentences', t => {
  for (const [name, row] of rowsOf()) {
    t.true(row.schema.safeParse(row.default).success, name)
    t.not(row.range, '', name)
    t.regex(row.reason, /^[A-Z0-9*'a-z].*\.$/s, name)
    t.notRegex(row.reason, /\||\n/, name)
  }
})

test('[N1] a setting is in one section, and its name ends in its unit', t => {
  const names = SECTIONS.flatMap(section => Object.keys(section.settings))
  t.deepEqual(names, [...SETTING_NAMES])
  t.is(new Set(names).size, names.length)
  for (const [name, row] of rowsOf()) {
    if (row.unit === 'ms') t.regex(name, /Ms(Max)?$/)
    if (row.unit === 'bytes') t.regex(name, /Bytes(Max)?$/)
  }
})

test('[N1] a Config is flat and survives the way to a worker thread', t => {
  t.deepEqual(JSON.parse(JSON.stringify(defaultConfig)), { ...defaultConfig })
  t.deepEqual(structuredClone(defaultConfig), { ...defaultConfig })
  t.true(Object.isFrozen(defaultConfig))
})

test('[N1] flags and variables are spelled from the name, each differently', t => {
  t.is(flagName('feedLineBytesMax'), 'feed-line-bytes-max')
  t.is(variableName('feedLineBytesMax'), 'MILLRACE_FEED_LINE_BYTES_MAX')
  const taken = ['config', 'help', 'version', ...SETTING_NAMES.map(flagName)]
  for (const command of COMMAND_NAMES) {
    const { options, aliases }: Command = COMMANDS[command]
    const flags = [...taken, ...Object.keys(options).map(flagName), ...Object.keys(aliases)]
    t.is(new Set(flags).size, flags.length, command)
  }
})

test('[N1] options of commands are rows like settings', t => {
  for (const command of COMMAND_NAMES) {
    const { options }: Command = COMMANDS[command]
    for (const [name, row] of Object.entries(options)) t.true(row.schema.safeParse(row.default).success, name)
  }
})

test('[N6] the defaults hold every relation', t => {
  t.deepEqual(makeConfig(), defaultConfig)
})

const broken = test.macro({
  exec(t, overrides: Partial<Config>, problem: RegExp) {
    const message = relationProblem(overrides)
    t.is(message.split('\n').length, 1, message)
    t.regex(message, problem)
  },
  title: (what = '') => `[N6] refuses ${what}, and says why`,
})

test(
  'two listeners on one port',
  broken,
  { httpPort: 5_000, feedPort: 5_000 },
  /^feedPort = 5000 \(given\), httpPort = 5000 \(given\), .*both listen on the same address and port; feeds/,
)
test(
  'two listeners on one port by any address',
  broken,
  { httpPort: 5_000, feedPort: 5_000, httpHost: '0.0.0.0' },
  /same address and port/,
)
test('threads that would never start', broken, { placement: 'single', edgeThreads: 2 }, /one thread/)
test(
  'a line that no ring takes',
  broken,
  { feedRingBytes: 262_144 },
  /an update needs 196,864 bytes, a quarter of feedRingBytes is 64 KiB; /,
)
test(
  'a request that no ring takes',
  broken,
  { controlRingBytes: 65_536 },
  /a request needs .* a quarter of controlRingBytes is 16 KiB; /,
)
test(
  'an item that no edge ring takes',
  broken,
  { edgeRingBytes: 4_194_304 },
  /whole item needs .* quarter of edgeRingBytes/,
)
test(
  'an item that no peer ring takes',
  broken,
  { coreThreads: 2, peerRingBytes: 8_388_608 },
  /snapshot of an item needs .* quarter of peerRingBytes is 2 MiB/,
)
test(
  'a value that no line holds',
  broken,
  { feedLineBytesMax: 16_384 },
  /^valueBytesMax = 16 KiB \(default\), feedLineBytesMax = 16 KiB \(given\)/,
)
test('more fields than names', broken, { fieldNamesMax: 100 }, /more fields/)
test('a store below one item', broken, { valueStoreBytes: 2_097_152 }, /replaced whole needs 4 MiB/)
test('a log below one update', broken, { rawLogBytes: 32_768 }, /does not fit the log/)
test('memory of logs below one log', broken, { rawStoreBytes: 65_535 }, /does not fit the memory for all logs/)
test(
  'a market beyond the items',
  broken,
  { simulate: true, simulateItems: 100, itemsMax: 299 },
  /more items than may be held/,
)

test('[N6] a relation is not told when a setting in it is out of its range already', t => {
  const message = relationProblem({ feedRingBytes: 5 })
  t.is(message.split('\n').length, 1)
  t.regex(message, /^feedRingBytes = 5 /)
})

test('[N6] what does not conflict is let be', t => {
  t.notThrows(() => makeConfig({ httpPort: 0, feedPort: 0 }))
  t.notThrows(() => makeConfig({ httpPort: 1, feedPort: 1, httpHost: '10.0.0.1' }))
  t.notThrows(() => makeConfig({ coreThreads: 2, edgeThreads: 4, feedThreads: 0 }))
  t.notThrows(() => makeConfig({ placement: 'single', feedThreads: 0 }))
  t.notThrows(() => makeConfig({ peerRingBytes: 65_536 }))
  t.notThrows(() => makeConfig({ flushBytesMax: 65_536, windowBytes: 4_096 }))
})

test('[N4] makeConfig refuses a name that is no setting', t => {
  const error = throwsProgramError(() => makeConfig({ httpPrt: 1 } as unknown as Partial<Config>))
  t.is(error.message, 'httpPrt: there is no such setting')
})

test('[N6] files and memory are counted over all threads', t => {
  t.is(openFilesWanted(defaultConfig), 18_000 + 256 + 200)
  t.is(openFilesWanted(makeConfig({ edgeThreads: 2, feedThreads: 0 })), 36_000 + 512 + 200)
  t.is(memoryBytesWanted(defaultConfig), (256 + 256 + 32 + 1 + 2 * (4 + 1)) * 1_048_576)
})

test('[N1] bytes are written as people write them', t => {
  const texts = [512, 1_024, 1_536, 65_536, 1_048_576, 268_435_456].map(bytesText)
  t.deepEqual(texts, ['512', '1 KiB', '1,536', '64 KiB', '1 MiB', '256 MiB'])
})

test('[N7] the table of settings has a row for each', t => {
  const lines = settingsTable().split('\n')
  t.is(lines.length, SETTING_NAMES.length + 2)
  for (const line of lines) t.is(line.match(/ \|/g)?.length, 5, line)
  t.true(
    lines.includes(
      lines.find(line => line.startsWith('| `edgeRingBytes` | `32 MiB` | bytes | a power of two from ')) ?? '',
    ),
  )
})

test("[N7] README's table of settings is the one printed from the rows", t => {
  const file = new URL('../../README.md', import.meta.url)
  const readme = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const table = /<!-- settings -->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readme)?.[1]
  if (table === undefined) return t.pass('README has no such markers yet')
  t.is(table.trim(), settingsTable())
})
