#!/usr/bin/env node
/**
 * The program: arguments to a command, its end to an exit code.
 *
 * An expected failure is one line on stderr (one line each for several wrong settings) and no stack: exit code 2 for
 * usage and settings, 1 for the rest. A broken invariant is told with its stack.
 */

import { readFileSync } from 'node:fs'
import { helpText } from '#src/cli/help.ts'
import { replay } from '#src/cli/replay.ts'
import { serve } from '#src/cli/serve.ts'
import { simulate } from '#src/cli/simulate.ts'
import { tell } from '#src/cli/terminal.ts'
import { watch } from '#src/cli/watch.ts'
import { COMMAND_NAMES, isCommandName } from '#src/config/commands.ts'
import { type Loaded, loadConfig } from '#src/config/load.ts'
import { ProgramError } from '#src/errors.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

async function run(loaded: Loaded): Promise<number> {
  switch (loaded.command) {
    case 'serve':
      return serve(loaded)
    case 'simulate':
      return simulate(loaded)
    case 'replay':
      return replay(loaded)
    case 'watch':
      return watch(loaded)
    case 'help':
      return help(loaded.operands[0])
    case 'version':
      process.stdout.write(`${version()}\n`)
      return 0
  }
}

function help(topic: string | undefined): number {
  if (topic !== undefined && !isCommandName(topic)) {
    throw new ProgramError('USAGE', `help: there is no such command; there are ${COMMAND_NAMES.join(', ')}`)
  }
  process.stdout.write(helpText(topic ?? null))
  return 0
}

function version(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version
}

/** Tells why the program ends; returns the exit code. */
function tellFailure(error: unknown): number {
  if (error instanceof ProgramError) {
    for (const line of error.message.split('\n')) tell(process.stderr, `${error.code}: ${line}`)
    return ['USAGE', 'CONFIG_INVALID', 'CONFIG_FILE'].includes(error.code) ? EXIT_USAGE : EXIT_FAILED
  }
  process.stderr.write(`millrace: a bug: ${error instanceof Error ? error.stack : String(error)}\n`)
  return EXIT_FAILED
}

/** What was written to standard output has been taken, so that an exit loses nothing. */
function outputTaken(): Promise<void> {
  return new Promise(resolve => process.stdout.write('', () => resolve()))
}

// `millrace watch … | head` closes the pipe when it has enough: an end, not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED))

let exitCode: number
try {
  exitCode = await run(loadConfig())
} catch (error) {
  exitCode = tellFailure(error)
}
await outputTaken()
// Not just the code: what is still open after an orderly end, a socket or a timer, must not keep the process.
process.exit(exitCode)
