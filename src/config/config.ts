/**
 * Every setting of Millrace, once: name, type, default, unit, what is allowed, and why. This file is the reference page:
 * the help text and README's table are printed from it.
 *
 * Invariants (test/rules.md, N):
 *  - A setting's name ends in its unit where it has one; flag, variable and key in the file are spelled from the name:
 *    `httpPort` is --http-port, MILLRACE_HTTP_PORT and "httpPort".
 *  - Every default is within its own range, and all defaults together hold the relations in check.ts.
 *  - A Config is flat and holds numbers, strings and booleans only: it is passed to worker threads.
 *
 * The only door to zod. When you add a setting that bounds another, add their relation to check.ts.
 */

import { z } from 'zod'

/** How the text of a flag or a variable becomes a value. */
export type SettingKind = 'number' | 'bytes' | 'boolean' | 'text' | 'json'

/** One setting, or one option of a command. */
export interface Setting<T> {
  readonly kind: SettingKind
  /** The whole check of one value; relations between settings are in check.ts. */
  readonly schema: z.ZodType<T>
  readonly default: T
  readonly unit: string
  /** What is allowed, in words, to stand behind "must be". */
  readonly range: string
  readonly reason: string
}

const KIB = 1_024
const MIB = 1_048_576
/** The longest text of a setting; no host, origin or list of names is longer. */
const TEXT_LENGTH_MAX = 4_096

/** A count of bytes as people write it, `64 KiB` where that is exact. */
export function bytesText(bytes: number): string {
  if (bytes >= MIB && bytes % MIB === 0) return `${countText(bytes / MIB)} MiB`
  if (bytes >= KIB && bytes % KIB === 0) return `${countText(bytes / KIB)} KiB`
  return countText(bytes)
}

/** A number with its thousands set apart. */
export function countText(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 6 })
}

export function integer(unit: string, value: number, min: number, max: number, reason: string): Setting<number> {
  const range = `an integer from ${countText(min)} to ${countText(max)}`
  return { kind: 'number', schema: z.int().min(min).max(max), default: value, unit, range, reason }
}

/** A number that may have a fraction. */
export function decimal(unit: string, value: number, min: number, max: number, reason: string): Setting<number> {
  const range = `a number from ${countText(min)} to ${countText(max)}`
  return { kind: 'number', schema: z.number().min(min).max(max), default: value, unit, range, reason }
}

function bytes(value: number, min: number, max: number, reason: string): Setting<number> {
  const range = `whole bytes from ${bytesText(min)} to ${bytesText(max)}`
  return { kind: 'bytes', schema: z.int().min(min).max(max), default: value, unit: 'bytes', range, reason }
}

function ringBytes(value: number, reason: string): Setting<number> {
  const [min, max] = [64 * KIB, 512 * MIB]
  const schema = z
    .int()
    .min(min)
    .max(max)
    .refine(length => (length & (length - 1)) === 0)
  const range = `a power of two from ${bytesText(min)} to ${bytesText(max)}`
  return { kind: 'bytes', schema, default: value, unit: 'bytes', range, reason }
}

export function choice<const T extends string>(values: readonly [T, ...T[]], value: T, reason: string): Setting<T> {
  return {
    kind: 'text',
    schema: z.enum(values),
    default: value,
    unit: '',
    range: `one of ${values.join(', ')}`,
    reason,
  }
}

export function boolean(reason: string): Setting<boolean> {
  return { kind: 'boolean', schema: z.boolean(), default: false, unit: '', range: 'true or false', reason }
}

export function text(
  unit: string,
  value: string,
  range: string,
  isGood: (text: string) => boolean,
  reason: string,
): Setting<string> {
  const schema = z.string().max(TEXT_LENGTH_MAX).refine(isGood)
  return { kind: 'text', schema, default: value, unit, range, reason }
}

/** A number, or the word `max` for no bound. */
export function decimalOrMax(
  unit: string,
  value: number,
  min: number,
  max: number,
  reason: string,
): Setting<number | 'max'> {
  const schema = z.union([z.literal('max'), z.number().min(min).max(max)])
  const range = `a number from ${countText(min)} to ${countText(max)}, or max`
  return { kind: 'number', schema, default: value, unit, range, reason }
}

