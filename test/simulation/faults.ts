/**
 * What may go wrong in a simulation, each with its name and its probability, and how small everything is. One table: a
 * seed chooses among the variants of a row; nothing else decides about the surroundings.
 *
 * Probabilities of faults are per step and actor, unless a row says otherwise.
 */

import { type Config, defaultConfig } from '#src/config/config.ts'
import type { StretchFunction } from '#src/domain/merge-function.ts'
import { Random } from '../support/random.ts'
import type { ModelSettings, Sight } from './model.ts'
import type { Transport } from './wishes.ts'

export const FAULTS = {
  /** A thread gets no turn for some steps: its inbound queues fill. */
  threadPause: 0.02,
  /** A feed's connection ends in order, its last line whole but, one time in four, without its newline. */
  feedEnd: 0.004,
  /** A feed is gone without a word, mostly in the middle of a line. */
  feedReset: 0.004,
  /** A feed says nothing for a while; one with a heartbeat turns silent. */
  feedSilence: 0.01,
  /** Per line: it is no line. */
  badLine: 0.02,
  /** A client stops reading for a while. */
  clientStall: 0.02,
  /** Of those, it stops for so long that it is given up where the time for that is short. */
  longStall: 0.4,
  /** A client is gone without a word, whatever is on its way to it. */
  clientReset: 0.008,
  /** A client closes in order. */
  clientEnd: 0.004,
  /** An update or a deletion is published over HTTP. */
  httpPublish: 0.05,
  /** Per stream or poll that a client has lost: it does not come back. */
  giveUp: 0.1,
  /** A client takes its session up elsewhere while its stream is still there. */
  earlyResume: 0.01,
  /** Per resumption: a second one is under way beside it. */
  doubleResume: 0.15,
  /** Per resumption: from a flush before the last one that was handled, or from a position that was never sent. */
  oldPosition: 0.1,
  wrongPosition: 0.03,
  /** Per poll: the client drops the connection before it has the whole answer, and polls again from where it was. */
  lostPoll: 0.15,
  /** A client makes a request of its session. */
  request: 0.05,
  /** A client sends some of its requests that have no answer yet. */
  sending: 0.1,
  /** Per sending: with what is on its way already, in another order, not from the first one on. */
  sendTwice: 0.1,
  sendShuffled: 0.2,
  sendLater: 0.2,
  /** Per sending: the client drops the connection before the answers have come. */
  lostAnswers: 0.15,
} as const

/** What clients do beside reading. */
export interface Play {
  /** How streams are carried. */
  readonly transports: readonly Transport[]
  /** Sessions outlive their streams and are taken up again. */
  readonly resumes: boolean
  /** Sessions have several subscriptions, which come, change and go. */
  readonly hasRequests: boolean
  /** Of bandwidth and delay; sessions are destroyed. */
  readonly hasLimits: boolean
  readonly hasPrefixes: boolean
  /** Distinct updates, tables, filters, and rules for items. */
  readonly hasModes: boolean
}

/** What is set for the items, and what their feeds say of them. */
export interface ItemChoices {
  /** Items whose feeds publish operations on rows. */
  readonly tables: ReadonlySet<string>
  readonly settings: ReadonlyMap<string, ModelSettings>
}

/** The sizes of queues that a seed chooses from: the smallest that can hold the longest record, and larger ones. */
const QUEUE_BYTES = [4_096, 4_096, 8_192, 65_536] as const

export interface Surroundings {
  readonly config: Config
  readonly play: Play
  readonly queueBytes: { readonly data: number; readonly control: number; readonly out: number; readonly peer: number }
  readonly feeds: number
  readonly clients: number
  readonly items: readonly string[]
  readonly choices: ItemChoices
  readonly fields: readonly string[]
  readonly steps: number
  /** A step takes up to this, when time passes at all. */
  readonly stepMsMax: number
}

/** The smallest queue that takes the longest flush: its bytes or one item's, its head, and its connections. */
function longestFlushQueue(config: Config): number {
  const length = Math.max(config.flushBytesMax, ITEM_BYTES_MAX) + 8 * config.flushSessionsMax + 128
  return 2 ** Math.ceil(Math.log2(2 * length))
}

