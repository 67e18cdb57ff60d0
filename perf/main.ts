/**
 * The harness: puts workloads through the server, and through peers beside it, and tells what came of it.
 *
 *   npm run perf                      the canonical workload: two numbers, with latency
 *   npm run perf -- NAME … [options]  variants; `all` for every one
 *
 * Exit codes: 0 done, 1 a run failed or a comparison shows a regression, 2 the command line is wrong.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { COSTS_REAL, COSTS_SMALL, measureCosts } from './costs/costs.ts'
import { isInNamespace, runInNamespace } from './measure/namespace.ts'
import { type HarnessOptions, OptionError, readOptions } from './options.ts'
import { compare, comparisonText } from './report/compare.ts'
import { readReport, writeReport, writeText } from './report/file.ts'
import { reportHtml } from './report/html.ts'
import { reportText } from './report/text.ts'
import { type Cost, REPORT_VERSION, type Report, type VariantResult } from './result.ts'
import { FLOOR } from './targets/floor.ts'
import { PEERS } from './targets/peers.ts'
import type { Target } from './targets/target.ts'
import { CANONICAL, VARIANTS } from './variants/all.ts'
import type { Variant, VariantContext } from './variants/variant.ts'

const COSTS = 'costs'
const PROGRESS_WIDTH = 120
const SIGNALLED = 130

const HELP = `npm run perf -- [NAME …] [options] [-- settings of the server]

${VARIANTS.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}
  ${COSTS.padEnd(16)}what this machine can do: at the head of every report, unless --no-costs
  all             every one

  --clients N --items N --items-per-client N --rate N (updates/s an item; of replay its speed)
  --fields N --bytes N (a line)
  --mode merge|raw|distinct --max-delay MS --seed N --warmup S --seconds S
  --transport sse|ndjson|websocket|poll   of Millrace's clients; peers keep their own
  --placement pools|single    only this one
  --peers NAMES|all           beside: ${['floor', ...PEERS.map(({ name }) => name)].join(', ')}
  --runs N                    of each row, in turn; the median is shown
  --json FILE --report FILE.html --compare BASELINE.json
  --small                     a second, a few clients: does it work
`

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options.isHelp) {
    console.log(HELP)
    return 0
  }
  const variants = chosen(options.names)
  const peers = peersOf(options.peers)
  const costs = options.hasCosts ? await costsOf(options.isSmall) : []
  const results: VariantResult[] = []
  for (const variant of variants) {
    const isolated = variant.isIsolated === true && !isInNamespace() ? await runIsolated(variant, options) : null
    results.push(...(isolated ?? [await runVariant(variant, options, peers)]))
  }
  const report = reportOf(costs, results)
  if (!options.isQuiet) process.stdout.write(reportText(report))
  if (options.json !== null) await writeReport(options.json, report)
  if (options.report !== null) await writeText(options.report, reportHtml(report))
  const hasFaults = results.some(({ rows }) =>
    rows.some(({ target, runs }) => target === 'millrace' && runs.some(run => run.faults.length > 0)),
  )
  if (options.compare === null) return hasFaults ? 1 : 0
  const comparison = compare(await readReport(options.compare), report)
  process.stdout.write(`\n${comparisonText(comparison)}`)
  return hasFaults || comparison.hasRegression ? 1 : 0
}

function chosen(names: readonly string[]): Variant[] {
  const wanted = names.length === 0 ? [CANONICAL] : names.includes('all') ? VARIANTS.map(({ name }) => name) : names
  return wanted
    .filter(name => name !== COSTS)
    .map(name => {
      const variant = VARIANTS.find(each => each.name === name)
      if (variant === undefined) throw new OptionError(`no variant is called '${name}': --help names them`)
      return variant
    })
}

function peersOf(names: readonly string[]): Target[] {
  const all = [FLOOR, ...PEERS]
  if (names.includes('all')) return all
  return names.map(name => {
    const peer = all.find(each => each.name === name)
    if (peer === undefined) throw new OptionError(`no peer is called '${name}': --help names them`)
    return peer
  })
}

async function costsOf(isSmall: boolean): Promise<Cost[]> {
  const costs = await measureCosts(isSmall ? COSTS_SMALL : COSTS_REAL, text => show(`costs: ${text}`))
  show('')
  return costs
}

async function runVariant(variant: Variant, options: HarnessOptions, peers: readonly Target[]): Promise<VariantResult> {
  const context: VariantContext = {
    changes: options.changes,
    settings: options.settings,
    placement: options.placement,
    peers,
    runs: options.runs,
    isSmall: options.isSmall,
    progress: text => show(`${variant.name}: ${text}`),
    options: options.text,
  }
  const { rows, missing } = await variant.run(context)
  show('')
  return { variant: variant.name, about: variant.about, command: commandOf(variant, options), rows, missing }
}

/** Through this same command in a network namespace; null where none can be made. */
async function runIsolated(variant: Variant, options: HarnessOptions): Promise<readonly VariantResult[] | null> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-perf-'))
  try {
    const json = join(folder, 'report.json')
    const flags = [...options.flags, '--no-costs', '--quiet', '--json', json]
    const settings = options.settings.length > 0 ? ['--', ...options.settings] : []
    const status = runInNamespace([import.meta.filename, variant.name, ...flags, ...settings])
    if (status === null) return null
    if (!existsSync(json)) throw new Error(`${variant.name} failed in its network namespace, with exit code ${status}`)
    return (await readReport(json)).variants
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function commandOf(variant: Variant, options: HarnessOptions): string {
  return ['npm run perf --', variant.name, options.text].join(' ').trim()
}

function reportOf(costs: readonly Cost[], variants: readonly VariantResult[]): Report {
  return {
    version: REPORT_VERSION,
    madeAt: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
    },
    costs,
    variants,
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'unknown'
  }
}

/** One line that the next one takes the place of, where somebody looks; a line each where it goes to a file. */
function show(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.slice(0, PROGRESS_WIDTH).padEnd(PROGRESS_WIDTH)}\r`)
  else if (text !== '') process.stderr.write(`${text}\n`)
}

if (import.meta.main) {
  // What was started ends with this process, which signals alone would not see to.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(SIGNALLED))
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 2
  }
}