/** A JSON text; the file of settings may hold what it stands for. */
function json(lengthMax: number, reason: string): Setting<string> {
  const range = `JSON of at most ${countText(lengthMax)} letters`
  return { kind: 'json', schema: z.string().max(lengthMax), default: '', unit: 'JSON', range, reason }
}

function host(value: string, reason: string): Setting<string> {
  const isHost = (name: string): boolean => /^[A-Za-z0-9:._%-]{1,253}$/.test(name)
  return text('address', value, 'an address or a host name', isHost, reason)
}

function isOrigin(origin: string): boolean {
  return /^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin
}

const addresses = {
  httpHost: host('127.0.0.1', 'Where front-ends connect. Loopback unless told otherwise, as there is no login yet.'),
  httpPort: integer('port', 8_080, 0, 65_535, '0 takes any free port; the line printed at start tells which.'),
  feedHost: host('127.0.0.1', 'Where feed adapters connect. A feed may publish anything: keep it off public networks.'),
  feedPort: integer('port', 9_090, 0, 65_535, '0 takes any free port.'),
  corsOrigin: text(
    'origin',
    '*',
    "*, one origin such as https://desk.example, or '' for none",
    origin => origin === '*' || origin === '' || isOrigin(origin),
    'Which pages of other origins may read streams. Values are the same for everybody, so any page may by default.',
  ),
  publishFrom: choice(
    ['loopback', 'any', 'off'],
    'loopback',
    'Which peers may publish and delete items over HTTP. It asks for no password: only this machine by default.',
  ),
  messagesFrom: choice(
    ['loopback', 'any', 'off'],
    'loopback',
    'Which peers may send messages to feeds, an order say; pages only those of this host. Who may is not asked for a password: only this machine by default.',
  ),
  sessionsFrom: choice(
    ['loopback', 'any', 'off'],
    'loopback',
    'Which peers may read the list of sessions, which tells who reads what.',
  ),
}

const threads = {
  placement: choice(
    ['pools', 'single'],
    'pools',
    'Where stages run: in pools of threads, or all in one thread, which costs least on a machine with one core.',
  ),
  feedThreads: integer('threads', 1, 0, 64, 'Threads that read feeds. 0 lets the edge threads read them too.'),
  coreThreads: integer(
    'threads',
    1,
    1,
    16,
    'Threads that hold items and sessions, a shard each. More than one costs a third crossing.',
  ),
  edgeThreads: integer(
    'threads',
    1,
    1,
    64,
    'Threads that own the sockets of clients. Most of the work is the kernel writing to them.',
  ),
}

const feeds = {
  feedConnectionsMax: integer(
    'connections',
    256,
    1,
    10_000,
    'Feeds connected at once, per thread that reads feeds. One more is refused with a reason.',
  ),
  feedWindowLines: integer(
    'lines',
    65_536,
    1,
    1_000_000,
    'Lines that a feed may send ahead of the acknowledgement. A smaller window bounds how much a lost server loses.',
  ),
  feedLineBytesMax: bytes(65_536, 256, 16 * MIB, 'The longest line of a feed. A longer one is reported and skipped.'),
  feedErrorsMax: integer(
    'lines',
    100,
    1,
    1_000_000,
    'Bad lines after which a feed is disconnected: by then it does not speak the protocol.',
  ),
  feedOutboxBytesMax: bytes(
    MIB,
    4 * KIB,
    64 * MIB,
    'What waits for a feed that does not read acknowledgements and errors; beyond it the feed is disconnected.',
  ),
  ackIntervalMs: integer(
    'ms',
    50,
    1,
    10_000,
    'How long an acknowledgement waits for more lines. Shorter frees the window sooner and costs writes.',
  ),
  unwantedDelayMs: integer(
    'ms',
    5_000,
    0,
    3_600_000,
    'How long an on-demand feed goes on publishing an item that nobody reads any more, so that a reload of a page does not stop it.',
  ),
}

