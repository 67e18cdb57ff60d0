/**
 * Replays a seed of the simulation, or looks for one that fails:
 *
 *   node test/simulation/run.ts --seed 17             one seed; when it fails, the last steps before
 *   node test/simulation/run.ts --seeds 1..5000       each of them; the first lines of each failure
 *   … --plain                                         merge and raw mode only, as the regressions want it
 *   … --modes                                         all modes, whatever the seed says
 */

import { parseArgs } from 'node:util'
import { type Outcome, simulate } from './simulation.ts'

const STACK_LINES_MAX = 14

function seedsOf(): { seeds: number[]; isOne: boolean; hasModes: boolean | undefined } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      plain: { type: 'boolean' },
      modes: { type: 'boolean' },
    },
  })
  const hasModes = values.plain === true ? false : values.modes
  if (values.seed !== undefined) return { seeds: [Number(values.seed)], isOne: true, hasModes }
  const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '1..100')
  if (range === null) throw new Error('--seeds takes FROM..TO')
  const [from, to] = [Number(range[1]), Number(range[2])]
  return { seeds: Array.from({ length: to - from + 1 }, (_, i) => from + i), isOne: false, hasModes }
}

function report(outcomes: readonly Outcome[], failed: readonly number[]): void {
  const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((total, each) => total + count(each), 0)
  process.stdout.write(
    `${outcomes.length} seeds passed, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(' ')}` : ''}\n` +
      `${sum(each => each.steps)} steps, ${sum(each => each.lines)} lines, ${sum(each => each.sessions)} sessions, ` +
      `${sum(each => each.streams)} streams; updates: ` +
      `${sum(each => each.delivered)} delivered, ${sum(each => each.conflated)} conflated, ` +
      `${sum(each => each.dropped)} dropped, ${sum(each => each.lost)} lost, ${sum(each => each.recalled)} recalled\n`,
  )
}

const { seeds, isOne, hasModes } = seedsOf()
const outcomes: Outcome[] = []
const failed: number[] = []
for (const seed of seeds) {
  try {
    outcomes.push(simulate(seed, hasModes))
  } catch (error) {
    failed.push(seed)
    const { stack = '', message } = error as Error
    const shown = isOne ? stack : stack.split('\n').slice(0, STACK_LINES_MAX).join('\n')
    process.stdout.write(`seed ${seed} failed\n${message}\n${shown}\n\n`)
  }
}
report(outcomes, failed)
if (failed.length > 0) process.exitCode = 1
