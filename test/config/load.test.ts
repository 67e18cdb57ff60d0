import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#src/config/check.ts'
import { defaultConfig } from '#src/config/config.ts'
import { type Loaded, loadConfig } from '#src/config/load.ts'
import { ProgramError } from '#src/errors.ts'

type Environment = Record<string, string>

const ROOMY: Machine = { openFilesMax: 1_000_000, memoryBytes: 2 ** 40 }

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'))
test.after.always(() => rmSync(folder, { recursive: true }))

let filesCount = 0
function fileOf(text: string): string {
  filesCount++
  const file = join(folder, `${filesCount}.json`)
  writeFileSync(file, text)
  return file
}

function load(argv: readonly string[], env: Environment = {}): Loaded {
  return loadConfig(argv, env, ROOMY)
}

function failure(argv: readonly string[], env: Environment = {}): { code: string; lines: string[] } {
  try {
    load(argv, env)
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    return { code: error.code, lines: error.message.split('\n') }
  }
  throw new Error('no failure')
}

test('[N2] a flag comes before a variable, that before the file, that before the default', t => {
  const file = fileOf('{"httpPort": 1, "feedPort": 1000, "keepaliveMs": 1000, "stallTimeoutMs": 1000}')
  const env = { MILLRACE_HTTP_PORT: '2', MILLRACE_FEED_PORT: '2000', MILLRACE_KEEPALIVE_MS: '2000' }
  const { config } = load(['serve', '--config', file, '--http-port', '3', '--feed-port=3000'], env)
  t.deepEqual(
    [config.httpPort, config.feedPort, config.keepaliveMs, config.stallTimeoutMs, config.idleTimeoutMs],
    [3, 3000, 2000, 1000, defaultConfig.idleTimeoutMs],
  )
})

test('[N2] --config comes before MILLRACE_CONFIG', t => {
  const [one, two] = [fileOf('{"httpPort": 1}'), fileOf('{"httpPort": 2}')]
  t.is(load(['serve'], { MILLRACE_CONFIG: one }).config.httpPort, 1)
  t.is(load(['serve', '--config', two], { MILLRACE_CONFIG: one }).config.httpPort, 2)
})

test('[N2] without anything every setting has its default', t => {
  t.deepEqual(load(['serve']).config, defaultConfig)
})

test('[N3] booleans are --simulate and --no-simulate, bytes take KiB, MiB and GiB', t => {
  const env = { MILLRACE_SIMULATE: 'true', MILLRACE_EDGE_RING_BYTES: '64 MiB' }
  t.true(load(['serve'], env).config.simulate)
  t.false(load(['serve', '--no-simulate'], env).config.simulate)
  t.true(load(['serve', '--simulate']).config.simulate)
  t.false(load(['serve', '--simulate=false']).config.simulate)
  t.is(load(['serve'], env).config.edgeRingBytes, 67_108_864)
  t.is(load(['serve', '--value-store-bytes', '1gib']).config.valueStoreBytes, 1_073_741_824)
  t.is(load(['serve', '--config', fileOf('{"valueStoreBytes": "512 MiB"}')]).config.valueStoreBytes, 536_870_912)
})

test('[N3] an alias of a command stands for its setting', t => {
  const { config } = load(['simulate', '--host', 'desk.example', '--rate', '7'])
  t.deepEqual([config.feedHost, config.simulateRate], ['desk.example', 7])
})

test('[N3] options of a command are read and checked as settings are', t => {
  const replay = load(['replay', 'day.ndjson', '--speed', 'max', '--loop', '0'])
  t.deepEqual([replay.operands, replay.options], [['day.ndjson'], { speed: 'max', loop: 0 }])
  const watch = load(['watch', 'A', 'B', '--json', '--fields', 'bid,ask', '--', '--C'])
  t.deepEqual(watch.operands, ['A', 'B', '--C'])
  t.like(watch.options, { json: true, fields: 'bid,ask', mode: 'merge', count: 0 })
  t.deepEqual(failure(['replay', 'f', '--speed', '0']), {
    code: 'USAGE',
    lines: ['speed = 0 (flag --speed): must be a number from 0.001 to 1,000,000, or max'],
  })
})

interface Wrong {
  readonly argv?: readonly string[]
  readonly env?: Environment
  readonly file?: string
  readonly code: string
  readonly line: RegExp
}

const refuses = test.macro({
  exec(t, wrong: Wrong) {
    const file = wrong.file === undefined ? [] : ['--config', fileOf(wrong.file)]
    const { code, lines } = failure([...(wrong.argv ?? ['serve']), ...file], wrong.env)
    t.is(lines.length, 1, lines.join('\n'))
    t.regex(lines[0] ?? '', wrong.line)
    t.is(code, wrong.code)
  },
  title: (what = '') => `[N4] refuses ${what}`,
})

