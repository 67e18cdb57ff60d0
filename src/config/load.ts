/**
 * Arguments, environment and file become a command and a Config: the only reader of process.argv and process.env.
 *
 * Invariants (test/rules.md, N):
 *  - Precedence: flag, then variable, then file, then default. `--config FILE` comes before MILLRACE_CONFIG.
 *  - Nothing unknown is passed over: a flag, a MILLRACE_ variable or a key that no setting has is a problem, and names
 *    what it may have meant.
 *  - All problems are thrown at once, as one ProgramError of one line each: USAGE when a flag, an operand or the command
 *    is among them, else CONFIG_FILE when the file is, else CONFIG_INVALID.
 *  - Asking for help always gets it, whatever else is wrong.
 */

import { readFileSync, statSync } from 'node:fs'
import { totalmem } from 'node:os'
import { ProgramError, type ProgramErrorCode } from '#src/errors.ts'
import { printable } from '#src/printable.ts'
import { checkConfig, type GivenValue, type Machine, machineWarnings, valueProblem } from './check.ts'
import { COMMAND_NAMES, COMMANDS, type Command, type CommandName, isCommandName } from './commands.ts'
import {
  bytesText,
  type Config,
  defaultConfig,
  defaultsOf,
  flagName,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
  type ValuesOf,
  variableName,
} from './config.ts'

export type OptionsOf<Name extends CommandName> = ValuesOf<(typeof COMMANDS)[Name]['options']>

export interface LoadedCommand<Name extends CommandName> {
  readonly command: Name
  readonly options: OptionsOf<Name>
  /** What stands behind the command and its flags, e.g. replay's file. */
  readonly operands: readonly string[]
  readonly config: Config
  /** What this machine may not bear, one line each, for the log. */
  readonly warnings: readonly string[]
}

export type Loaded = { readonly [Name in CommandName]: LoadedCommand<Name> }[CommandName]

type Environment = Readonly<Record<string, string | undefined>>

const CONFIG_BYTES_MAX = 1_048_576
const CONFIG_VARIABLE = 'MILLRACE_CONFIG'
/** Where the project's own tests look for recorded data; no setting. */
const DATA_VARIABLE = 'MILLRACE_DATA'
/** Kubernetes sets these for a service that is called millrace; they are no settings. */
const SERVICE_VARIABLE = /^MILLRACE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, KIB: 1_024, MIB: 1_048_576, GIB: 1_073_741_824 }

/** Everything that is wrong, gathered until it is thrown at once. */
class Problems {
  readonly #lines: string[] = []
  #code: ProgramErrorCode = 'CONFIG_INVALID'

  add(code: 'USAGE' | 'CONFIG_FILE' | 'CONFIG_INVALID', line: string): void {
    const isWorse = code === 'USAGE' || (code === 'CONFIG_FILE' && this.#code !== 'USAGE')
    if (isWorse) this.#code = code
    this.#lines.push(line)
  }

  throwAny(): void {
    if (this.#lines.length > 0) throw new ProgramError(this.#code, this.#lines.join('\n'))
  }
}

/** What the arguments say, before any value is checked. */
class Arguments {
  readonly operands: string[] = []
  readonly settings = new Map<SettingName, GivenValue>()
  readonly options = new Map<string, GivenValue>()
  configFile: string | null = null
  /** True when a flag is unknown: then what looks like an operand may be its value. */
  hasUnknownFlag = false
  readonly #command: Command
  readonly #problems: Problems
  readonly #seen = new Map<string, string>()

  constructor(command: Command, argv: readonly string[], problems: Problems) {
    this.#command = command
    this.#problems = problems
    let index = 0
    while (index < argv.length) {
      const argument = argv[index]!
      index++
      if (argument === '--') {
        this.operands.push(...argv.slice(index))
        break
      }
      if (!argument.startsWith('-') || argument === '-') this.operands.push(argument)
      else if (this.#takeFlag(argument, argv[index])) index++
    }
  }

  /** Takes one flag; true when it took the argument behind it as its value. */
  #takeFlag(argument: string, next: string | undefined): boolean {
    const [, written = '', inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(argument) ?? []
    const isNegated = written.startsWith('no-') && this.#find(written.slice(3))?.row.kind === 'boolean'
    const found = argument.startsWith('--') ? this.#find(isNegated ? written.slice(3) : written) : null
    const flag = `--${written}`
    if (found === null) {
      this.hasUnknownFlag = true
      const known = printable(`-${argument.startsWith('--') ? '-' : ''}${written}`)
      this.#problems.add('USAGE', `${known}: there is no such flag${suggestion(written, this.#flagNames(), '--')}`)
      return false
    }
    const earlier = this.#seen.get(found.name)
    if (earlier !== undefined)
      this.#problems.add('USAGE', `${flag}: given twice${earlier === flag ? '' : `, as ${earlier} too`}`)
    this.#seen.set(found.name, flag)
    if (found.row.kind === 'boolean') {
      if (isNegated && inline !== undefined) this.#problems.add('USAGE', `${flag}: takes no value`)
      const value = inline === undefined ? !isNegated : readText(found.row, inline)
      this.#put(found, { value, source: `flag ${flag}` })
      return false
    }
    const text = inline ?? next
    if (text === undefined || (inline === undefined && text.startsWith('--'))) {
      this.#problems.add('USAGE', `${flag}: needs a value`)
      return false
    }
    this.#put(found, { value: readText(found.row, text), source: `flag ${flag}` })
    return inline === undefined
  }

  #put(found: Flag, given: GivenValue): void {
    if (found.kind === 'config') this.configFile = String(given.value)
    else if (found.kind === 'option') this.options.set(found.name, given)
    else this.settings.set(found.name as SettingName, given)
  }

  #find(flag: string): Flag | null {
    if (flag === 'config') return { kind: 'config', name: 'config', row: CONFIG_ROW }
    const { options, aliases } = this.#command
    const option = Object.keys(options).find(name => flagName(name) === flag)
    if (option !== undefined) return { kind: 'option', name: option, row: options[option]! }
    const name = Object.hasOwn(aliases, flag)
      ? aliases[flag]
      : SETTING_NAMES.find(setting => flagName(setting) === flag)
    return name === undefined ? null : { kind: 'setting', name, row: SETTINGS[name] }
  }

  #flagNames(): string[] {
    const { options, aliases } = this.#command
    return [
      'config',
      'help',
      ...Object.keys(options).map(flagName),
      ...Object.keys(aliases),
      ...SETTING_NAMES.map(flagName),
    ]
  }
}

