import test from 'ava'
import { FakeFeedServer } from '#test/support/fake-feed-server.ts'
import { startProgram } from '#test/support/program.ts'

interface Line {
  readonly item: string
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

test.serial('[N18] a snapshot of every item, then changes with their time, until the first signal', async t => {
  const server = await FakeFeedServer.listen({ windowLines: 32 })
  const program = startProgram(simulateArgs(server))
  await server.received(112)
  program.process.kill('SIGTERM')
  const { exitCode, signal, stdout } = await program.ended
  t.deepEqual([exitCode, signal, stdout], [0, null, ''])
  const lines = parsed(server.lines)
  const snapshots = lines.slice(0, 12)
  t.true(snapshots.every(line => line.snapshot === true && Object.keys(line.fields).length === 11))
  t.is(new Set(snapshots.map(line => line.item)).size, 12)
  const updates = lines.slice(12)
  t.true(updates.every(line => line.snapshot === undefined && Number.isInteger(line.time)))
  t.true(updates.some(line => Object.keys(line.fields).length < 6))
  t.true(server.unackedMax <= 32)
  await server.close()
})

test.serial('[N18] after a reconnection every item is published whole before it changes', async t => {
  const server = await FakeFeedServer.listen({ windowLines: 8, cutAfter: [20] })
  const program = startProgram(simulateArgs(server))
  await server.received(52)
  program.process.kill('SIGTERM')
  const { exitCode } = await program.ended
  t.is(exitCode, 0)
  t.true(server.connections.length >= 2)
  const whole = new Set<string>()
  for (const { item, snapshot } of parsed(server.connections[1] ?? [])) {
    if (snapshot === true) whole.add(item)
    else if (!whole.has(item)) return t.fail(`${item} changes before its snapshot`)
  }
  t.is(whole.size, 12)
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