const items = {
  itemsMax: integer(
    'items',
    100_000,
    1,
    10_000_000,
    'Items held at once, all threads together. An update for one more is refused.',
  ),
  itemIdleMs: integer(
    'ms',
    3_600_000,
    0,
    2_000_000_000,
    'An item that is neither updated nor read for this long is forgotten. 0 keeps it for ever.',
  ),
  itemNameBytesMax: bytes(256, 1, 4 * KIB, 'The longest name of an item, in UTF-8.'),
  fieldNameBytesMax: bytes(64, 1, KIB, 'The longest name of a field, in UTF-8.'),
  fieldsMax: integer(
    'fields',
    128,
    1,
    4_096,
    'Fields in a line and in an item. It bounds how many different deltas an item can have.',
  ),
  fieldNamesMax: integer(
    'names',
    10_000,
    1,
    65_535,
    'Different names of fields over all items; a name is a number of 16 bits inside.',
  ),
  valueBytesMax: bytes(16_384, 1, 65_000, 'The longest value of a field; its length has 16 bits inside.'),
  valueStoreBytes: bytes(
    256 * MIB,
    MIB,
    16_384 * MIB,
    'Memory for the values of items, per core thread. When it is full, updates are refused and counted.',
  ),
  rawLogBytes: bytes(
    65_536,
    KIB,
    64 * MIB,
    'What one item keeps for the readers of every update (modes raw and distinct); it exists from its first such reader.',
  ),
  rawLogUpdates: integer(
    'updates',
    1_024,
    1,
    1_000_000,
    'The same bound as a count. A reader that falls off the end is told how much it lost.',
  ),
  rawStoreBytes: bytes(
    256 * MIB,
    KIB,
    16_384 * MIB,
    'Memory for all that is kept for the readers of every update, per core thread. When it is full, new ones get 503 and logs hold less.',
  ),
  tableRowsMax: integer(
    'rows',
    10_000,
    1,
    1_000_000,
    'Rows of an item that is a table. An operation that would add one more is refused.',
  ),
  tableBytesMax: bytes(
    2 * MIB,
    64 * KIB,
    256 * MIB,
    'What the keys and values of one table take, 72 bytes a row and 4 a value beside their own.',
  ),
  tableDeletedRowsMax: integer(
    'rows',
    1_024,
    1,
    1_000_000,
    'Deleted rows of a table that a view remembers: a client that is further behind gets the table anew.',
  ),
  rowsMax: integer('rows', 1_000_000, 1, 100_000_000, 'Rows of all tables, per core thread.'),
  itemRules: json(
    262_144,
    'What is set for items by their names (docs/item-rules.md): modes, frequency, history, tables, merge functions.',
  ),
}

