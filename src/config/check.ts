/**
 * Checks settings: each value against its own range, then the relations between settings, each with its reason, then
 * what the machine says to them.
 *
 * Invariants (test/rules.md, N):
 *  - All problems are told at once, each in one line: the settings, their values, where each came from, what is allowed.
 *  - A relation is looked at only when the settings in it are within their ranges.
 *  - A broken relation between settings is an error; what the machine may not bear is a warning, as the same settings
 *    may be right on another machine.
 */

import { ProgramError } from '#src/errors.ts'
import { printable } from '#src/printable.ts'
import {
  bytesText,
  type Config,
  countText,
  defaultConfig,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
  valueText,
} from './config.ts'
import { itemRulesProblem, readItemRules } from './item-rules.ts'

/** Values as they were given, by setting; what is not given has its default. */
export type GivenValues = ReadonlyMap<SettingName, GivenValue>

export interface GivenValue {
  readonly value: unknown
  /** Where it came from, to stand in brackets: `flag --http-port`. */
  readonly source: string
}

/** What the machine allows this process; null where it does not say. */
export interface Machine {
  readonly openFilesMax: number | null
  readonly memoryBytes: number | null
}

export interface CheckedConfig {
  /** Complete when there are no problems; a setting with a problem has its default in it. */
  readonly config: Config
  readonly problems: readonly string[]
}

interface Relation {
  /** The settings whose values the message shows; the first one is the one to change. */
  readonly settings: readonly [SettingName, ...SettingName[]]
  /** What is wrong, or null when the relation holds. */
  problem(config: Config): string | null
  readonly reason: string
}

/** Room for what stands around values in a ring's record: its header, an item's name apart, ids, lengths, times. */
const RECORD_EXTRA_BYTES = 256
/** What stands around one field's name and value in an encoded update: quotes, colon, comma, null. */
const FIELD_EXTRA_BYTES = 8
/** Room is claimed for a text before its letters are encoded: three bytes each (stages, textBytesMax). */
const TEXT_UNIT_BYTES = 3
/** Items of an instrument of the simulated market: its quote, its trades, its book. */
const MARKET_ITEMS = 3
/** A list `A,A` in a request is `"A","A"` in JSON: 2.5 letters a byte at worst, three bytes a letter. */
const REQUEST_TEXT_PART = 8
/** An answer that lists items or sessions is cut at 128 Ki letters and one row more. */
const ANSWER_RECORD_BYTES = 524_288
/** What a flush says of each connection that gets it (codec/record.ts, CONNECTION_BYTES). */
const FLUSH_SESSION_BYTES = 8
/** A ring takes no record that is longer than this part of it, so that one that meets the wrap always fits. */
const RING_RECORD_PARTS = 4
/** Descriptors that are neither a client's nor a feed's: standard streams, listeners, pools, files. */
const OTHER_FILES_COUNT = 200
/** The longest value that a message repeats. */
const SHOWN_LENGTH_MAX = 80

/** The longest encoded update: every field an item may have, each as long as it may be. */
function itemBytesMax(config: Config): number {
  const fieldBytesMax = config.fieldNameBytesMax + config.valueBytesMax + FIELD_EXTRA_BYTES
  return config.fieldsMax * fieldBytesMax + config.itemNameBytesMax + RECORD_EXTRA_BYTES
}

/** How the relation "this must fit a record of that ring" reads when it does not hold. */
function ringProblem(what: string, length: number, ring: SettingName, capacity: number): string | null {
  if (length <= capacity / RING_RECORD_PARTS) return null
  return `${what} needs ${countText(length)} bytes, a quarter of ${ring} is ${bytesText(capacity / RING_RECORD_PARTS)}`
}

