/** curl, which reads no faster than it is told; it comes back by being started again. Skips where it is not installed. */

import { spawn, spawnSync } from 'node:child_process'
import test, { type ExecutionContext } from 'ava'
import { type BareHandlers, ComingBack, liveThrough, type OpenBare, resuming } from '#test/support/foreign-client.ts'
import { TestServer } from '#test/support/server.ts'
import type { Resume, SessionRecord } from '#test/support/session-stream.ts'

const isInstalled = spawnSync('curl', ['--version']).status === 0
/** Bytes a second. Of what is short curl lets much through at first. */
const RATE = '20K'

function start(url: string, headers: readonly string[], { onText, onEnd }: BareHandlers, exitCodes: (number | null)[]) {
  const args = [
    '--silent',
    '--no-buffer',
    '--limit-rate',
    RATE,
    ...headers.flatMap(header => ['--header', header]),
    url,
  ]
  const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.setEncoding('utf8').on('data', onText)
  child.on('close', code => {
    exitCodes.push(code)
    onEnd()
  })
  return { close: () => child.kill('SIGKILL') }
}

function openNdjson(exitCodes: (number | null)[]): OpenBare {
  return (port, target, handlers, resume) => {
    const url = `http://127.0.0.1:${port}${resuming(target, resume)}`
    return start(url, ['Accept: application/x-ndjson'], handlers, exitCodes)
  }
}

/** Events as lines: a record, and behind it its position. */
function openSse(exitCodes: (number | null)[]): OpenBare {
  return (port, target, handlers, resume: Resume | null) => {
    const headers = resume === null ? [] : [`Last-Event-ID: ${resume.session}.${resume.position}`]
    let partial = ''
    let id = ''
    const onText = (text: string): void => {
      const lines = (partial + text).split('\n')
      partial = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('id: ')) id = line.slice(line.indexOf('.') + 1)
        if (!line.startsWith('data: ')) continue
        handlers.onText(`${line.slice('data: '.length)}\n`)
        if (id !== '') handlers.onText(`{"position":${id}}\n`)
        id = ''
      }
    }
    return start(`http://127.0.0.1:${port}${target}`, headers, { ...handlers, onText }, exitCodes)
  }
}

function skips(t: ExecutionContext): boolean {
  if (isInstalled) return false
  t.log('skipped: install curl (apt-get install curl) to run this test')
  t.pass()
  return true
}

test.serial('[P92] curl receives, resumes and survives a restart; a stream that the server ends is whole', async t => {
  if (skips(t)) return
  const exitCodes: [(number | null)[], (number | null)[]] = [[], []]
  await liveThrough(t, [
    (port, target) => new ComingBack('curl, lines', openNdjson(exitCodes[0]), port, target),
    (port, target) => new ComingBack('curl, events', openSse(exitCodes[1]), port, target),
  ])
  for (const [first, second] of exitCodes) {
    t.true(first! > 0, 'it was cut')
    t.is(second, 0)
  }
})

test.serial('[P92] curl --limit-rate falls behind what is published, and has every update in order', async t => {
  if (skips(t)) return
  const server = await TestServer.start(t, { placement: 'single', rawLogBytes: 1 << 20 })
  const feed = await server.feed()
  const curl = new ComingBack('curl', openNdjson([]), server.httpPort, '/stream?items=fast&mode=raw')
  t.teardown(() => curl.close())
  await curl.arrivals.find(({ subscribed }) => subscribed === 0)
  const count = 300
  const padding = 'x'.repeat(1_000)
  const lines = Array.from({ length: count }, (_, n) => ({ item: 'fast', fields: { n: String(n), padding } }))
  await feed.play(
    lines.map(line => JSON.stringify(line)),
    count,
  )
  const isValue = ({ fields }: SessionRecord) => fields !== undefined
  t.true(curl.arrivals.all.filter(isValue).length < count, 'it is behind')
  await curl.arrivals.find(({ fields }) => fields?.n === String(count - 1))
  t.deepEqual(
    curl.arrivals.all.filter(isValue).map(({ fields }) => Number(fields!.n)),
    Array.from({ length: count }, (_, n) => n),
  )
})
