/** The harness as a program. */

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { Report } from '#perf/result.ts'

const MAIN = fileURLToPath(new URL('../../perf/main.ts', import.meta.url))

interface Outcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

function perf(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', text => {
    stdout += text
  })
  child.stderr.on('data', text => {
    stderr += text
  })
  return new Promise(resolve => child.on('close', exitCode => resolve({ exitCode, stdout, stderr })))
}

test('[PF28] the program runs a variant, shows its progress, and writes its report as text, JSON and a page', async t => {
  t.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-main-'))
  try {
    const [json, page] = [join(folder, 'report.json'), join(folder, 'report.html')]
    const flags = ['--small', '--no-costs', '--placement', 'single', '--warmup', '0.2']
    const { exitCode, stdout, stderr } = await perf('broadcast', ...flags, '--json', json, '--report', page)
    t.is(exitCode, 0, stderr)
    t.regex(stderr, /broadcast: millrace: single: 1 of 1 s, [\d,]+ updates\/s/)
    const report = JSON.parse(readFileSync(json, 'utf8')) as Report
    const [variant] = report.variants
    t.is(variant!.command, 'npm run perf -- broadcast --small --placement single --warmup 0.2')
    t.deepEqual(
      variant!.rows.map(({ label }) => label),
      ['single'],
    )
    t.true(stdout.includes(variant!.about.slice(0, 40)))
    t.regex(readFileSync(page, 'utf8'), /^<!doctype html>/i)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('[PF28] a command line that is wrong ends with 2 and says why', async t => {
  const wrong: readonly [string[], RegExp][] = [
    [['no-such-variant'], /no variant is called 'no-such-variant'/],
    [['broadcast', '--peers', 'nobody'], /no peer is called 'nobody'/],
    [['--clients', 'many'], /--clients takes a number/],
  ]
  for (const [args, why] of wrong) {
    const { exitCode, stderr } = await perf(...args)
    t.is(exitCode, 2)
    t.regex(stderr, why)
  }
})

test('[PF28] help names every variant', async t => {
  const { exitCode, stdout } = await perf('--help')
  t.is(exitCode, 0)
  for (const name of ['liberator', 'broadcast-max', 'idle', 'slow', 'soak', 'costs'])
    t.true(stdout.includes(`  ${name} `))
})