/** Takes what a client asks for at once, with three bytes a letter. */
const LONGEST_REQUESTS_QUEUE = 16_384

/** No item of the simulation takes more in a flush: deletion, snapshot and marks. */
const ITEM_BYTES_MAX = 900

const ITEMS = ['A', 'quote.B', 'c "d"', 'é\\f', 'G-H', 'i', 'JJJJJJJJJJJJJJ', 'k.l.m'] as const
const FIELDS = ['bid', 'ask', 'last "x"', 'ü', 'v5', 'status'] as const

function choosePlay(random: Random, hasModes: boolean): Play {
  const resumes = random.chance(0.8)
  const hasRequests = random.chance(0.6)
  return {
    transports: resumes && random.chance(0.7) ? ['sse', 'ndjson', 'poll'] : ['sse', 'ndjson'],
    resumes,
    hasRequests,
    hasLimits: hasRequests && random.chance(0.5),
    hasPrefixes: hasRequests && random.chance(0.4),
    hasModes,
  }
}

/** What merge functions there are is decided apart. `hasModes`: false makes of a seed what it was before there were more modes than merge and raw. */
export function chooseSurroundings(random: Random, hasModes: boolean, functions: Random): Surroundings {
  const play = choosePlay(random, hasModes)
  const isSingle = random.chance(0.2)
  const windowBytes = random.pick([700, 1_500, 4_000])
  const config: Config = {
    ...defaultConfig,
    placement: isSingle ? 'single' : 'pools',
    feedThreads: isSingle ? 1 : random.pick([0, 1, 1, 2]),
    coreThreads: isSingle ? 1 : random.pick([1, 2, 2, 3]),
    edgeThreads: isSingle ? 1 : random.pick([1, 2]),
    windowBytes,
    resumeMs: play.resumes ? random.pick([60, 800, 10_000]) : 0,
    resumeEntriesMax: random.pick([4, 256, 256]),
    resumeEventBytes: random.pick([150, 65_536]),
    pollWaitMs: random.pick([50, 1_000]),
    sessionBandwidthMin: 500,
    sessionsMax: random.pick([4, 1_000]),
    sessionItemsMax: random.pick([10, 1_000]),
    subscriptionsMax: random.pick([2, 1_000]),
    flushBytesMax: random.pick([200, windowBytes >> 1, windowBytes]),
    drainRecordsMax: random.pick([1, 3, 1_000]),
    flushSessionsMax: random.pick([1, 3, 64]),
    // The bytes hold that many of the longest updates.
    ...random.pick([
      { rawLogUpdates: 3, rawLogBytes: 1_200 },
      { rawLogUpdates: 8, rawLogBytes: 2_000 },
      { rawLogUpdates: 64, rawLogBytes: 14_000 },
    ]),
    fieldsMax: random.pick([4, 6]),
    unwantedDelayMs: random.pick([0, 40, 200]),
    itemIdleMs: random.pick([1_000, 5_000]),
    ackIntervalMs: random.pick([10, 50]),
    feedErrorsMax: random.pick([4, 1_000]),
    keepaliveMs: random.pick([100, 1_000]),
    stallTimeoutMs: random.pick([300, 60_000]),
    maxFrequencyCap: random.pick([0, 0, 100]),
    connectionsMax: 16,
    closeTimeoutMs: 5_000,
  }
  const surroundings = {
    config,
    play,
    queueBytes: {
      data: random.pick(QUEUE_BYTES),
      control: Math.max(random.pick(QUEUE_BYTES), play.hasRequests ? LONGEST_REQUESTS_QUEUE : 0),
      out: Math.max(random.pick(QUEUE_BYTES), longestFlushQueue(config)),
      peer: random.pick(QUEUE_BYTES),
    },
    feeds: 1 + random.int(3),
    clients: 1 + random.int(7),
    items: ITEMS.slice(0, 1 + random.int(ITEMS.length)),
    fields: FIELDS.slice(0, 1 + random.int(FIELDS.length)),
    steps: 150 + random.int(350),
    stepMsMax: random.pick([4, 10, 40]),
  }
  return hasModes ? withModes(random, surroundings, functions) : { ...surroundings, choices: plainItems(surroundings) }
}

const MODES = ['merge', 'raw', 'distinct', 'command'] as const

