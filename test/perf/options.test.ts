/** The command line of the harness. */

import test from 'ava'
import { OptionError, readOptions } from '#perf/options.ts'
import { TRANSPORTS } from '#perf/workload.ts'

test('[PF7] what the command line says is what is changed, and it can be told again', t => {
  const options = readOptions([
    'liberator',
    'broadcast',
    ...[
      '--clients',
      '50',
      '--rate',
      '2.5',
      '--mode',
      'merge',
      '--max-delay',
      '0',
      '--runs',
      '3',
      '--peers',
      'ws,redis',
    ],
    ...['--small', '--no-costs', '--json', 'out.json', '--placement', 'single'],
    ...['--', '--edge-threads', '2'],
  ])
  t.deepEqual(options.names, ['liberator', 'broadcast'])
  t.deepEqual(options.changes, { clients: 50, ratePerItem: 2.5, mode: 'merge', maxDelayMs: 0 })
  t.deepEqual([options.runs, options.isSmall, options.hasCosts, options.json], [3, true, false, 'out.json'])
  t.deepEqual(
    [options.peers, options.placement, options.settings],
    [['ws', 'redis'], 'single', ['--edge-threads', '2']],
  )
  const again = readOptions([...options.flags, '--', ...options.settings])
  t.deepEqual([again.changes, again.runs, again.placement], [options.changes, options.runs, options.placement])
  t.false(options.text.includes('out.json'))
})

test('[PF7] each transport may be asked for', t => {
  for (const transport of TRANSPORTS) t.is(readOptions(['--transport', transport]).changes.transport, transport)
})

test('[PF7] without anything, nothing is changed', t => {
  const options = readOptions([])
  t.deepEqual([options.names, options.changes, options.peers, options.runs, options.placement], [[], {}, [], 1, null])
})

const WRONG: readonly [string, string[], RegExp][] = [
  ['an option that is none', ['--colour', 'red'], /colour/],
  ['a number that is none', ['--clients', 'many'], /--clients takes a number/],
  ['an empty number', ['--clients', ''], /--clients takes a number/],
  ['a number out of range', ['--fields', '7'], /from 1 to 6/],
  ['a part of a client', ['--clients', '2.5'], /--clients takes a whole number/],
  ['a mode that is none', ['--mode', 'fast'], /--mode is one of merge, raw/],
  ['a transport that is none', ['--transport', 'tcp'], /--transport is one of sse, ndjson, websocket, poll, not 'tcp'/],
  ['an option without its value', ['--clients'], /clients/],
  ['a value where none is taken', ['--small=yes'], /small/],
]

for (const [what, args, why] of WRONG) {
  test(`[PF8] the command line is refused for ${what}`, t => {
    t.throws(() => readOptions(args), { instanceOf: OptionError, message: why })
  })
}
