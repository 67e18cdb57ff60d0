/**
 * Who may import whom, as data: each row names files and everything that they may import. test/architecture.test.ts says
 * the same in prose, holds the code to it, and holds .biome.json to it too, so that an editor shows a wrong arrow at once.
 *
 * When you change a row here, change its override in .biome.json; the test shows both.
 */

export interface Arrow {
  /** Globs of the files that the row is about; no file stands in two rows. */
  readonly files: readonly string[]
  /** Globs of import specifiers; npm packages and node's modules too. */
  readonly may: readonly string[]
  readonly message: string
}

const BASE = ['#src/assert.ts', '#src/bytes.ts', '#src/errors.ts', '#src/printable.ts']

/** What a stage gets: no thread, no timer, no way to tell a ring from a queue. */
const BELOW_STAGES = [
  '#src/codec/**',
  '#src/metrics/**',
  '#src/config/**',
  '#src/domain/**',
  '#src/log.ts',
  '#src/ring/queue.ts',
  '#src/ring/shared-words.ts',
  '#src/time/clock.ts',
  '#src/time/timing-wheel.ts',
  ...BASE,
]
/** Shared by stages, and no stages themselves. */
const SHARED = [
  '#stages/stage.ts',
  '#stages/socket.ts',
  '#stages/lane.ts',
  '#stages/client-connection.ts',
  '#stages/web-side.ts',
]

export const STAGE_FOLDERS = ['accept', 'parse', 'route', 'conflate', 'batch', 'write']

const stageRows = STAGE_FOLDERS.map((stage): Arrow => {
  return {
    files: [`stages/${stage}/**`],
    may: ['./**', ...SHARED, ...BELOW_STAGES, ...(stage === 'accept' ? ['node:dns/promises', 'node:net'] : [])],
    message: 'A stage names no other stage and no pool, sets no timer, and gets its queues handed in.',
  }
})

