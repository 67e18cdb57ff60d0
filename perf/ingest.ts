/**
 * How fast one feed is taken in, through parse, the ring and the merge, with nobody subscribed.
 *
 *   node perf/ingest.ts [--lines 3000000] [-- server settings …]
 *
 * The feed's bytes are made before the clock starts: updates of 100 items with 5 fields, some 130 B a line. It honours the
 * window; the clock stops at the acknowledgement of the last line, which says that it is merged.
 */

import { connect } from 'node:net'
import { parseArgs } from 'node:util'
import { startServerProcess } from './server-process.ts'

export interface IngestResult {
  readonly lines: number
  readonly bytesPerLine: number
  readonly linesPerSecond: number
  /** CPU of the whole server for a million lines. */
  readonly cpuSecondsPerMillion: number
}

const ITEMS = 100
const LINES_PER_BLOCK = 500
const BLOCKS = 20
const SEED = 12_345

export async function measureIngest(lines: number, flags: readonly string[]): Promise<IngestResult> {
  const server = await startServerProcess(flags)
  try {
    const blocks = makeBlocks()
    await send(server.feedPort, blocks, LINES_PER_BLOCK * BLOCKS)
    const count = Math.ceil(lines / LINES_PER_BLOCK) * LINES_PER_BLOCK
    const cpuBefore = server.cpuSeconds()
    const startMs = performance.now()
    await send(server.feedPort, blocks, count)
    const seconds = (performance.now() - startMs) / 1_000
    const bytesPerLine = blocks.reduce((sum, block) => sum + block.length, 0) / (LINES_PER_BLOCK * BLOCKS)
    const cpuSecondsPerMillion = ((server.cpuSeconds() - cpuBefore) / count) * 1e6
    return { lines: count, bytesPerLine, linesPerSecond: count / seconds, cpuSecondsPerMillion }
  } finally {
    await server.stop()
  }
}

function makeBlocks(): Buffer[] {
  let state = SEED
  const next = (max: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % max
  }
  const price = () => `${1_000 + next(9_000)}.${String(next(100)).padStart(2, '0')}`
  return Array.from({ length: BLOCKS }, () => {
    let text = ''
    for (let i = 0; i < LINES_PER_BLOCK; i++) {
      const fields = `"bid":"${price()}","ask":"${price()}","bid_size":"${next(500)}","ask_size":"${next(500)}","last":"${price()}"`
      text += `{"item":"quote.venue${next(4)}.SYM${next(ITEMS)}","fields":{${fields}}}\n`
    }
    return Buffer.from(text)
  })
}

/** Sends `lines` lines within the window; resolves when the last is acknowledged. */
function send(port: number, blocks: readonly Buffer[], lines: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let window = 0
    let sent = 0
    let acknowledged = 0
    let text = ''
    const write = (): void => {
      while (sent < lines && sent - acknowledged + LINES_PER_BLOCK <= window) {
        const isRoom = socket.write(blocks[(sent / LINES_PER_BLOCK) % blocks.length]!)
        sent += LINES_PER_BLOCK
        if (!isRoom) return
      }
    }
    socket.on('drain', write)
    socket.on('error', reject)
    socket.on('data', chunk => {
      text += chunk
      const end = text.lastIndexOf('\n')
      for (const line of text.slice(0, end).split('\n')) {
        const message = JSON.parse(line) as { window?: number; ack?: number; error?: object }
        if (message.error !== undefined) reject(new Error(line))
        window = message.window ?? window
        acknowledged = message.ack ?? acknowledged
      }
      text = text.slice(end + 1)
      if (acknowledged === lines) {
        socket.end()
        resolve()
      } else write()
    })
  })
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { lines: { type: 'string', default: '3000000' } },
    allowPositionals: true,
  })
  const result = await measureIngest(Number(values.lines), positionals)
  const rate = Math.round(result.linesPerSecond).toLocaleString('en-US')
  console.log(
    `${rate} lines/s of ${result.bytesPerLine.toFixed(0)} B from one feed, ${result.cpuSecondsPerMillion.toFixed(2)} CPU s per million lines`,
  )
}
