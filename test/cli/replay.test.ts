import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { FakeFeedServer } from '#test/support/fake-feed-server.ts'
import { runProgram, startProgram } from '#test/support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
test.after.always(() => rmSync(folder, { recursive: true }))

let filesCount = 0
function fileOf(content: string | Buffer): string {
  filesCount++
  const file = join(folder, `${filesCount}.recording`)
  writeFileSync(file, content)
  return file
}

/** Lines as a recording has them, `gapMs` apart. */
function recorded(count: number, gapMs = 1): string[] {
  return Array.from({ length: count }, (_, index) => `{"at":${index * gapMs},"item":"A","fields":{"n":"${index}"}}`)
}

function replayArgs(server: FakeFeedServer, file: string, ...flags: string[]): string[] {
  return ['replay', file, '--host', '127.0.0.1', '--feed-port', String(server.port), '--speed', 'max', ...flags]
}

test.serial('[N13] lines go out as they stand in the file, in order, within the window', async t => {
  const server = await FakeFeedServer.listen({ windowLines: 10 })
  const lines = recorded(1_000)
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(`${lines.join('\n')}\n`)))
  t.is(exitCode, 0, stderr)
  t.deepEqual(server.lines, lines)
  t.true(server.unackedMax <= 10, String(server.unackedMax))
  t.regex(stderr, /^millrace: 1000 records, \d+ lines acknowledged, 0 refused, 0 lost, 0 bad in the file\n$/)
  await server.close()
})

test.serial('[N13] a gzipped file is known by its first bytes, in one member or several', async t => {
  const server = await FakeFeedServer.listen()
  const lines = recorded(200)
  const packed = [lines.slice(0, 90), lines.slice(90)].map(part => gzipSync(`${part.join('\n')}\n`))
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(Buffer.concat(packed))))
  t.is(exitCode, 0, stderr)
  t.deepEqual(server.lines, lines)
  await server.close()
})

test.serial('[N13] blank lines are passed over, and the last line need not end', async t => {
  const server = await FakeFeedServer.listen()
  const [one = '', two = ''] = recorded(2)
  const { exitCode } = await runProgram(replayArgs(server, fileOf(`${one}\r\n\n  \n${two}`)))
  t.is(exitCode, 0)
  t.deepEqual(server.lines, [one, two])
  await server.close()
})

test.serial('[N13] --loop plays the file again', async t => {
  const server = await FakeFeedServer.listen()
  const lines = recorded(20)
  const { exitCode } = await runProgram(replayArgs(server, fileOf(lines.join('\n')), '--loop', '3'))
  t.is(exitCode, 0)
  t.deepEqual(server.lines, [...lines, ...lines, ...lines])
  await server.close()
})

test.serial('[N13] a file without a record ends even when it is played for ever', async t => {
  const server = await FakeFeedServer.listen()
  const { exitCode } = await runProgram(replayArgs(server, fileOf('\n'), '--loop', '0'))
  t.is(exitCode, 0)
  await server.close()
})

test.serial('[N13] at the recorded pace a line is not sent before its time', async t => {
  const server = await FakeFeedServer.listen()
  // The second line is due in some eleven days: the first comes alone, however slow this machine is.
  const file = fileOf(recorded(2, 1_000_000_000).join('\n'))
  const args = replayArgs(server, file).map(arg => (arg === 'max' ? '1' : arg))
  const program = startProgram(args)
  await server.received(1)
  program.process.kill('SIGTERM')
  const { exitCode, stderr } = await program.ended
  t.is(exitCode, 143, stderr)
  t.is(server.lines.length, 1)
  await server.close()
})

test.serial('[N13] a faster pace makes hours pass at once', async t => {
  const server = await FakeFeedServer.listen()
  const lines = [
    '{"item":"A","time":0,"fields":{"n":1}}',
    '{"item":"A","time":3600000,"fields":{"n":2}}',
    '{"item":"A","fields":{"n":3}}',
  ]
  const args = replayArgs(server, fileOf(lines.join('\n'))).map(arg => (arg === 'max' ? '1000000' : arg))
  const { exitCode } = await runProgram(args)
  t.is(exitCode, 0)
  t.deepEqual(server.lines, lines)
  await server.close()
})

test.serial('[N14] bad lines are passed over, counted and told, the first with its number', async t => {
  const server = await FakeFeedServer.listen()
  const [one = '', two = ''] = recorded(2)
  const bad = Buffer.concat([Buffer.from('{"item":"'), Buffer.from([0xff]), Buffer.from('"}')])
  const content = [Buffer.from(`${one}\n{"item":\n[1]\n7\n`), bad, Buffer.from(`\n${two}\n`)]
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(Buffer.concat(content))))
  t.is(exitCode, 1)
  t.deepEqual(server.lines, [one, two])
  t.regex(stderr, /^millrace: bad line: line 2 is not JSON: /)
  t.regex(stderr, /2 records, .* 4 bad in the file\n$/)
  await server.close()
})

test.serial('[N14] refusals of the server are told and counted', async t => {
  const refuse = (line: string) => (/"n":"(1|2|3|4|5|6|7)"/.test(line) ? 'FEED_FIELD_NAME' : null)
  const server = await FakeFeedServer.listen({ refuse })
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(recorded(10).join('\n'))))
  t.is(exitCode, 1)
  t.is(server.lines.length, 10)
  t.is(stderr.match(/refused: line \d+ of the connection: FEED_FIELD_NAME: refused by the test/g)?.length, 5, stderr)
  t.regex(stderr, /10 records, .* 7 refused, 0 lost, 0 bad in the file\n$/)
  await server.close()
})

test.serial('[N14] a connection that is lost on the way is told, and what was lost with it', async t => {
  const server = await FakeFeedServer.listen({ windowLines: 4, cutAfter: [2] })
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(recorded(50).join('\n'))))
  t.is(server.connections.length, 2)
  t.is(exitCode, 1)
  const lost = Number(/(\d+) lost/.exec(stderr)?.[1])
  t.true(lost > 0, stderr)
  t.is(new Set(server.lines).size >= 50 - lost, true)
  await server.close()
})

test.serial('[N11] a server that is not there is one line', async t => {
  const server = await FakeFeedServer.listen()
  await server.close()
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(recorded(1).join('\n'))))
  t.is(exitCode, 1)
  t.regex(stderr, /^millrace: CONNECT_FAILED: 127\.0\.0\.1:\d+: [^\n]*ECONNREFUSED[^\n]*\n$/)
})

test.serial('[N11] a gzipped file that is cut short is one line', async t => {
  const server = await FakeFeedServer.listen()
  const packed = gzipSync(recorded(5_000).join('\n'))
  const { exitCode, stderr } = await runProgram(replayArgs(server, fileOf(packed.subarray(0, packed.length - 20))))
  t.is(exitCode, 1)
  t.regex(stderr, /^millrace: DATA_INVALID: .*recording: after line \d+: unexpected end of file\n$/)
  await server.close()
})