function plainItems({ items, config }: { readonly items: readonly string[]; readonly config: Config }): ItemChoices {
  const settings = new Map(items.map(name => [name, settingsOf({}, config)]))
  return { tables: new Set(), settings }
}

interface Rule {
  readonly modes?: readonly Sight['mode'][]
  readonly maxFrequency?: number
  readonly table?: boolean
  readonly snapshot?: boolean
  readonly history?: number
  readonly logUpdates?: number
  readonly merge?: Readonly<Record<string, StretchFunction>>
  readonly stretches?: number
}

/** A history that nobody has set. */
const HISTORY_DEFAULT = 10

function settingsOf(rule: Rule, { rawLogUpdates }: Config): ModelSettings {
  const { modes = MODES, maxFrequency = 0, table = null, snapshot = true, history, logUpdates = rawLogUpdates } = rule
  return {
    ...{ modes, maxFrequency, logUpdates },
    isTable: table,
    hasSnapshot: snapshot,
    historyMax: history ?? HISTORY_DEFAULT,
    keepsLog: (history ?? 0) > 0,
    functions: new Map(Object.entries(rule.merge ?? {})),
  }
}

function withModes(random: Random, plain: Omit<Surroundings, 'choices'>, functions: Random): Surroundings {
  const hasFunctions = functions.chance(0.5)
  const hasRules = random.chance(0.6)
  const tables = new Set(plain.items.filter(() => random.chance(0.4)))
  const settings = new Map<string, ModelSettings>()
  const rules: object[] = []
  for (const name of plain.items) {
    const drawn = hasRules && random.chance(0.7) ? randomRule(random, tables.has(name), plain.config) : {}
    const mayMerge = hasFunctions && !tables.has(name) && drawn.table !== true
    const rule = mayMerge && functions.chance(0.6) ? { ...drawn, ...randomFunctions(functions, plain.fields) } : drawn
    settings.set(name, settingsOf(rule, plain.config))
    if (Object.keys(rule).length > 0) rules.push({ items: random.chance(0.5) ? name : [name, 'none*'], ...rule })
  }
  const config: Config = {
    ...plain.config,
    itemRules: rules.length === 0 ? '' : JSON.stringify(rules),
    tableRowsMax: random.pick([3, 8, 10_000]),
    tableDeletedRowsMax: random.pick([1, 3, 1_024]),
  }
  return { ...plain, config, choices: { tables, settings } }
}

function randomRule(random: Random, isTable: boolean, { rawLogUpdates }: Config): Rule {
  const modes = MODES.filter(() => random.chance(0.6))
  return {
    ...(random.chance(0.3) && modes.length > 0 ? { modes } : {}),
    ...(random.chance(0.2) ? { maxFrequency: random.pick([5, 50]) } : {}),
    ...(random.chance(0.4) ? { table: random.chance(0.9) === isTable } : {}),
    ...(random.chance(0.2) ? { snapshot: false } : {}),
    ...(random.chance(0.4) ? { history: random.pick([0, 1, 2, 5]) } : {}),
    // Of fewer updates than the bytes of a log hold.
    ...(random.chance(0.3) ? { logUpdates: Math.min(rawLogUpdates, random.pick([1, 3, 8])) } : {}),
  }
}

function randomFunctions(random: Random, fields: readonly string[]): Rule {
  const chosen = fields.filter(() => random.chance(0.5))
  const named = chosen.length > 0 ? chosen : fields.slice(0, 1)
  const merge = Object.fromEntries(named.map(name => [name, random.pick(FUNCTIONS)]))
  return { merge, stretches: random.pick([2, 3, 16]) }
}

/** Of a seed: what decides about its merge functions. */
export function functionsOf(seed: number): Random {
  return new Random(seed ^ FUNCTIONS_SALT)
}

const FUNCTIONS: readonly StretchFunction[] = ['first', 'min', 'max', 'sum', 'sum', 'sum', 'count']
const FUNCTIONS_SALT = 0x5eed_f0c5

/** Some seeds go on as they were before there were more modes than merge and raw. */
export function hasModesOf(seed: number): boolean {
  return new Random(seed ^ MODES_SALT).chance(0.65)
}

const MODES_SALT = 0x5eed_0de5