const clients = {
  connectionsMax: integer(
    'connections',
    18_000,
    1,
    1_000_000,
    'Connections of clients, per edge thread. One more gets 503. Each takes a file descriptor of the process.',
  ),
  sessionsMax: integer('sessions', 100_000, 1, 1_000_000, 'Open streams, per core thread. One more gets 503.'),
  sessionItemsMax: integer(
    'items',
    1_000,
    1,
    100_000,
    'Items in one session. Those in the query of a request must fit it too: see requestHeadBytesMax.',
  ),
  sessionRowsMax: integer(
    'rows',
    200_000,
    1,
    100_000_000,
    'Rows of tables in one session: of each subscription in mode command as many as its tables have when it begins, on the core thread of the session.',
  ),
  filterLengthMax: integer('characters', 1_024, 16, 16_384, 'The longest filter of a subscription (docs/filters.md).'),
  sessionFilterLengthMax: integer(
    'characters',
    65_536,
    16,
    16_777_216,
    'All filters of one session. What they say is looked at with each update of their items.',
  ),
  subscriptionsMax: integer('subscriptions', 1_000, 1, 100_000, 'Subscriptions in one session.'),
  resumeMs: integer(
    'ms',
    30_000,
    0,
    3_600_000,
    'How long a session without a stream is kept, to be taken up again. 0 ends it with its stream; one that is polled is kept for 5 s at least.',
  ),
  resumeEntriesMax: integer(
    'entries',
    256,
    0,
    1_000_000,
    'What a session keeps of interests that its flushes left behind, at most; 64 bytes each, made when needed. Who resumes from further back begins anew.',
  ),
  resumeEventBytes: bytes(
    65_536,
    KIB,
    16 * MIB,
    'Events of a session (answers, outcomes of messages) kept until its client confirms them. Who resumes from further back begins anew.',
  ),
  pollWaitMs: integer(
    'ms',
    25_000,
    0,
    600_000,
    'How long a poll is held while there is nothing to say: the default, and the most.',
  ),
  sessionBandwidthMin: integer(
    'bytes/s',
    1_000,
    1,
    1_000_000_000,
    'The least maxBandwidth that a session may ask for.',
  ),
  messageTimeoutMs: integer(
    'ms',
    10_000,
    1,
    600_000,
    "How long a client's message may wait for the answer of its feed: the default, and the most.",
  ),
  requestHeadBytesMax: bytes(
    16_384,
    KIB,
    MIB,
    'The longest request line and headers together; the rest is answered 431.',
  ),
  requestBodyBytesMax: bytes(65_536, KIB, 16 * MIB, 'The longest body of a request; the rest is answered 413.'),
  requestTimeoutMs: integer(
    'ms',
    10_000,
    100,
    600_000,
    'A request must arrive whole in this time, however slowly it trickles.',
  ),
  idleTimeoutMs: integer(
    'ms',
    15_000,
    100,
    3_600_000,
    'A connection kept alive without a request is closed after this time.',
  ),
  keepaliveMs: integer(
    'ms',
    25_000,
    100,
    3_600_000,
    'A stream without updates gets an empty line this often, so that proxies keep it and dead peers show. They commonly cut at 30 or 60 s; each line costs a write.',
  ),
  stallTimeoutMs: integer(
    'ms',
    60_000,
    100,
    3_600_000,
    'A connection that takes no byte for this long while bytes wait for it is closed. One that takes any is slow, and stays.',
  ),
}

const flushes = {
  windowBytes: bytes(
    16_384,
    KIB,
    16 * MIB,
    'Bytes in flight to a connection at which its flushes stop and its updates conflate. Smaller keeps values fresher, larger carries more on long paths.',
  ),
  websocketDeflate: boolean(
    'Offers permessage-deflate over WebSocket, without context: a flush is compressed once for all. It costs CPU and saves bytes.',
  ),
  echo: boolean('For developers: a WebSocket at /echo sends back what it gets, for conformance suites.'),
  confirmBytes: bytes(
    16_384,
    256,
    16 * MIB,
    'Over WebSocket a ping follows each so many bytes at least; its pong confirms them.',
  ),
  confirmWindowBytes: bytes(
    1_048_576,
    2 * KIB,
    64 * MIB,
    'Unconfirmed bytes to a WebSocket connection, at most. It begins with 32 KiB; pongs that come quickly double it, late ones halve it.',
  ),
  flushBytesMax: bytes(
    16_384,
    KIB,
    4 * MIB,
    'Bytes after which a flush ends and the rest waits its turn. It may exceed windowBytes: the window is looked at before a flush, so at most windowBytes + flushBytesMax and the last body are in flight.',
  ),
  maxFrequencyCap: decimal(
    'updates/s',
    0,
    0,
    1_000,
    'The most updates a second of one item that a stream may ask for; a higher wish is cut to it. 0 sets no cap.',
  ),
  maxDelayMsMax: integer('ms', 60_000, 0, 3_600_000, 'The longest delay that a stream may ask for. 0 forbids delays.'),
}

