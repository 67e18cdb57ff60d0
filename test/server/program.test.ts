/** The program on real sockets and signals: its orderly end with streams open, ports in use, a thread that dies. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Program, startProgram } from '#test/support/program.ts'
import { RawFeed } from '#test/support/raw-feed.ts'
import { TestStream } from '#test/support/server.ts'

const FREE_PORTS = ['--http-port', '0', '--feed-port', '0']

interface Running {
  readonly program: Program
  readonly httpPort: number
  readonly feedPort: number
}

async function serve(
  t: ExecutionContext,
  flags: readonly string[],
  env: Record<string, string> = {},
): Promise<Running> {
  const program = startProgram(['serve', ...FREE_PORTS, '--log-level', 'silent', ...flags], env)
  t.teardown(async () => {
    program.process.kill('SIGKILL')
    await program.ended
  })
  await program.prints('feeds on')
  const ports = /http:\/\/[^:]+:(\d+)\/ - feeds on [^:]+:(\d+)/.exec(program.stdout())
  if (ports === null) throw new Error(`no addresses: ${program.stdout()} ${program.stderr()}`)
  return { program, httpPort: Number(ports[1]), feedPort: Number(ports[2]) }
}

const PLACEMENTS: readonly (readonly [string, readonly string[]])[] = [
  ['one thread', ['--placement', 'single']],
  ['pools of 2 threads', ['--feed-threads', '2', '--core-threads', '2', '--edge-threads', '2']],
]

for (const [placement, flags] of PLACEMENTS) {
  test.serial(`[P42] SIGTERM acknowledges, flushes, tells when to come back, and exits 0: ${placement}`, async t => {
    const { program, httpPort, feedPort } = await serve(t, flags)
    const target = '/stream?items=A'
    const streams = [
      new TestStream({ port: httpPort, target, encoding: 'sse' }),
      new TestStream({ port: httpPort, target, encoding: 'ndjson' }),
      new TestStream({ port: httpPort, target: `${target}&maxDelay=60000` }),
      new TestStream({ port: httpPort, target: `${target}&mode=raw`, version: '1.0' }),
    ]
    t.teardown(() => {
      for (const { client } of streams) client.destroy()
    })
    const feed = await RawFeed.connect(feedPort)
    for (const { head } of streams) t.is((await head).status, 200)
    feed.send({ item: 'A', fields: { x: 'last' } })
    await feed.acknowledged()
    program.process.kill('SIGTERM')
    for (const stream of streams) await stream.ended()
    await feed.replies.ended()
    t.is(feed.replies.all.at(-1)?.closing?.code, 'SERVER_CLOSING')
    for (const stream of streams) {
      t.is(stream.state.get('A')?.x, 'last', 'what was acknowledged is flushed, also what waited for company')
      const { closing } = stream.all.at(-1)!
      t.is(closing?.code, 'SERVER_CLOSING')
      t.true(closing!.retryMs! > 0)
      t.true(stream.client.isWhole, 'the body ends as its framing says')
    }
    t.is(streams[0]!.client.retryMs, streams[0]!.all.at(-1)!.closing!.retryMs!, 'an EventSource heeds the hint')
    const hints = new Set(streams.map(stream => stream.all.at(-1)!.closing!.retryMs))
    t.true(hints.size > 1, 'they come back spread over some time')
    const { exitCode, stderr } = await program.ended
    t.deepEqual([exitCode, stderr], [0, ''])
  })
}

test.serial(
  '[P43] a stream that does not read delays the end by closeTimeoutMs at most, and the exit code is 0',
  async t => {
    const { program, httpPort, feedPort } = await serve(t, ['--close-timeout-ms', '500'])
    const items = Array.from({ length: 50 }, (_, index) => `S${index}`)
    const stalled = new TestStream({ port: httpPort, target: `/stream?items=${items.join(',')}&mode=raw` })
    t.teardown(() => stalled.client.destroy())
    await stalled.head
    stalled.client.pause()
    const feed = await RawFeed.connect(feedPort)
    const value = 'v'.repeat(500)
    const lines = Array.from({ length: 20_000 }, (_, n) =>
      JSON.stringify({ item: items[n % 50], fields: { value, n: `${n}` } }),
    )
    await feed.play(lines, 10_000)
    program.process.kill('SIGTERM')
    // That it ends at all is the claim: nobody reads the stream's last bytes.
    const { exitCode, signal } = await program.ended
    t.deepEqual([exitCode, signal], [0, null])
  },
)

test.serial('[P44] a port in use is one line and exit code 1, whichever it is', async t => {
  const holder = createServer()
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve))
  t.teardown(() => holder.close())
  const { port } = holder.address() as { port: number }
  for (const flag of ['--http-port', '--feed-port']) {
    for (const [, flags] of PLACEMENTS) {
      const other = flag === '--http-port' ? '--feed-port' : '--http-port'
      const program = startProgram(['serve', other, '0', flag, String(port), '--log-level', 'silent', ...flags])
      const { exitCode, stdout, stderr } = await program.ended
      t.is(exitCode, 1)
      t.is(stdout, '')
      t.regex(stderr, new RegExp(`^millrace: PORT_IN_USE: port ${port} of 127\\.0\\.0\\.1 is in use\\n$`))
    }
  }
})

test.serial(
  '[P45] a thread that dies ends the program with its name and exit code 1, whichever pool it is of',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const killer = new URL('../support/killer.ts', import.meta.url).href
    const named = new Set<string>()
    for (const thread of ['1', '2', '3']) {
      const file = join(folder, thread)
      const env = { NODE_OPTIONS: `--import=${killer}`, TEST_KILL_THREAD: thread, TEST_KILL_FILE: file }
      const { program } = await serve(t, ['--close-timeout-ms', '300'], env)
      t.is(program.process.exitCode, null)
      writeFileSync(file, '')
      const { exitCode, stderr } = await program.ended
      t.is(exitCode, 1)
      const told = /^millrace: THREAD_DIED: thread (\w+-0) died: killed by the test\n$/.exec(stderr)
      t.truthy(told, stderr)
      named.add(told?.[1] ?? '')
    }
    t.deepEqual([...named].toSorted(), ['core-0', 'edge-0', 'feed-0'])
  },
)
