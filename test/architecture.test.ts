/**
 * The house's guards: the architecture as far as it can be read off the files.
 *
 * **Who imports whom.** Downwards only:
 *
 *     main ─▶ cli ─▶ server ─▶ workers ─▶ stages ─▶ codec, metrics, config, log ─▶ domain, ring ─▶ time ─▶ errors, assert …
 *
 *  - The base (errors, assert, bytes, printable) stands on nothing else. Time stands on it alone.
 *  - `src/ring` moves numbers and bytes: it knows neither domain nor clock. `src/domain` knows no bytes on a wire and no
 *    queue; it is given the timing wheel, because who is due is part of a session's state.
 *  - `src/codec` may name the domain's types (an encoding, what a name may be, the value of a field) and the memory that a
 *    record lies in, nothing of the ring besides.
 *  - A stage never names another stage, a thread, a ring or a timer: it gets queues, clock and wheel handed in, so that the
 *    simulator can hand in its own. Four files are shared by stages and are none: stage, socket, lane, client-connection.
 *    `pipeline.ts` alone names all six.
 *  - Workers name the graph and no stage, but for accept's listener: a port belongs to a thread.
 *  - `src/server.ts` puts workers together. The commands of `src/cli` start it, or are peers of it like any other program.
 *  - `src/feed` is the client that other programs import: with it come the two codecs of its protocol, and time, no more.
 *  - `test` and `perf` may import everything, and nobody imports them.
 *
 * test/support/arrows.ts holds this as data. Biome shows the same in an editor; its rule cannot see that two rows
 * disagree, or that a file stands in none, so the arrows are checked here.
 *
 * **Doors.** Each npm package is imported by one file. `Atomics` and the making of shared memory stay in `src/ring`
 * (`workers/wiring.ts` may name the type SharedArrayBuffer: it lists what is sent to whom). Clocks and timers are in
 * `src/time`, the process's arguments and environment in `config/load.ts`, sockets where the arrows say `node:net`.
 * `node:perf_hooks` is open to workers for the utilisation of a loop, which is no clock.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ARROWS, overrideOf, STAGE_FOLDERS } from './support/arrows.ts'
import {
  importsOf,
  matchesGlob,
  ROOT,
  reachable,
  readSources,
  type Source,
  withoutComments,
} from './support/sources.ts'

const product = readSources('src', 'stages', 'workers')
const tests = readSources('test')
const measurements = readSources('perf')
const everything = [...product, ...tests, ...measurements]
const manifest: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
)

/** Product files that only tests reach, and why they are product. */
const REACHED_BY_TESTS: Readonly<Record<string, string>> = {
  'src/ring/local-queue.ts': 'the ring of the simulation, held to the same contract as the other',
}
const LINES_MAX = 500
/** Longer files, with the reason; the number is the bound that they keep instead. */
const LONG_FILES: Readonly<Record<string, [linesMax: number, reason: string]>> = {
  'src/config/config.ts': [600, 'a row a setting, which is one list to whoever looks one up'],
  'test/simulation/simulation.ts': [700, 'the world of a run: its actors, queues and clock are one state'],
  'src/feed/feed-client.ts': [
    600,
    'one state machine from connecting to closed, which would only be harder to see in two files',
  ],
}

/** Where a text stands in the code of files that may not have it. */
function found(sources: readonly Source[], pattern: RegExp, mayHave: (path: string) => boolean): string[] {
  return sources.filter(({ path, code }) => !mayHave(path) && pattern.test(code)).map(({ path }) => path)
}

test('[A1] every product file stands in exactly one row of the arrows', t => {
  t.true(product.length > 60)
  for (const { path } of product) {
    const rows = ARROWS.filter(({ files }) => files.some(glob => matchesGlob(glob, path)))
    t.is(rows.length, 1, path)
  }
  for (const { files } of ARROWS) {
    for (const glob of files)
      t.true(
        product.some(({ path }) => matchesGlob(glob, path)),
        `${glob} matches no file`,
      )
  }
  for (const stage of STAGE_FOLDERS)
    t.true(
      product.some(({ path }) => path.startsWith(`stages/${stage}/`)),
      stage,
    )
})

test('[A1] imports go downwards, as the arrows say', t => {
  for (const { path, imports } of product) {
    const row = ARROWS.find(({ files }) => files.some(glob => matchesGlob(glob, path)))
    for (const { specifier } of imports) {
      t.true(
        row?.may.some(glob => matchesGlob(glob, specifier)),
        `${path} imports ${specifier}: ${row?.message}`,
      )
    }
  }
})

