/** What the clients of the convergence run read off a socket, by transport, whole and cut. */

import test, { type ExecutionContext } from 'ava'
import { Wire } from '#perf/convergence/wire.ts'
import { Random, seedOr } from '#test/support/random.ts'

const SEED = 5_150
const CUTS = 40
const WELCOME = '{"session":"S","position":0}'
const RECORD = '{"item":"A","seq":1,"snapshot":true,"fields":{"n":"ü"}}'
const TOLD = ['welcome S', `record ${RECORD}`, 'position 7']
const OK = 'HTTP/1.1 200 OK\r\n'
const NDJSON = `${WELCOME}\n${RECORD}\n{"position":7}\n`
const SSE = `retry: 500\n:\n\ndata: ${WELCOME}\n\nid: S.7\ndata: ${RECORD}\n\n`

function chunked(text: string): string {
  const bytes = Buffer.from(text)
  const middle = bytes.length >> 1
  const chunks = [bytes.subarray(0, middle), bytes.subarray(middle)]
  return chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`).join('')
}

function framed(kind: number, text: string): string {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? [kind, payload.length] : [kind, 126, payload.length >> 8, payload.length & 0xff]
  return Buffer.concat([Buffer.from(head), payload]).toString('latin1')
}

function answer(status: string, text: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${Buffer.from(text).toString('latin1')}`
}

interface Script {
  readonly name: string
  /** Bytes, in Latin-1. */
  readonly sent: string
  readonly told: readonly string[]
}

const SCRIPTS: readonly Script[] = [
  { name: 'NDJSON', sent: `${OK}Transfer-Encoding: chunked\r\n\r\n${chunked(NDJSON)}`, told: TOLD },
  {
    name: 'SSE',
    sent: `${OK}Transfer-Encoding: chunked\r\n\r\n${chunked(SSE)}`,
    told: [...TOLD.slice(0, -1), 'position 7 of S'],
  },
  {
    name: 'WebSocket',
    sent: `HTTP/1.1 101 Switching Protocols\r\n\r\n${framed(0x81, NDJSON)}${framed(0x89, 'p')}${framed(0x88, '')}`,
    told: [...TOLD, 'ping p'],
  },
  {
    name: 'long polling',
    sent: answer('200 OK', NDJSON) + answer('200 OK', '{"position":8}\n'),
    told: [...TOLD, 'answered', 'position 8', 'answered'],
  },
  { name: 'a refusal', sent: answer('404 Not Found', '{"error":{}}'), told: ['refused 404 {"error":{}}'] },
]

function listening(): { readonly wire: Wire; readonly told: string[] } {
  const told: string[] = []
  const wire = new Wire({
    onRefused: (status, text) => told.push(`refused ${status} ${text}`),
    onWelcome: ({ session }) => told.push(`welcome ${session}`),
    onRecord: record => told.push(`record ${JSON.stringify(record)}`),
    onPosition: (position, session) => told.push(`position ${position}${session === null ? '' : ` of ${session}`}`),
    onPing: payload => told.push(`ping ${payload}`),
    onAnswered: () => told.push('answered'),
  })
  return { wire, told }
}

const reads = test.macro({
  exec(t: ExecutionContext, { sent, told }: Script) {
    const random = new Random(seedOr(SEED))
    const bytes = Buffer.from(sent, 'latin1')
    for (let cut = 0; cut < CUTS; cut++) {
      const lengthMax = cut === 0 ? bytes.length : 1 + random.int(bytes.length)
      const found = listening()
      for (let at = 0; at < bytes.length; ) {
        const length = cut === 0 ? lengthMax : 1 + random.int(lengthMax)
        // The caller's buffer is used again for the next reading.
        const buffer = Buffer.from(bytes.subarray(at, at + length))
        found.wire.push(buffer)
        buffer.fill(0)
        at += length
      }
      t.deepEqual(found.told, told, `seed ${random.seed}, cut ${cut}`)
      t.false(found.wire.isWithin)
    }
  },
  title: (_, { name }: Script) => `[P51] ${name} reads the same however its bytes come cut`,
})
for (const script of SCRIPTS) test(reads, script)

test('[P51] a stream that is cut before the position is within a flush; stopped, it tells nothing', t => {
  const { wire, told } = listening()
  wire.push(Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n`))
  wire.push(Buffer.from(chunked(`${WELCOME}\n`), 'latin1'))
  t.false(wire.isWithin)
  wire.push(Buffer.from(chunked(`${RECORD}\n`), 'latin1'))
  t.true(wire.isWithin)
  wire.stop()
  wire.push(Buffer.from(chunked('{"position":7}\n'), 'latin1'))
  t.deepEqual(told, TOLD.slice(0, 2))
})
