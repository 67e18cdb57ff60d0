/**
 * What an idle streaming connection costs: resident memory of the server per connection, and its CPU while nothing
 * happens (keepalives included).
 *
 *   node perf/idle.ts [--connections 10000] [--seconds 20] [server settings …]
 *
 * Each connection has one subscription to an item that nobody publishes, over SSE. The connections are made by this
 * process, over several loopback source addresses.
 */

import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { startServerProcess } from './server-process.ts'

export interface IdleResult {
  readonly connections: number
  readonly bytesPerConnection: number
  /** Share of one core: 0.02 is 2 %. */
  readonly cpuShare: number
}

const PER_ADDRESS = 5_000
const AT_ONCE = 200

export async function measureIdle(connections: number, seconds: number, flags: readonly string[]): Promise<IdleResult> {
  const server = await startServerProcess(flags)
  const sockets: Socket[] = []
  try {
    // One connection makes whatever the first one makes.
    sockets.push(await open(server.httpPort, 0))
    await pause(1_000)
    const before = server.residentBytes()
    for (let made = 0; made < connections; made += AT_ONCE) {
      const batch = Math.min(AT_ONCE, connections - made)
      sockets.push(...(await Promise.all(Array.from({ length: batch }, (_, i) => open(server.httpPort, made + i)))))
    }
    await pause(3_000)
    const after = server.residentBytes()
    const cpuBefore = server.cpuSeconds()
    const startMs = performance.now()
    await pause(seconds * 1_000)
    const cpuShare = (server.cpuSeconds() - cpuBefore) / ((performance.now() - startMs) / 1_000)
    return { connections, bytesPerConnection: (after - before) / connections, cpuShare }
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}

function open(port: number, index: number): Promise<Socket> {
  const localAddress = `127.0.0.${2 + Math.floor(index / PER_ADDRESS)}`
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    socket.once('error', reject)
    socket.once('data', head => {
      if (head.includes('200 OK')) resolve(socket)
      else reject(new Error(head.toString()))
      socket.on('data', () => {})
    })
    socket.write('GET /stream?items=idle HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  })
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { connections: { type: 'string', default: '10000' }, seconds: { type: 'string', default: '20' } },
    allowPositionals: true,
  })
  const result = await measureIdle(Number(values.connections), Number(values.seconds), positionals)
  const kib = (result.bytesPerConnection / 1_024).toFixed(2)
  console.log(
    `${result.connections} idle SSE connections: ${kib} KiB resident each, ${(result.cpuShare * 100).toFixed(2)} % of a core`,
  )
}