test('[A1] the linter holds the same arrows', t => {
  const { overrides }: { overrides: object[] } = JSON.parse(readFileSync(join(ROOT, '.biome.json'), 'utf8'))
  t.deepEqual(overrides, ARROWS.map(overrideOf))
})

test('[A2] across folders an import names its file from the root, inside one from where it stands', t => {
  for (const { path, imports } of product) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    for (const { specifier, path: target } of imports) {
      if (target === null) continue
      t.false(specifier.startsWith('../'), `${path} imports ${specifier}`)
      const isInside = target.startsWith(folder) && folder.split('/').length > 2
      if (isInside) t.true(specifier.startsWith('./'), `${path} imports ${specifier}`)
    }
  }
})

test('[A3] no import of values comes back to where it began', t => {
  const targets = new Map(
    everything.map(({ path, imports }) => [
      path,
      imports.flatMap(({ isType, path: target }) => (isType || target === null ? [] : [target])),
    ]),
  )
  const done = new Set<string>()
  const cycleFrom = (path: string, above: readonly string[]): readonly string[] | null => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path]
    if (done.has(path)) return null
    for (const target of targets.get(path) ?? []) {
      const cycle = cycleFrom(target, [...above, path])
      if (cycle !== null) return cycle
    }
    done.add(path)
    return null
  }
  for (const { path } of everything) t.is(cycleFrom(path, [])?.join(' → '), undefined)
})

test('[A4] each package has one door, and each dependency is used', t => {
  const doors = new Map<string, Set<string>>()
  for (const { path, imports } of product) {
    for (const { specifier, path: target } of imports) {
      if (target !== null || specifier.startsWith('node:')) continue
      t.true(Object.hasOwn(manifest.dependencies, specifier), `${path} imports ${specifier}, which is no dependency`)
      doors.set(specifier, (doors.get(specifier) ?? new Set()).add(path))
    }
  }
  for (const name of Object.keys(manifest.dependencies)) {
    t.deepEqual(
      [...(doors.get(name) ?? [])].length,
      1,
      `${name} is imported by ${[...(doors.get(name) ?? [])].join(', ')}`,
    )
  }
})

test('[A5] shared memory is made and worked on in src/ring', t => {
  const isRing = (path: string) => path.startsWith('src/ring/')
  t.deepEqual(found(product, /\bAtomics\b|new SharedArrayBuffer/, isRing), [])
  t.deepEqual(
    found(product, /\bSharedArrayBuffer\b/, path => isRing(path) || path === 'workers/wiring.ts'),
    [],
  )
})

test('[A6] clocks and timers are in src/time', t => {
  // The client library and the page run where the server's time is not, and get it handed in from one file each.
  const browser = ['src/client/runtime.ts', 'src/page/app/platform.ts']
  const isTime = (path: string) => path.startsWith('src/time/') || browser.includes(path)
  const clocks = /\bDate\.now\b|\bnew Date\(\)|\bperformance\.(now|timeOrigin|mark|measure)\b|\bhrtime\b/
  const timers = /\b(setTimeout|setInterval|setImmediate|queueMicrotask|nextTick)\b|AbortSignal\.timeout|node:timers/
  t.deepEqual(found(product, clocks, isTime), [])
  t.deepEqual(found(product, timers, isTime), [])
})

test('[A7] nothing calls Math.random', t => {
  t.deepEqual(
    found(everything, /\bMath\s*\.\s*random\b/, path => path === 'test/architecture.test.ts'),
    [],
  )
})

test('[A8] arguments and environment are read in config/load.ts, and the console is not written to', t => {
  t.deepEqual(
    found(product, /\bprocess\.(env|argv)\b/, path => path === 'src/config/load.ts'),
    [],
  )
  t.deepEqual(
    found(product, /\bconsole\./, () => false),
    [],
  )
  t.deepEqual(
    found(product, /\bprocess\.exit\b/, path => path === 'src/main.ts' || path === 'src/cli/signals.ts'),
    [],
  )
})

test('[A9] no file is dead', t => {
  // A browser begins where the page's markup sends it.
  const browser = ['src/client/index.ts', 'src/page/app/main.ts', 'src/page/app/theme-first.ts']
  const program = ['src/main.ts', 'src/feed/feed-client.ts', 'workers/worker.ts', ...browser]
  const entries = [...program, ...Object.keys(REACHED_BY_TESTS)]
  const live = reachable(product, entries)
  t.deepEqual(
    product.map(({ path }) => path).filter(path => !live.has(path)),
    [],
  )
  for (const path of Object.keys(REACHED_BY_TESTS)) {
    t.false(reachable(product, program).has(path), `${path} is reached by the program`)
  }
  const commands = ['test/simulation/run.ts']
  const testEntries = [...commands, ...tests.map(({ path }) => path).filter(path => path.endsWith('.test.ts'))]
  const reached = reachable(everything, [...testEntries, ...measurements.map(({ path }) => path)])
  t.deepEqual(
    tests.map(({ path }) => path).filter(path => !reached.has(path)),
    [],
  )
})

