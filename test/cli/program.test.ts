import { readFileSync } from 'node:fs'
import test from 'ava'
import { helpText } from '#src/cli/help.ts'
import { COMMAND_NAMES, COMMANDS, type Command } from '#src/config/commands.ts'
import { flagName, SETTING_NAMES, variableName } from '#src/config/config.ts'
import { runProgram } from '#test/support/program.ts'

test.serial('[N5] --help tells every command, option and setting', async t => {
  const { exitCode, stdout, stderr } = await runProgram(['--help'])
  t.is(exitCode, 0)
  t.is(stderr, '')
  for (const name of COMMAND_NAMES) {
    const { options, aliases, examples }: Command = COMMANDS[name]
    t.true(stdout.includes(`millrace ${name}`), name)
    const flags = [...Object.keys(options).map(flagName), ...Object.keys(aliases)]
    for (const flag of flags) t.regex(stdout, new RegExp(`--(\\[no-\\])?${flag}\\b`))
    for (const example of examples) t.true(stdout.includes(example), example)
  }
  for (const name of SETTING_NAMES) {
    t.regex(stdout, new RegExp(`\n  --(\\[no-\\])?${flagName(name)}[ \\n]`), name)
    t.true(stdout.includes(`${name}, ${variableName(name)}; default `), name)
  }
  t.true(stdout.split('\n').every(line => line.length <= 120))
})

test.serial('[N5] each command has a page of its own', async t => {
  const { exitCode, stdout } = await runProgram(['replay', '--help', '--nonsense'])
  t.is(exitCode, 0)
  t.is(stdout, helpText('replay'))
  t.is((await runProgram(['help', 'replay'])).stdout, stdout)
})

test.serial('[N5] --version tells the version', async t => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const { exitCode, stdout } = await runProgram(['--version'])
  t.deepEqual([exitCode, stdout], [0, `${manifest.version}\n`])
})

const fails = test.macro({
  async exec(t, args: readonly string[], env: Record<string, string>, exitCode: number, stderr: RegExp) {
    const ended = await runProgram(args, env)
    t.regex(ended.stderr, stderr)
    t.is(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr)
    t.is(ended.stdout, '')
    t.is(ended.exitCode, exitCode)
  },
  title: (what = '') => `[N11] one line and an exit code for ${what}`,
})

test.serial('no command', fails, [], {}, 2, /^millrace: USAGE: a command is needed: /)
test(
  'an unknown flag',
  fails,
  ['serve', '--http-prt', '1'],
  {},
  2,
  /^millrace: USAGE: --http-prt: .* did you mean --http-port\?\n$/,
)
test.serial(
  'a wrong setting',
  fails,
  ['serve'],
  { MILLRACE_HTTP_PORT: 'x' },
  2,
  /^millrace: CONFIG_INVALID: httpPort = "x" /,
)
test(
  'a missing file of settings',
  fails,
  ['serve', '--config', '/nowhere.json'],
  {},
  2,
  /^millrace: CONFIG_FILE: \/nowhere.json: ENOENT/,
)
test.serial('help for no command', fails, ['help', 'me'], {}, 2, /^millrace: USAGE: help: /)
test(
  'a missing recording',
  fails,
  ['replay', '/nowhere.ndjson'],
  {},
  1,
  /^millrace: FILE_NOT_READABLE: .*\/nowhere.ndjson/,
)
test.serial(
  'a folder for a recording',
  fails,
  ['replay', '/'],
  {},
  1,
  /^millrace: FILE_NOT_READABLE: \/: is not a file/,
)

test.serial('[N11] several wrong settings are a line each', async t => {
  const { exitCode, stderr } = await runProgram(['serve', '--http-port', '-1', '--feed-port', '99999'])
  t.is(exitCode, 2)
  t.is(stderr.trimEnd().split('\n').length, 2, stderr)
})