test('no command', refuses, { argv: [], code: 'USAGE', line: /^a command is needed: serve, / })
test('an unknown command', refuses, {
  argv: ['sreve'],
  code: 'USAGE',
  line: /^sreve: there is no such command; did you mean serve\?/,
})
test('a flag before the command', refuses, {
  argv: ['--simulate', 'serve'],
  code: 'USAGE',
  line: /^--simulate: the command comes first/,
})
test('an unknown flag', refuses, {
  argv: ['serve', '--http-prot', '1'],
  code: 'USAGE',
  line: /^--http-prot: there is no such flag; did you mean --http-port\?$/,
})
test('half a flag', refuses, { argv: ['serve', '--cors', '*'], code: 'USAGE', line: /did you mean --cors-origin\?$/ })
test('a flag that resembles none', refuses, {
  argv: ['serve', '--zzzzzzzzzzzz'],
  code: 'USAGE',
  line: /^--zzzzzzzzzzzz: there is no such flag$/,
})
test('a short flag', refuses, { argv: ['serve', '-p'], code: 'USAGE', line: /^-p: there is no such flag/ })
test('a negated flag with a number', refuses, {
  argv: ['serve', '--no-http-port'],
  code: 'USAGE',
  line: /^--no-http-port: there is no such flag/,
})
test('a negated flag with a value', refuses, {
  argv: ['serve', '--no-simulate=true'],
  code: 'USAGE',
  line: /^--no-simulate: takes no value/,
})
test('a flag without its value', refuses, {
  argv: ['serve', '--http-port'],
  code: 'USAGE',
  line: /^--http-port: needs a value$/,
})
test('a flag before another flag', refuses, {
  argv: ['serve', '--http-port', '--simulate'],
  code: 'USAGE',
  line: /^--http-port: needs a value$/,
})
test('a flag given twice', refuses, {
  argv: ['serve', '--http-port=1', '--http-port', '2'],
  code: 'USAGE',
  line: /^--http-port: given twice$/,
})
test('an alias beside its setting', refuses, {
  argv: ['simulate', '--host', 'a', '--feed-host', 'b'],
  code: 'USAGE',
  line: /^--feed-host: given twice, as --host too$/,
})
test('an operand of serve', refuses, {
  argv: ['serve', 'now'],
  code: 'USAGE',
  line: /^serve: now is too much, it takes flags only$/,
})
test('replay without a file', refuses, { argv: ['replay'], code: 'USAGE', line: /^replay: needs FILE$/ })
test('an option of another command', refuses, {
  argv: ['serve', '--speed', '2'],
  code: 'USAGE',
  line: /^--speed: there is no such flag/,
})
test('a flag out of its range', refuses, {
  argv: ['serve', '--feed-threads', '65'],
  code: 'CONFIG_INVALID',
  line: /^feedThreads = 65 \(flag --feed-threads\): must be an integer from 0 to 64$/,
})
test('a negative number', refuses, {
  argv: ['serve', '--http-port', '-1'],
  code: 'CONFIG_INVALID',
  line: /^httpPort = -1 \(flag --http-port\)/,
})
test('a fraction where a count is', refuses, {
  argv: ['serve', '--http-port', '1.5'],
  code: 'CONFIG_INVALID',
  line: /^httpPort = 1.5 /,
})
test('a number in another notation', refuses, {
  argv: ['serve', '--http-port', '0x50'],
  code: 'CONFIG_INVALID',
  line: /^httpPort = "0x50" /,
})
test('an empty flag', refuses, { argv: ['serve', '--http-port='], code: 'CONFIG_INVALID', line: /^httpPort = "" / })
test('a ring that is no power of two', refuses, {
  argv: ['serve', '--edge-ring-bytes', '33000000'],
  code: 'CONFIG_INVALID',
  line: /must be a power of two from 64 KiB to 512 MiB$/,
})
test('a choice that is none', refuses, {
  argv: ['serve', '--placement', 'both'],
  code: 'CONFIG_INVALID',
  line: /must be one of pools, single$/,
})
test('an origin with a path', refuses, {
  argv: ['serve', '--cors-origin', 'https://a.example/'],
  code: 'CONFIG_INVALID',
  line: /^corsOrigin = "https:\/\/a.example\/" /,
})
test('a host with a space', refuses, {
  argv: ['serve', '--http-host', 'a b'],
  code: 'CONFIG_INVALID',
  line: /^httpHost = "a b" /,
})
test('a variable out of its range', refuses, {
  env: { MILLRACE_CORE_THREADS: '17' },
  code: 'CONFIG_INVALID',
  line: /^coreThreads = 17 \(variable MILLRACE_CORE_THREADS\): must be/,
})
test('an unknown variable', refuses, {
  env: { MILLRACE_HTTPPORT: '1' },
  code: 'CONFIG_INVALID',
  line: /^MILLRACE_HTTPPORT: there is no such variable; did you mean MILLRACE_HTTP_PORT\?$/,
})
test('a boolean that is a number', refuses, {
  env: { MILLRACE_SIMULATE: '1' },
  code: 'CONFIG_INVALID',
  line: /must be true or false$/,
})
test('a value in the file of the wrong type', refuses, {
  file: '{"httpPort": "80"}',
  code: 'CONFIG_INVALID',
  line: /^httpPort = "80" \(file .*\.json\): must be/,
})
test('null in the file', refuses, {
  file: '{"httpHost": null}',
  code: 'CONFIG_INVALID',
  line: /^httpHost = null \(file /,
})
test('an object in the file', refuses, {
  file: '{"httpPort": {"a":1}}',
  code: 'CONFIG_INVALID',
  line: /^httpPort = \{"a":1\} \(file /,
})
test('an unknown key in the file', refuses, {
  file: '{"http_port": 80}',
  code: 'CONFIG_FILE',
  line: /^http_port \(file .*\): there is no such setting; did you mean httpPort\?$/,
})
test('a key of every object', refuses, {
  file: '{"__proto__": {"httpPort": 1}}',
  code: 'CONFIG_FILE',
  line: /^__proto__ \(file .*\): there is no such setting/,
})
test('a file that is no JSON', refuses, { file: '{"httpPort": 80,}', code: 'CONFIG_FILE', line: /\.json: .*JSON/ })
test('a file that is no object', refuses, {
  file: '[1]',
  code: 'CONFIG_FILE',
  line: /is not one JSON object of settings$/,
})
test('a file that is too long', refuses, {
  file: ' '.repeat(1_048_577),
  code: 'CONFIG_FILE',
  line: /is longer than 1 MiB$/,
})
test('a file that is not there', refuses, {
  argv: ['serve', '--config', '/nowhere/x.json'],
  code: 'CONFIG_FILE',
  line: /^\/nowhere\/x.json: ENOENT/,
})
test('a folder for a file', refuses, {
  env: { MILLRACE_CONFIG: tmpdir() },
  code: 'CONFIG_FILE',
  line: /is not a file$/,
})

test('[N4] all problems are told at once, each in a line, under the worst code', t => {
  const file = fileOf('{"httpHostt": "a", "edgeThreads": 0}')
  const argv = ['serve', '--config', file, '--feed-threads', '99', '--smulate']
  const { code, lines } = failure(argv, { MILLRACE_X: '1', MILLRACE_CORE_THREADS: 'two' })
  t.is(code, 'USAGE')
  t.is(lines.length, 6, lines.join('\n'))
  t.deepEqual(
    ['--smulate', 'httpHostt', 'MILLRACE_X', 'feedThreads = 99', 'coreThreads = "two"', 'edgeThreads = 0'].filter(
      start => !lines.some(line => line.startsWith(start)),
    ),
    [],
  )
})

test('[N4] no control character of a wrong value gets into the message', t => {
  const { lines } = failure(['serve', '--http-port', '\u001b[2J\n1', '--\u001b[2J'])
  t.is(lines.length, 2)
  t.notRegex(lines.join(''), /\p{Cc}/u)
})

test('[N4] variables that are no settings but known are let be', t => {
  const env = {
    MILLRACE_SERVICE_HOST: '10.0.0.1',
    MILLRACE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
    MILLRACE_DATA: 'x',
    PATH: '',
  }
  t.notThrows(() => load(['serve'], env))
})

test('[N5] help and the version are given whatever else is wrong', t => {
  t.like(load(['serve', '--nonsense', '--help'], { MILLRACE_X: '1' }), { command: 'help', operands: ['serve'] })
  t.like(load(['-h']), { command: 'help', operands: [] })
  t.like(load(['--version'], { MILLRACE_X: '1' }), { command: 'version' })
  t.like(load(['watch', 'A', '--', '--help']), { command: 'watch', operands: ['A', '--help'] })
})

test('[N6] what the machine may not bear is a warning of serve, not an error', t => {
  const small: Machine = { openFilesMax: 1_024, memoryBytes: 64 * 1_048_576 }
  const { warnings } = loadConfig(['serve'], {}, small)
  t.is(warnings.length, 2)
  t.regex(warnings[0] ?? '', /18,456 open files, the system 1,024/)
  t.deepEqual(loadConfig(['watch', 'A'], {}, small).warnings, [])
  t.deepEqual(loadConfig(['serve'], {}, { openFilesMax: null, memoryBytes: null }).warnings, [])
})