test('[A10] each rule has a test, and each test a rule', t => {
  const rules = [...readFileSync(join(ROOT, 'test/rules.md'), 'utf8').matchAll(/^- \*\*([A-Z]+\d+)\*\* \S.*\.$/gm)]
  const numbers = rules.map(([, number]) => number!)
  t.deepEqual(
    numbers.filter((number, index) => numbers.indexOf(number) !== index),
    [],
    'rules that stand twice',
  )
  const titled = new Set<string>()
  for (const { path, code } of tests) {
    if (!path.endsWith('.test.ts')) continue
    const here = [...code.matchAll(/['"`]\[([A-Z]+\d+)\] /g)].map(([, number]) => number!)
    t.true(here.length > 0, `${path} names no rule`)
    for (const number of here) {
      titled.add(number)
      t.true(numbers.includes(number), `${path} names ${number}, which is no rule`)
    }
    // A title without a number is a part of one, which a macro or a loop puts together.
    for (const [call, title, next] of code.matchAll(/^\s*test(?:\.serial)?\(\s*['"`]([^'"`]*)['"`],\s*([^\s]+)/gm)) {
      const isMacro = /^\w+,$/.test(next!) || /^\w+\)/.test(next!)
      t.true(isMacro || /^(\[[A-Z]+\d+\] |\$\{)/.test(title!), `${path}: ${call.trim()}`)
    }
  }
  t.deepEqual(
    numbers.filter(number => !titled.has(number)),
    [],
    'rules without a test',
  )
})

test('[A11] nothing is put off, skipped or run alone', t => {
  const isThis = (path: string) => path === 'test/architecture.test.ts'
  const putOff = new RegExp(['TO', 'DO|FIX', 'ME|X', 'XX'].join(''))
  t.deepEqual(
    everything.filter(({ text }) => putOff.test(text)).map(({ path }) => path),
    [],
  )
  t.deepEqual(
    found(everything, /\btest(\.serial)?\.(only|skip|todo|failing)\b|@ts-(ignore|expect-error|nocheck)/, isThis),
    [],
  )
})

test('[A12] a file opens with what it is for, and is short', t => {
  for (const { path, text } of [...product, ...measurements, ...tests.filter(one => !one.path.endsWith('.test.ts'))]) {
    t.regex(text, /^(#!.*\n)?\/\*\*/, path)
  }
  for (const { path, text } of everything) {
    const [linesMax] = LONG_FILES[path] ?? [LINES_MAX]
    t.true(text.split('\n').length <= linesMax, `${path} has ${text.split('\n').length} lines`)
  }
  for (const path of Object.keys(LONG_FILES)) {
    const source = everything.find(one => one.path === path)
    t.true(source !== undefined && source.text.split('\n').length > LINES_MAX, `${path} is no long file any more`)
  }
})

test('[A13] the readers of sources see what there is to see', t => {
  const text = `import a from 'a'
import type { B } from './b.ts'
import {
  c, // from 'x'
} from '../c.ts'
import 'd'
export { e } from '#src/e.ts'
export const f = 'g' // import 'h'
const address = 'http://example.com' /* from 'i' */
const file = new URL('./thread.ts', import.meta.url)
/** import j from 'j' */
const k = await import('./k.ts')
`
  t.deepEqual(importsOf('test/x/y.ts', withoutComments(text)), [
    { specifier: 'a', isType: false, path: null },
    { specifier: './b.ts', isType: true, path: 'test/x/b.ts' },
    { specifier: '../c.ts', isType: false, path: 'test/c.ts' },
    { specifier: 'd', isType: false, path: null },
    { specifier: '#src/e.ts', isType: false, path: 'src/e.ts' },
    { specifier: './k.ts', isType: false, path: 'test/x/k.ts' },
    { specifier: './thread.ts', isType: false, path: 'test/x/thread.ts' },
  ])
  t.true(withoutComments(text).includes("'http://example.com'"))
  t.true(matchesGlob('./**', './a/b.ts') && matchesGlob('#src/*.ts', '#src/a.ts') && matchesGlob('zod', 'zod'))
  t.false(matchesGlob('#src/*.ts', '#src/a/b.ts') || matchesGlob('./**', '../a.ts') || matchesGlob('zod', 'zodx'))
})