const rings = {
  feedRingBytes: ringBytes(
    4 * MIB,
    'From each feed and edge thread to each core thread: updates. When it is full the feed is not read further.',
  ),
  edgeRingBytes: ringBytes(
    32 * MIB,
    'From each core thread to each edge thread. Sized for a burst: with 10,000 sessions of 100 ms, 2 MiB delivered a third, 32 MiB all.',
  ),
  controlRingBytes: ringBytes(
    MIB,
    'Between each feed or edge thread and each core thread, and each two core threads: requests and notices.',
  ),
  peerRingBytes: ringBytes(
    16 * MIB,
    'Between each two core threads. A quarter of it holds the whole value of an item: 128 fields of 16 KiB need a little more than 8 MiB gives.',
  ),
  drainRecordsMax: integer(
    'records',
    1_024,
    1,
    65_536,
    'Records that a stage takes from a ring before it looks elsewhere: larger batches cost less, smaller ones are fairer.',
  ),
  writesAheadMax: integer(
    'writes',
    2_048,
    1,
    1_000_000,
    'Writes that an edge thread is handed ahead of those it has done, some 20 ms of its work; beyond it sessions wait and gather. From a quarter of it on, so does a session whose last flush is on its way. More keeps values longer in the ring, fewer lets the edge run dry.',
  ),
  flushSessionsMax: integer(
    'sessions',
    1_024,
    1,
    65_536,
    'Sessions that a core thread flushes before it looks at its rings again.',
  ),
}

const program = {
  closeTimeoutMs: integer('ms', 5_000, 0, 600_000, 'How long an orderly end may take; then connections are cut.'),
  logLevel: choice(
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'The least important lines that the log on stderr shows.',
  ),
  simulate: boolean('Also runs the simulated market, as a feed of its own over TCP.'),
  simulateItems: integer('items', 36, 1, 10_000, 'Instruments in the simulated market.'),
  simulateRate: integer(
    'updates/s',
    600,
    1,
    1_000_000,
    'Updates a second of the simulated market, over all its quotes, trades and books.',
  ),
  simulateSeed: integer('', 1, 0, 4_294_967_295, 'The same seed gives the same walk of prices.'),
}

/** The settings in the order in which they are told, under their headings. */
export const SECTIONS = [
  { title: 'Addresses and access', settings: addresses },
  { title: 'Threads', settings: threads },
  { title: 'Feeds', settings: feeds },
  { title: 'Items', settings: items },
  { title: 'Clients', settings: clients },
  { title: 'Flushes', settings: flushes },
  { title: 'Rings and batches', settings: rings },
  { title: 'Program', settings: program },
] as const

export const SETTINGS = {
  ...addresses,
  ...threads,
  ...feeds,
  ...items,
  ...clients,
  ...flushes,
  ...rings,
  ...program,
} as const

/** The values of a set of rows. */
export type ValuesOf<Rows extends Record<string, Setting<unknown>>> = {
  readonly [Name in keyof Rows]: Rows[Name]['default']
}

/** A value for every setting, checked: what the server and each of its threads run by. */
export interface Config extends ValuesOf<typeof SETTINGS> {}

export type SettingName = keyof Config

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** The defaults of a set of rows. */
export function defaultsOf<Rows extends Record<string, Setting<unknown>>>(rows: Rows): ValuesOf<Rows> {
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row.default])) as ValuesOf<Rows>
}

export const defaultConfig: Config = Object.freeze(defaultsOf(SETTINGS))

/** `httpPort` as a flag: `http-port`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

/** `httpPort` as a variable: `MILLRACE_HTTP_PORT`. */
export function variableName(name: string): string {
  return `MILLRACE_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`
}

/** A value as the help and the table show it. */
export function valueText(row: Setting<unknown>, value: unknown): string {
  if (value === '') return "''"
  if (typeof value !== 'number' || row.unit === 'port') return String(value)
  return row.kind === 'bytes' ? bytesText(value) : countText(value)
}

/** README's table of settings, in Markdown, a heading row and one row a setting. */
export function settingsTable(): string {
  const lines = ['| setting | default | unit | allowed | why |', '| --- | --- | --- | --- | --- |']
  for (const name of SETTING_NAMES) {
    const row: Setting<unknown> = SETTINGS[name]
    const cells = [`\`${name}\``, `\`${valueText(row, row.default)}\``, row.unit, row.range, row.reason]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}