const RELATIONS: readonly Relation[] = [
  {
    settings: ['feedPort', 'httpPort', 'feedHost', 'httpHost'],
    problem: config => {
      const { feedHost, httpHost } = config
      const isShared = feedHost === httpHost || isAnyAddress(feedHost) || isAnyAddress(httpHost)
      return isShared && config.feedPort === config.httpPort && config.feedPort !== 0
        ? 'both listen on the same address and port'
        : null
    },
    reason: 'feeds and front-ends speak different protocols',
  },
  {
    settings: ['placement', 'feedThreads', 'coreThreads', 'edgeThreads'],
    problem: config =>
      config.placement === 'single' && (config.feedThreads > 1 || config.coreThreads > 1 || config.edgeThreads > 1)
        ? 'placement single with more than one thread of a kind'
        : null,
    reason: 'with placement single every stage runs in one thread, and more threads would never start',
  },
  {
    settings: ['feedRingBytes', 'feedLineBytesMax', 'requestBodyBytesMax'],
    problem: config => {
      const length =
        TEXT_UNIT_BYTES * Math.max(config.feedLineBytesMax, config.requestBodyBytesMax) + RECORD_EXTRA_BYTES
      return ringProblem('an update', length, 'feedRingBytes', config.feedRingBytes)
    },
    reason:
      'a line, or an update published over HTTP, travels to its core thread as one record, its texts in three bytes a letter',
  },
  {
    settings: ['controlRingBytes', 'requestHeadBytesMax', 'requestBodyBytesMax'],
    problem: config => {
      const length = Math.max(
        REQUEST_TEXT_PART * config.requestHeadBytesMax,
        TEXT_UNIT_BYTES * config.requestBodyBytesMax,
      )
      return ringProblem('a request', length + RECORD_EXTRA_BYTES, 'controlRingBytes', config.controlRingBytes)
    },
    reason:
      'a request travels to its core thread as one record of JSON, eight times as long as its head at worst, many names of one letter; a message to its feed in three bytes a letter',
  },
  {
    settings: ['feedOutboxBytesMax', 'requestBodyBytesMax'],
    problem: config =>
      2 * (config.requestBodyBytesMax + RECORD_EXTRA_BYTES) <= config.feedOutboxBytesMax
        ? null
        : 'the longest message is more than half of what may wait for a feed',
    reason: 'messages may take half of what waits for a feed: a longer one would never be handed over',
  },
  {
    settings: ['edgeRingBytes', 'fieldsMax', 'valueBytesMax', 'fieldNameBytesMax'],
    problem: config => {
      const length = Math.max(TEXT_UNIT_BYTES * itemBytesMax(config), ANSWER_RECORD_BYTES)
      return ringProblem('the answer with a whole item', length, 'edgeRingBytes', config.edgeRingBytes)
    },
    reason:
      'an item travels to its edge thread as one record: fieldsMax values of valueBytesMax, in three bytes a letter',
  },
  {
    settings: ['edgeRingBytes', 'flushBytesMax', 'flushSessionsMax'],
    problem: config => {
      const length = config.flushBytesMax + FLUSH_SESSION_BYTES * config.flushSessionsMax + RECORD_EXTRA_BYTES
      return ringProblem('a flush', length, 'edgeRingBytes', config.edgeRingBytes)
    },
    reason: 'a flush travels to its edge thread as one record, with the connections of all sessions that share it',
  },
  {
    settings: ['edgeRingBytes', 'resumeEventBytes'],
    problem: config => {
      const length = TEXT_UNIT_BYTES * config.resumeEventBytes + RECORD_EXTRA_BYTES
      return ringProblem('an event', length, 'edgeRingBytes', config.edgeRingBytes)
    },
    reason: "the answer to a client's message travels to its edge thread in one flush, in three bytes a letter",
  },
  {
    settings: ['peerRingBytes', 'fieldsMax', 'valueBytesMax', 'coreThreads'],
    problem: config =>
      config.coreThreads === 1
        ? null
        : ringProblem(
            'the snapshot of an item',
            itemBytesMax(config) + config.valueBytesMax + FIELD_EXTRA_BYTES,
            'peerRingBytes',
            config.peerRingBytes,
          ),
    reason: 'with several core threads a replica begins with the whole item, as one record; a row has a key besides',
  },
  {
    settings: ['valueBytesMax', 'feedLineBytesMax', 'itemNameBytesMax', 'fieldNameBytesMax'],
    problem: config => {
      const length = config.valueBytesMax + config.itemNameBytesMax + config.fieldNameBytesMax + 64
      return length <= config.feedLineBytesMax ? null : `a line with one such value needs ${countText(length)} bytes`
    },
    reason: 'a value that is allowed must fit a line that is allowed',
  },
  {
    settings: ['fieldNamesMax', 'fieldsMax'],
    problem: config =>
      config.fieldsMax <= config.fieldNamesMax ? null : 'an item may have more fields than have names',
    reason: 'an item cannot have more fields than there are names of fields',
  },
  {
    settings: ['valueStoreBytes', 'fieldsMax', 'valueBytesMax'],
    problem: config => {
      const length = 2 * config.fieldsMax * config.valueBytesMax
      return length <= config.valueStoreBytes ? null : `one item replaced whole needs ${bytesText(length)}`
    },
    reason: 'the store must hold at least one item of the largest size, its old values beside its new ones',
  },
  {
    settings: ['rawLogBytes', 'feedLineBytesMax', 'requestBodyBytesMax'],
    problem: config =>
      Math.max(config.feedLineBytesMax, config.requestBodyBytesMax) <= config.rawLogBytes
        ? null
        : 'the longest update does not fit the log of its item',
    reason: 'a log that cannot hold one update would lose it for every reader of every update',
  },
  {
    settings: ['rawStoreBytes', 'rawLogBytes'],
    problem: config =>
      config.rawLogBytes <= config.rawStoreBytes ? null : 'the log of one item does not fit the memory for all logs',
    reason: 'a raw stream is let in only while one log in full finds room',
  },
  {
    settings: ['itemRules'],
    problem: config => itemRulesProblem(config.itemRules),
    reason: 'what is set for items is told in docs/item-rules.md',
  },
  {
    settings: ['itemRules', 'feedLineBytesMax', 'requestBodyBytesMax'],
    problem: config => {
      if (itemRulesProblem(config.itemRules) !== null) return null
      const bytesMin = Math.max(config.feedLineBytesMax, config.requestBodyBytesMax)
      const isShort = readItemRules(config.itemRules).some(({ settings }) => (settings.logBytes ?? bytesMin) < bytesMin)
      return isShort ? 'the longest update does not fit a log of logBytes' : null
    },
    reason: 'a log that cannot hold one update would lose it for every reader of every update',
  },
  {
    settings: ['simulateItems', 'itemsMax', 'simulate'],
    problem: config =>
      !config.simulate || config.simulateItems * MARKET_ITEMS <= config.itemsMax
        ? null
        : 'the market has more items than may be held',
    reason: 'the server would refuse what its own market publishes',
  },
]

