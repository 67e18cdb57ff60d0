/** The help text, printed from the tables of commands and settings: it cannot tell what is not so. */

import { COMMAND_NAMES, COMMANDS, type Command, type CommandName } from '#src/config/commands.ts'
import {
  flagName,
  SECTIONS,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
  valueText,
  variableName,
} from '#src/config/config.ts'

const LINE_LENGTH_MAX = 100
const INDENT = '      '

const CODES = [
  '0  the command did what it was asked, or was stopped by its first signal',
  '1  something failed: one line on stderr tells its code and the reason',
  '2  a wrong argument, setting or file of settings: one line each',
  '130, 143  ended at once by a second SIGINT, SIGTERM; replay: stopped by the first',
]

/** The whole page, or that of one command. */
export function helpText(topic: CommandName | null): string {
  return topic === null ? wholePage() : commandPage(topic)
}

function wholePage(): string {
  const lines = ['Millrace: a streaming server for tick data.', '', 'Usage: millrace COMMAND [FLAGS]', '']
  for (const name of COMMAND_NAMES) lines.push(`  ${usage(name)}`, ...wrapped(COMMANDS[name].summary))
  lines.push('', 'Examples:')
  for (const name of COMMAND_NAMES) lines.push(...COMMANDS[name].examples.map(example => `  ${example}`))
  lines.push(
    '',
    'Settings come from a flag, else a variable, else the file of --config FILE (or MILLRACE_CONFIG), a JSON',
    'object of setting names, else the default. The setting httpPort is --http-port, MILLRACE_HTTP_PORT and',
    '"httpPort". Bytes may be written 64KiB, 4MiB, 1GiB. A boolean is --simulate or --no-simulate.',
  )
  for (const section of SECTIONS) {
    lines.push('', `${section.title}:`)
    for (const name of Object.keys(section.settings) as SettingName[]) {
      lines.push(...rowLines(flagName(name), name, SETTINGS[name], variableName(name)))
    }
  }
  for (const name of COMMAND_NAMES) lines.push(...optionLines(name))
  lines.push('', 'Exit codes:', ...CODES.map(code => `  ${code}`), '')
  return lines.join('\n')
}

function commandPage(name: CommandName): string {
  const command: Command = COMMANDS[name]
  const lines = [`Usage: ${usage(name)}`, '', ...wrapped(command.summary), ...optionLines(name)]
  if (command.examples.length > 0) lines.push('', 'Examples:', ...command.examples.map(example => `  ${example}`))
  lines.push('', `All ${SETTING_NAMES.length} settings are flags too: see millrace help.`, '')
  return lines.join('\n')
}

function usage(name: CommandName): string {
  const command: Command = COMMANDS[name]
  const label = command.operandsLabel
  return `millrace ${name}${label === '' ? '' : ` ${label}`} [FLAGS]`
}

function optionLines(name: CommandName): string[] {
  const command: Command = COMMANDS[name]
  const options = Object.entries(command.options).flatMap(([option, row]) =>
    rowLines(flagName(option), option, row, ''),
  )
  const aliases = Object.entries(command.aliases).map(
    ([alias, setting]) => `  --${alias}  stands for --${flagName(setting)}`,
  )
  return options.length + aliases.length === 0 ? [] : ['', `Flags of ${name} only:`, ...options, ...aliases]
}

/** A flag with its default and what is allowed, and below it the reason. */
function rowLines(flag: string, name: string, row: Setting<unknown>, variable: string): string[] {
  const value =
    row.kind === 'boolean' ? `--[no-]${flag}` : `--${flag} ${row.unit === '' ? 'VALUE' : row.unit.toUpperCase()}`
  const facts = [
    `default ${valueText(row, row.default)}`,
    row.range,
    row.kind === 'number' && row.unit !== '' ? `in ${row.unit}` : '',
  ]
  const known = variable === '' ? [] : [`${name}, ${variable}`]
  return [`  ${value}`, ...wrapped([...known, ...facts.filter(fact => fact !== '')].join('; ')), ...wrapped(row.reason)]
}

/** Cuts a text into indented lines. */
function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = INDENT
  for (const word of text.split(' ')) {
    if (line.length > INDENT.length && line.length + 1 + word.length > LINE_LENGTH_MAX) {
      lines.push(line)
      line = INDENT
    }
    line += line.length === INDENT.length ? word : ` ${word}`
  }
  lines.push(line)
  return lines
}
