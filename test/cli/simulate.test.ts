import test from 'ava'
import { FakeFeedServer } from '#test/support/fake-feed-server.ts'
import { startProgram } from '#test/support/program.ts'

interface Line {
  readonly item: string
  readonly mode?: string
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields: Record<string, string>
}

function simulateArgs(server: FakeFeedServer): string[] {
  const flags = ['--simulate-items', '12', '--rate', '2000', '--simulate-seed', '7']
  return ['simulate', '--host', '127.0.0.1', '--feed-port', String(server.port), ...flags]
}

function parsed(lines: readonly string[]): Line[] {
  return lines.map(line => JSON.parse(line))
}

/** How many of the lines are the beginning: before the first change of a quote. */
function snapshotLength(lines: readonly Line[]): number {
  return lines.findIndex(({ mode, snapshot }) => mode === undefined && snapshot !== true)
}

test.serial(
  '[N18] a snapshot of every quote and book, then changes with their time, until the first signal',
  async t => {
    const server = await FakeFeedServer.listen({ windowLines: 32 })
    const program = startProgram(simulateArgs(server))
    await server.received(900)
    program.process.kill('SIGTERM')
    const { exitCode, signal, stdout } = await program.ended
    t.deepEqual([exitCode, signal, stdout], [0, null, ''])
    const lines = parsed(server.lines)
    const beginning = lines.slice(0, snapshotLength(lines))
    const quotes = beginning.filter(({ mode }) => mode === undefined)
    t.true(quotes.every(line => line.snapshot === true && Object.keys(line.fields).length === 11))
    t.is(new Set(quotes.map(line => line.item)).size, 12)
    const books = beginning.filter(({ mode }) => mode === 'command')
    t.true(books.every(({ fields }) => fields.command === 'ADD'))
    t.is(books.filter(({ snapshot }) => snapshot === true).length, 12)
    t.is(new Set(books.map(line => line.item)).size, 12)
    const updates = lines.slice(beginning.length)
    t.true(updates.every(line => line.snapshot === undefined && Number.isInteger(line.time)))
    t.true(updates.some(({ mode, fields }) => mode === undefined && Object.keys(fields).length < 6))
    t.deepEqual([...new Set(updates.map(({ mode }) => mode ?? 'merge'))].sort(), ['command', 'distinct', 'merge'])
    t.true(server.unackedMax <= 32)
    await server.close()
  },
)

test.serial('[N18] after a reconnection every quote and book is published whole before it changes', async t => {
  const server = await FakeFeedServer.listen({ windowLines: 8, cutAfter: [20] })
  const program = startProgram(simulateArgs(server))
  await server.received(900)
  program.process.kill('SIGTERM')
  const { exitCode } = await program.ended
  t.is(exitCode, 0)
  t.true(server.connections.length >= 2)
  const whole = new Set<string>()
  for (const { item, mode, snapshot } of parsed(server.connections[1] ?? [])) {
    if (snapshot === true) whole.add(item)
    else if (mode !== 'distinct' && !whole.has(item)) return t.fail(`${item} changes before its snapshot`)
  }
  t.is(whole.size, 24)
  await server.close()
})

test.serial('[N18] it waits for a server that is not there, and stops when it is told to', async t => {
  const server = await FakeFeedServer.listen()
  await server.close()
  const program = startProgram(simulateArgs(server))
  await new Promise<void>(resolve => program.process.stderr?.once('data', () => resolve()))
  program.process.kill('SIGINT')
  t.is((await program.ended).exitCode, 0)
})