interface Flag {
  readonly kind: 'config' | 'option' | 'setting'
  readonly name: string
  readonly row: Setting<unknown>
}

/** Only its kind is read: the file's name is a text. */
const CONFIG_ROW: Setting<unknown> = SETTINGS.httpHost

/** Reads the command and its settings. Throws one ProgramError that tells every problem. */
export function loadConfig(
  argv: readonly string[] = process.argv.slice(2),
  env: Environment = process.env,
  machine: Machine = thisMachine(),
): Loaded {
  const simple = helpOrVersion(argv)
  if (simple !== null) return simple
  const problems = new Problems()
  const [name = '', ...rest] = argv
  if (!isCommandName(name)) throw new ProgramError('USAGE', commandProblem(name))
  const command: Command = COMMANDS[name]
  const args = new Arguments(command, rest, problems)
  if (!args.hasUnknownFlag) checkOperands(name, command, args.operands, problems)
  const options = checkOptions(command, args.options, problems)
  const given = new Map<SettingName, GivenValue>()
  const file = args.configFile ?? (env[CONFIG_VARIABLE] || null)
  if (file !== null) readFile(file, given, problems)
  readEnvironment(env, given, problems)
  for (const [setting, value] of args.settings) given.set(setting, value)
  const checked = checkConfig(given)
  for (const problem of checked.problems) problems.add('CONFIG_INVALID', problem)
  problems.throwAny()
  const config = Object.freeze(checked.config)
  const warnings = name === 'serve' ? machineWarnings(config, machine) : []
  return { command: name, options, operands: args.operands, config, warnings } as Loaded
}

/** What the system grants this process: the limit that Node raised at its start, and memory. */
export function thisMachine(): Machine {
  const limited = process.constrainedMemory()
  const memoryBytes = limited > 0 && limited < totalmem() ? limited : totalmem()
  return { openFilesMax: openFilesMax(), memoryBytes }
}

function openFilesMax(): number | null {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return found === null ? null : Number(found[1])
  } catch {
    // Only Linux has this file; elsewhere the system does not say.
    return null
  }
}

/** Help and the version are given without a look at anything else. */
function helpOrVersion(argv: readonly string[]): Loaded | null {
  const end = argv.indexOf('--')
  const flags = end < 0 ? argv : argv.slice(0, end)
  const common = { options: {}, config: defaultConfig, warnings: [] }
  if (argv[0] === '--version' || argv[0] === '-v') return { ...common, command: 'version', operands: [] }
  if (!flags.includes('--help') && !flags.includes('-h')) return null
  const topic = argv[0] !== undefined && argv[0] !== 'help' && isCommandName(argv[0]) ? [argv[0]] : []
  return { ...common, command: 'help', operands: topic }
}

function commandProblem(name: string): string {
  const commands = COMMAND_NAMES.join(', ')
  if (name === '') return `a command is needed: ${commands}`
  if (name.startsWith('-')) return `${printable(name)}: the command comes first: ${commands}`
  return `${printable(name)}: there is no such command${suggestion(name, COMMAND_NAMES, '')}; there are ${commands}`
}

