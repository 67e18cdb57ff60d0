/** The command line of the harness: which variants, what they change, what becomes of the report. */

import { parseArgs } from 'node:util'
import { TRANSPORTS, type Workload } from './workload.ts'

export interface HarnessOptions {
  /** Empty: the canonical workload. */
  readonly names: readonly string[]
  readonly changes: Partial<Workload>
  readonly settings: readonly string[]
  readonly placement: 'pools' | 'single' | null
  /** Names of peers; 'all' for every one. */
  readonly peers: readonly string[]
  readonly runs: number
  readonly isSmall: boolean
  readonly hasCosts: boolean
  readonly json: string | null
  readonly report: string | null
  readonly compare: string | null
  readonly isHelp: boolean
  /** No text, only files. */
  readonly isQuiet: boolean
  /** What was set but for names and files: to run a variant again in the same way. */
  readonly flags: readonly string[]
  /** The same with the server's settings, for reports. */
  readonly text: string
}

export class OptionError extends Error {
  readonly code = 'OPTION_INVALID'
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

const OPTIONS = {
  clients: TEXT,
  items: TEXT,
  'items-per-client': TEXT,
  rate: TEXT,
  fields: TEXT,
  bytes: TEXT,
  warmup: TEXT,
  seconds: TEXT,
  mode: TEXT,
  'max-delay': TEXT,
  transport: TEXT,
  seed: TEXT,
  placement: TEXT,
  peers: TEXT,
  runs: TEXT,
  json: TEXT,
  report: TEXT,
  compare: TEXT,
  small: FLAG,
  'no-costs': FLAG,
  quiet: FLAG,
  help: FLAG,
} as const

/** Where files lie, and what is printed, is nobody's business who reads the report. */
const UNTOLD = ['json', 'report', 'compare', 'quiet', 'help', 'no-costs']

const RUNS_MAX = 100

export function readOptions(args: readonly string[]): HarnessOptions {
  const [own, settings] = split(args)
  const { values, positionals } = parse(own)
  const number = (name: keyof typeof OPTIONS, min: number, max: number): number | undefined => {
    const text = values[name] as string | undefined
    if (text === undefined) return undefined
    const value = Number(text)
    if (text.trim() === '' || !(value >= min && value <= max)) {
      throw new OptionError(`--${name} takes a number from ${min} to ${max}, not '${text}'`)
    }
    return value
  }
  const whole = (name: keyof typeof OPTIONS, min: number, max: number): number | undefined => {
    const value = number(name, min, max)
    if (value !== undefined && !Number.isInteger(value)) throw new OptionError(`--${name} takes a whole number`)
    return value
  }
  const changes = defined({
    clients: whole('clients', 1, 100_000),
    items: whole('items', 1, 10_000),
    itemsPerClient: whole('items-per-client', 1, 1_000),
    ratePerItem: number('rate', 0.001, 1_000_000),
    fields: whole('fields', 1, 6),
    lineBytes: whole('bytes', 0, 60_000),
    warmupSeconds: number('warmup', 0, 600),
    seconds: whole('seconds', 1, 86_400),
    maxDelayMs: number('max-delay', 0, 60_000),
    seed: whole('seed', 0, 2 ** 31),
    mode: choice('mode', values.mode, ['merge', 'raw', 'distinct'] as const),
    transport: choice('transport', values.transport, TRANSPORTS),
  })
  const flags = Object.entries(values).flatMap(([name, value]) => {
    if (UNTOLD.includes(name)) return []
    return typeof value === 'string' ? [`--${name}`, value] : [`--${name}`]
  })
  return {
    names: positionals,
    changes,
    settings,
    placement: choice('placement', values.placement, ['pools', 'single'] as const) ?? null,
    peers: values.peers === undefined || values.peers === '' ? [] : values.peers.split(','),
    runs: whole('runs', 1, RUNS_MAX) ?? 1,
    isSmall: values.small ?? false,
    hasCosts: values['no-costs'] !== true,
    json: values.json ?? null,
    report: values.report ?? null,
    compare: values.compare ?? null,
    isHelp: values.help ?? false,
    isQuiet: values.quiet ?? false,
    flags,
    text: [...flags, ...(settings.length > 0 ? ['--', ...settings] : [])].join(' '),
  }
}

/** What stands behind `--` goes to the server. */
function split(args: readonly string[]): [string[], string[]] {
  const at = args.indexOf('--')
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)]
}

function parse(args: string[]): ReturnType<typeof parseOwn> {
  try {
    return parseOwn(args)
  } catch (error) {
    throw new OptionError((error as Error).message)
  }
}

function parseOwn(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true })
}

function choice<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  if (text === undefined) return undefined
  const found = allowed.find(each => each === text)
  if (found === undefined) throw new OptionError(`--${name} is one of ${allowed.join(', ')}, not '${text}'`)
  return found
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