export const ARROWS: readonly Arrow[] = [
  {
    files: ['src/errors.ts', 'src/assert.ts', 'src/bytes.ts', 'src/printable.ts'],
    may: ['#src/errors.ts'],
    message: 'Everything stands on these: they stand on nothing.',
  },
  { files: ['src/time/**'], may: ['./**', ...BASE], message: 'Time knows nothing of what it is for.' },
  {
    files: ['src/ring/**'],
    may: ['./**', ...BASE],
    message: 'A ring moves numbers and bytes: it knows no domain and no clock.',
  },
  {
    files: ['src/domain/**'],
    may: ['./**', '#src/domain/**', '#src/time/timing-wheel.ts', ...BASE],
    message: 'The domain knows no wire format, queue, stage or thread.',
  },
  {
    files: ['src/codec/**'],
    may: [
      './**',
      '#src/domain/**',
      '#src/ring/queue.ts',
      ...BASE,
      'node:buffer',
      'node:crypto',
      'node:zlib',
      'http-parser-js',
      'ws',
    ],
    message: 'A codec is a function of bytes and state: no socket, no clock.',
  },
  {
    files: ['src/config/item-rules.ts'],
    may: [
      ...['field-functions', 'item-settings', 'merge-function', 'names', 'session-request'].map(
        name => `#src/domain/${name}.ts`,
      ),
      ...BASE,
    ],
    message: 'What is set for items is told in words of the domain, and in no others.',
  },
  {
    files: ['check', 'commands', 'config', 'load'].map(name => `src/config/${name}.ts`),
    may: ['./**', ...BASE, 'node:fs', 'node:os', 'zod'],
    message: 'The settings know nothing of what they set.',
  },
  {
    files: ['src/metrics/**'],
    may: ['./**', ...BASE, 'hdr-histogram-js', 'prom-client'],
    message: 'Metrics are counted into, and know nobody who counts.',
  },
  {
    files: ['src/page/page.ts'],
    may: ['#src/codec/http-response.ts', ...BASE, 'node:fs', 'node:module', 'node:path'],
    message: 'The page is an answer, made once.',
  },
  {
    files: ['src/page/app/*.ts'],
    may: ['./**'],
    message: 'The page puts its parts together, and runs in a browser.',
  },
  {
    files: ['src/page/app/link/**'],
    may: ['./**', '#src/client/index.ts', '#src/page/app/platform.ts'],
    message: 'The way to the server runs on the client library, and knows nothing of what is shown.',
  },
  {
    files: ['src/page/app/market/**'],
    may: ['./**', '#src/client/index.ts', '#src/page/app/link/messages.ts'],
    message: 'What is known of the market takes what comes, and knows no document.',
  },
  {
    files: ['src/page/app/view/**'],
    may: [
      './**',
      '#src/page/app/link/messages.ts',
      '#src/page/app/market/**',
      '#src/page/app/platform.ts',
      'lightweight-charts',
    ],
    message: 'A view shows what is known, and asks nobody for more.',
  },
  {
    files: ['src/log.ts'],
    may: ['#src/config/config.ts', '#src/time/clock.ts', ...BASE, 'pino'],
    message: 'The log knows its settings and the time.',
  },
  {
    files: ['src/events.ts'],
    may: ['#src/errors.ts', 'eventemitter3'],
    message: 'Events are told by the server, and know nobody who listens.',
  },
  {
    files: ['src/feed/**'],
    may: [
      './**',
      '#src/codec/lines.ts',
      '#src/codec/feed-reply.ts',
      '#src/domain/random.ts',
      '#src/time/**',
      ...BASE,
      'node:crypto',
      'node:net',
    ],
    message: 'The feed client runs in programs that have no server: it takes the two codecs of its protocol with it.',
  },
  {
    files: ['src/client/**'],
    may: ['./**'],
    message: 'The client library runs in browsers, file by file: it takes nothing with it.',
  },
  ...stageRows,
  {
    files: [
      'stages/stage.ts',
      'stages/socket.ts',
      'stages/lane.ts',
      'stages/client-connection.ts',
      'stages/web-side.ts',
    ],
    may: ['./socket.ts', './web-side.ts', ...BELOW_STAGES],
    message: 'What stages share names no stage.',
  },
  {
    files: ['stages/pipeline.ts'],
    may: ['./**', ...BELOW_STAGES, 'node:crypto'],
    message: 'The graph names all stages, and no thread.',
  },
  {
    files: ['workers/**'],
    may: [
      './**',
      '#stages/pipeline.ts',
      '#stages/socket.ts',
      '#stages/accept/listener.ts',
      ...BELOW_STAGES,
      '#src/page/page.ts',
      '#src/ring/**',
      '#src/time/**',
      'node:perf_hooks',
      'node:worker_threads',
      'piscina',
    ],
    message: 'A worker hosts the graph: it names no stage, but for the port that accept listens on.',
  },
  {
    files: ['src/server.ts'],
    may: [
      '#workers/**',
      '#stages/accept/listener.ts',
      '#src/config/config.ts',
      '#src/events.ts',
      '#src/log.ts',
      '#src/ring/**',
      '#src/time/**',
      ...BASE,
      'node:crypto',
      'node:worker_threads',
    ],
    message: 'The composition root puts workers together: what is inside them is their matter.',
  },
  {
    files: ['src/cli/**'],
    may: [
      './**',
      '#src/server.ts',
      '#src/events.ts',
      '#src/log.ts',
      '#src/config/**',
      '#src/feed/**',
      '#src/client/table.ts',
      '#src/codec/lines.ts',
      '#src/domain/random.ts',
      '#src/time/**',
      ...BASE,
      'node:buffer',
      'node:crypto',
      'node:events',
      'node:fs/promises',
      'node:http',
      'node:os',
      'node:stream',
      'node:zlib',
    ],
    message: 'A command starts a server, or talks to one over its ports like anybody else.',
  },
  {
    files: ['src/main.ts'],
    may: ['#src/cli/**', '#src/config/**', ...BASE, 'node:fs'],
    message: 'The program is arguments, a command, an exit code.',
  },
]

/** The row as Biome knows it. */
export function overrideOf({ files, may, message }: Arrow): object {
  const patterns = [{ group: ['**', ...may.map(glob => `!${glob}`)], message }]
  const noRestrictedImports = { level: 'error', options: { patterns } }
  return { includes: files, linter: { rules: { style: { noRestrictedImports } } } }
}