/** Looks at the given values; `sourceOf` what is not given is its default. */
export function checkConfig(given: GivenValues): CheckedConfig {
  const problems: string[] = []
  const values: Record<string, unknown> = { ...defaultConfig }
  const bad = new Set<SettingName>()
  for (const name of SETTING_NAMES) {
    const one = given.get(name)
    if (one === undefined) continue
    const problem = valueProblem(name, SETTINGS[name], one)
    if (problem === null) {
      values[name] = one.value
      continue
    }
    bad.add(name)
    problems.push(problem)
  }
  const config = values as unknown as Config
  for (const relation of RELATIONS) {
    if (relation.settings.some(name => bad.has(name))) continue
    const problem = relation.problem(config)
    if (problem === null) continue
    const shown = relation.settings.map(name => settingText(name, config[name], given.get(name)?.source))
    problems.push(`${shown.join(', ')}: ${problem}; ${relation.reason}`)
  }
  return { config, problems }
}

/** What is wrong with one value of a setting or of a command's option, in one line; null when nothing is. */
export function valueProblem(name: string, row: Setting<unknown>, given: GivenValue): string | null {
  if (row.schema.safeParse(given.value).success) return null
  return `${name} = ${shownText(given.value)} (${given.source}): must be ${row.range}`
}

/** A whole Config from some values, checked as those of a file are: for tests, simulations and programs within Node. */
export function makeConfig(overrides: Partial<Config> = {}): Config {
  const entries = Object.entries(overrides) as [SettingName, unknown][]
  const unknown = entries.find(([name]) => !Object.hasOwn(SETTINGS, name))
  if (unknown !== undefined) throw new ProgramError('CONFIG_INVALID', `${unknown[0]}: there is no such setting`)
  const given = new Map(entries.map(([name, value]) => [name, { value, source: 'given' }]))
  const { config, problems } = checkConfig(given)
  if (problems.length > 0) throw new ProgramError('CONFIG_INVALID', problems.join('\n'))
  return Object.freeze(config)
}

/** Descriptors that a server with these settings may have open at once. */
export function openFilesWanted(config: Config): number {
  const isSingle = config.placement === 'single'
  const edges = isSingle ? 1 : config.edgeThreads
  const feeders = isSingle || config.feedThreads === 0 ? edges : config.feedThreads
  return edges * config.connectionsMax + feeders * config.feedConnectionsMax + OTHER_FILES_COUNT
}

/** Memory that rings and values take when all are full; what connections and sessions take comes on top. */
export function memoryBytesWanted(config: Config): number {
  const { coreThreads: cores, edgeThreads: edges } = config
  const values = cores * (config.valueStoreBytes + config.rawStoreBytes)
  // An edge thread publishes too, what comes over HTTP: it has a lane as a feed thread has. See workers/wiring.ts.
  const lanes = config.placement === 'single' ? 1 : config.feedThreads + edges
  const laneRings = cores * lanes * (config.feedRingBytes + config.controlRingBytes)
  const edgeRings = cores * edges * (config.edgeRingBytes + config.controlRingBytes)
  const peerRings = cores * (cores - 1) * (config.peerRingBytes + config.controlRingBytes)
  return values + laneRings + edgeRings + peerRings
}

/** What this machine may not bear, one line each. */
export function machineWarnings(config: Config, machine: Machine): string[] {
  const warnings: string[] = []
  const files = openFilesWanted(config)
  if (machine.openFilesMax !== null && files > machine.openFilesMax) {
    warnings.push(
      `connectionsMax and feedConnectionsMax allow ${countText(files)} open files, the system ${countText(machine.openFilesMax)}: ` +
        'it would refuse connections before Millrace does; lower connectionsMax or raise the limit (ulimit -n)',
    )
  }
  const memoryBytes = memoryBytesWanted(config)
  if (machine.memoryBytes !== null && memoryBytes > machine.memoryBytes) {
    warnings.push(
      `rings and values may take ${mebibytesText(memoryBytes)}, the machine has ${mebibytesText(machine.memoryBytes)}: ` +
        'lower valueStoreBytes, edgeRingBytes or the number of threads',
    )
  }
  return warnings
}

/** True for the addresses that stand for all addresses of the machine. */
export function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function settingText(name: SettingName, value: unknown, source = 'default'): string {
  return `${name} = ${valueText(SETTINGS[name], value)} (${source})`
}

function mebibytesText(bytes: number): string {
  return `${countText(Math.round(bytes / 1_048_576))} MiB`
}

/** A value for a message, as JSON writes it. */
function shownText(value: unknown): string {
  return printable(
    typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value)),
    SHOWN_LENGTH_MAX,
  )
}
