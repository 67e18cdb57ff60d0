/**
 * The commands of the program, each once: what it does, its operands, its options. load.ts reads arguments by this table
 * and the help is printed from it.
 *
 * Invariant (test/rules.md, N): no option of a command is spelled like a setting's flag or like another option. An alias
 * is a short flag for a setting.
 */

import { boolean, choice, decimal, decimalOrMax, integer, type Setting, type SettingName, text } from './config.ts'

export interface Command {
  readonly summary: string
  /** The label of the operands as the help shows it; empty when the command takes none. */
  readonly operandsLabel: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly options: Readonly<Record<string, Setting<unknown>>>
  readonly aliases: Readonly<Record<string, SettingName>>
  readonly examples: readonly string[]
}

const isAnything = (): boolean => true
const isHttpUrl = (url: string): boolean => url === '' || (/^http:\/\//.test(url) && URL.canParse(url))

export const COMMANDS = {
  serve: {
    summary: 'Runs the server until SIGTERM or SIGINT; a second signal ends it at once.',
    operandsLabel: '',
    operandsMin: 0,
    operandsMax: 0,
    options: {},
    aliases: {},
    examples: ['millrace serve --simulate', 'millrace serve --config desk.json --http-port 8081 --edge-threads 2'],
  },
  simulate: {
    summary: 'Publishes a simulated market to a server, as a feed over TCP, until it is stopped.',
    operandsLabel: '',
    operandsMin: 0,
    operandsMax: 0,
    options: {},
    aliases: { host: 'feedHost', rate: 'simulateRate' },
    examples: ['millrace simulate --host 127.0.0.1 --feed-port 9090 --rate 1000 --simulate-items 200'],
  },
  replay: {
    summary:
      'Publishes a recorded file of feed lines (NDJSON, plain or gzipped) to a server. Exits 1 when a line was bad, refused or lost.',
    operandsLabel: 'FILE',
    operandsMin: 1,
    operandsMax: 1,
    options: {
      speed: decimalOrMax(
        'times',
        1,
        0.001,
        1_000_000,
        'How much faster than recorded; "at" or "time" of the lines give the pace. max knows only the server\'s window.',
      ),
      loop: integer('times', 1, 0, 1_000_000_000, 'How often the file is played. 0 plays it for ever.'),
    },
    aliases: { host: 'feedHost' },
    examples: ['millrace replay day.ndjson.gz', 'millrace replay day.ndjson.gz --speed 10 --loop 0'],
  },
  watch: {
    summary: 'Shows items as a client of a server: a table on a terminal, one line a record elsewhere.',
    operandsLabel: 'ITEM…',
    operandsMin: 1,
    operandsMax: 1_000,
    options: {
      url: text(
        'address',
        '',
        'an address that begins with http://',
        isHttpUrl,
        'The server. Without it, httpHost and httpPort tell.',
      ),
      fields: text(
        'names',
        '',
        'names of fields with commas between',
        isAnything,
        'The fields to show. Without it, all.',
      ),
      maxFrequency: decimal('updates/s', 0, 0, 1_000, 'The most updates a second of one item. 0 asks for no limit.'),
      mode: choice(
        ['merge', 'distinct', 'command', 'raw'],
        'merge',
        'merge: the latest value of each field. distinct: every update, the oldest lost where too many wait. command: items are tables of rows. raw: every update.',
      ),
      filter: text('expression', '', 'an expression', isAnything, 'Only what passes it is shown. Without it, all.'),
      sort: text(
        'field',
        '',
        'a field, with a - before it downwards',
        isAnything,
        'Of command: the field that rows are in order of. Without it, by key.',
      ),
      rows: integer(
        'rows',
        0,
        0,
        1_000_000,
        'Of command with sort: the first so many rows in that order. 0 shows all.',
      ),
      count: integer('records', 0, 0, 1_000_000_000, 'Ends after this many records. 0 goes on.'),
      json: boolean('Prints the records as the server sends them.'),
    },
    aliases: {},
    examples: [
      'millrace watch sim.quote.EURUSD sim.quote.BTCUSD',
      'millrace watch sim.quote.EURUSD --fields bid,ask --max-frequency 2 --json',
      'millrace watch book.EURUSD --mode command --sort -price --rows 20',
    ],
  },
  help: {
    summary: 'Shows this page, or that of one command.',
    operandsLabel: '[COMMAND]',
    operandsMin: 0,
    operandsMax: 1,
    options: {},
    aliases: {},
    examples: [],
  },
  version: {
    summary: 'Shows the version.',
    operandsLabel: '',
    operandsMin: 0,
    operandsMax: 0,
    options: {},
    aliases: {},
    examples: [],
  },
} as const satisfies Record<string, Command>

export type CommandName = keyof typeof COMMANDS

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[]

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}