function checkOperands(name: CommandName, command: Command, operands: readonly string[], problems: Problems): void {
  const label = command.operandsLabel
  if (operands.length < command.operandsMin) problems.add('USAGE', `${name}: needs ${label}`)
  if (operands.length <= command.operandsMax) return
  const first = printable(operands[command.operandsMax]!)
  problems.add('USAGE', `${name}: ${first} is too much, it takes ${label === '' ? 'flags only' : label}`)
}

function checkOptions(command: Command, given: ReadonlyMap<string, GivenValue>, problems: Problems): object {
  const values: Record<string, unknown> = defaultsOf(command.options)
  for (const [name, one] of given) {
    const problem = valueProblem(name, command.options[name]!, one)
    if (problem === null) values[name] = one.value
    else problems.add('USAGE', problem)
  }
  return Object.freeze(values)
}

/** Puts the file's values into `given`. A file that cannot be read is one problem, an unknown key another each. */
function readFile(file: string, given: Map<SettingName, GivenValue>, problems: Problems): void {
  let parsed: unknown
  try {
    const stats = statSync(file)
    if (!stats.isFile() && !stats.isFIFO() && !stats.isCharacterDevice()) throw new Error('is not a file')
    if (stats.size > CONFIG_BYTES_MAX) throw new Error(`is longer than ${bytesText(CONFIG_BYTES_MAX)}`)
    parsed = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    problems.add('CONFIG_FILE', `${printable(file)}: ${printable((error as Error).message)}`)
    return
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    problems.add('CONFIG_FILE', `${printable(file)}: is not one JSON object of settings`)
    return
  }
  for (const [key, value] of Object.entries(parsed)) {
    if (!isSettingName(key)) {
      const hint = suggestion(key, SETTING_NAMES, '')
      problems.add('CONFIG_FILE', `${printable(key)} (file ${printable(file)}): there is no such setting${hint}`)
      continue
    }
    const row: Setting<unknown> = SETTINGS[key]
    const isText = typeof value === 'string'
    const read =
      row.kind === 'bytes' && isText
        ? readText(row, value)
        : row.kind === 'json' && !isText
          ? JSON.stringify(value)
          : value
    given.set(key, { value: read, source: `file ${printable(file)}` })
  }
}

function readEnvironment(env: Environment, given: Map<SettingName, GivenValue>, problems: Problems): void {
  const names = new Map(SETTING_NAMES.map(name => [variableName(name), name]))
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith('MILLRACE_')) continue
    const name = names.get(variable)
    if (name !== undefined) {
      given.set(name, { value: readText(SETTINGS[name], text), source: `variable ${variable}` })
      continue
    }
    if (variable === CONFIG_VARIABLE || variable === DATA_VARIABLE || SERVICE_VARIABLE.test(variable)) continue
    const hint = suggestion(variable, [...names.keys(), CONFIG_VARIABLE], '')
    problems.add('CONFIG_INVALID', `${printable(variable)}: there is no such variable${hint}`)
  }
}

/** The value that a text stands for; the text itself when it stands for none, for the check to refuse. */
function readText(row: Setting<unknown>, text: string): unknown {
  switch (row.kind) {
    case 'number':
      return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text
    case 'bytes': {
      const [, digits, unit = ''] = /^(\d{1,15}) ?(KiB|MiB|GiB)?$/i.exec(text) ?? []
      return digits === undefined ? text : Number(digits) * BYTE_UNITS[unit.toUpperCase()]!
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'text':
    case 'json':
      return text
  }
}

function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(SETTINGS, key)
}

/** What an unknown word may have meant, as the end of a sentence; empty when nothing is near. */
function suggestion(word: string, known: readonly string[], prefix: string): string {
  const plain = plainWord(word)
  let nearest = ''
  let distanceMin = Math.max(2, Math.floor(plain.length / 4)) + 1
  for (const name of known) {
    const other = plainWord(name)
    // Half a name counts as near, so that --port finds --http-port.
    const isPart = plain.length >= 4 && (other.endsWith(plain) || other.startsWith(plain))
    const distance = isPart ? Math.min(1.5, editDistance(plain, other)) : editDistance(plain, other)
    if (distance >= distanceMin) continue
    distanceMin = distance
    nearest = name
  }
  return nearest === '' ? '' : `; did you mean ${prefix}${nearest}?`
}

/** A name without what differs between its spellings. */
function plainWord(word: string): string {
  return word.slice(0, 64).replace(/[-_]/g, '').toLowerCase()
}

/** How many letters must be put in, taken out or changed to make one word the other (Levenshtein). */
function editDistance(source: string, target: string): number {
  let row = Array.from({ length: target.length + 1 }, (_, index) => index)
  for (let i = 1; i <= source.length; i++) {
    const next = [i]
    for (let j = 1; j <= target.length; j++) {
      const changed = row[j - 1]! + (source[i - 1] === target[j - 1] ? 0 : 1)
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[target.length]!
}
