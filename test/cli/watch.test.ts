import test from 'ava'
import { FakeStreamServer, refuses, streams } from '#test/support/fake-stream-server.ts'
import { runProgram, startProgram } from '#test/support/program.ts'

const SNAPSHOT = { item: 'A', seq: 1, snapshot: true, time: 5, fields: { bid: '1.0', ask: '1.1' } }
const UPDATE = { item: 'A', seq: 2, fields: { bid: '1.2' } }
const STALE = { item: 'A', stale: true }

function json(records: readonly object[]): string {
  return records.map(record => `${JSON.stringify(record)}\n`).join('')
}

test.serial('[N16] --json prints the records as they come, and --count ends after so many', async t => {
  const server = await FakeStreamServer.listen([streams([SNAPSHOT, UPDATE, STALE])])
  const args = ['watch', 'A', '--url', server.url, '--json', '--count', '2']
  const { exitCode, stdout } = await runProgram(args)
  t.deepEqual([exitCode, stdout], [0, json([SNAPSHOT, UPDATE])])
  t.is(server.accept, 'application/x-ndjson')
  await server.close()
})

test.serial('[N16] without a terminal each record is a line', async t => {
  const server = await FakeStreamServer.listen([streams([SNAPSHOT, UPDATE, STALE])])
  const { stdout } = await runProgram(['watch', 'A', '--url', server.url, '--count', '3'])
  t.is(stdout, 'A #1 snapshot bid=1.0 ask=1.1\nA #2 bid=1.2\nA stale\n')
  await server.close()
})

test.serial('[N16] items, fields, frequency and mode are asked for, names escaped', async t => {
  const server = await FakeStreamServer.listen([streams([SNAPSHOT])])
  const options = ['--fields', 'bid,ask', '--max-frequency', '2.5', '--mode', 'raw', '--count', '1']
  await runProgram(['watch', 'A', 'B&C,ü', ...options, '--url', server.url])
  t.deepEqual(server.targets, ['/stream?items=A,B%26C,%C3%BC&fields=bid,ask&maxFrequency=2.5&mode=raw'])
  await server.close()
})

test.serial('[N16] a table, its order, its rows and a filter are asked for', async t => {
  const records = [
    { item: 'A', cleared: true },
    { item: 'A', seq: 1, key: 'k', command: 'ADD', fields: { price: '1' } },
  ]
  const server = await FakeStreamServer.listen([streams(records)])
  const options = ['--mode', 'command', '--sort', '-price', '--rows', '5', '--filter', 'price > 1 & a = "b"']
  const { stdout } = await runProgram(['watch', 'A', ...options, '--count', '2', '--url', server.url])
  const filter = 'price%20%3E%201%20%26%20a%20%3D%20%22b%22'
  t.deepEqual(server.targets, [`/stream?items=A&mode=command&filter=${filter}&sort=-price&count=5`])
  t.is(stdout, 'A cleared\nA #1 ADD k price=1\n')
  await server.close()
})

test.serial('[N16] the server is found by its settings when no address is given', async t => {
  const server = await FakeStreamServer.listen([streams([SNAPSHOT])])
  const { exitCode } = await runProgram(['watch', 'A', '--count', '1', '--http-port', new URL(server.url).port])
  t.is(exitCode, 0)
  await server.close()
})

test.serial('[N17] a stream that ends, is cut or is refused for now is opened again', async t => {
  const server = await FakeStreamServer.listen([
    streams([SNAPSHOT], true),
    refuses(503, 'SERVER_BUSY'),
    (_request, response) => response.socket?.destroy(),
    streams([SNAPSHOT, { closing: { code: 'SERVER_CLOSING', message: 'bye', retryMs: 1 } }]),
    streams([UPDATE]),
  ])
  const { exitCode, stdout, stderr } = await runProgram(['watch', 'A', '--url', server.url, '--json', '--count', '3'])
  t.deepEqual([exitCode, stdout], [0, json([SNAPSHOT, SNAPSHOT, UPDATE])])
  t.is(server.targets.length, 5)
  t.regex(stderr, /the stream ended; again in [\d.]+ s/)
  t.regex(stderr, /answers 503: SERVER_BUSY: refused by the test; again in/)
  t.regex(stderr, /the server ends the stream: SERVER_CLOSING: bye; again in/)
  await server.close()
})

test.serial('[N17] a refusal that stays one ends the command', async t => {
  const server = await FakeStreamServer.listen([refuses(400, 'QUERY_INVALID')])
  const { exitCode, stdout, stderr } = await runProgram(['watch', 'A', '--url', server.url])
  t.deepEqual([exitCode, stdout], [1, ''])
  t.regex(stderr, /^millrace: CONNECT_FAILED: .* answers 400: QUERY_INVALID: refused by the test\n$/)
  await server.close()
})

test.serial('[N17] what is no record ends the stream, not the command', async t => {
  const server = await FakeStreamServer.listen([
    (_request, response) => response.end('<html>\u001b[2J\n'),
    streams([SNAPSHOT]),
  ])
  const { exitCode, stderr } = await runProgram(['watch', 'A', '--url', server.url, '--count', '1'])
  t.is(exitCode, 0)
  t.regex(stderr, /the server sent no JSON: <html>\?\[2J; again/)
  await server.close()
})

test.serial('[N17] the first signal ends it in order', async t => {
  const server = await FakeStreamServer.listen([streams([SNAPSHOT])])
  const program = startProgram(['watch', 'A', '--url', server.url])
  await program.prints('A #1')
  program.process.kill('SIGINT')
  const { exitCode, signal } = await program.ended
  t.deepEqual([exitCode, signal], [0, null])
  await server.close()
})

test.serial('[N16] a reader of its output that goes away ends it quietly', async t => {
  const records = Array.from({ length: 1_000 }, () => SNAPSHOT)
  const server = await FakeStreamServer.listen([
    (request, response) => {
      streams(records)(request, response)
      const more = (): void => {
        while (!response.destroyed && response.write(json(records)));
      }
      response.on('drain', more)
      more()
    },
  ])
  const program = startProgram(['watch', 'A', '--url', server.url])
  await program.prints('A #1')
  program.process.stdout?.destroy()
  const { exitCode, stderr } = await program.ended
  t.is(exitCode, 0, stderr)
  t.notRegex(stderr, /EPIPE|Error/)
  await server.close()
})
