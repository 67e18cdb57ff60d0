/**
 * The floor: one thread that only writes. It takes connections, answers each request with the head of an endless
 * response, and, once it is told to begin, writes what the schedule says to whom it says, one `socket.write` of a shared
 * buffer each.
 * It looks at nothing that comes back: what a reader does not take waits in its socket, without a bound.
 *
 *   node floor-process.ts <workload as JSON>
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { nowUs } from '#perf/load/stamp.ts'
import { itemName, type Workload } from '#perf/workload.ts'
import { FloorSchedule } from './floor-schedule.ts'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n'
const US_PER_MS = 1_000

const workload: Workload = JSON.parse(process.argv[2]!)
const items = new Map(Array.from({ length: workload.items }, (_, index) => [itemName(index), index]))
/** Begins anew when it is told to begin. */
let schedule = new FloorSchedule(workload, nowUs())
const readers = Array.from({ length: schedule.channels }, () => new Set<Socket>())
let batchedReaders = 0
let nextWrite = 0

/** A request is one packet; who asks for no item of the workload only stays connected. */
function channelsOf(request: string): number[] {
  const names = /[?&]items=([^& ]*)/.exec(request)?.[1]?.split(',') ?? []
  const asked = names.flatMap(name => items.get(name) ?? [])
  if (asked.length === 0 || !schedule.isBatched) return asked
  return [batchedReaders++ % schedule.channels]
}

function accept(socket: Socket): void {
  socket.on('error', () => {})
  socket.once('data', request => {
    const channels = channelsOf(String(request))
    socket.write(HEAD)
    socket.resume()
    for (const channel of channels) readers[channel]!.add(socket)
    socket.on('close', () => {
      for (const channel of channels) readers[channel]!.delete(socket)
    })
  })
}

function writeWhatIsDue(): void {
  const us = nowUs()
  let write = schedule.at(nextWrite)
  for (; write.dueUs <= us; write = schedule.at(++nextWrite)) {
    const to = readers[write.channel]!
    const chunk = to.size === 0 ? null : schedule.chunk(write)
    if (chunk === null) continue
    for (const socket of to) socket.write(chunk)
  }
  setTimeout(writeWhatIsDue, (write.dueUs - us) / US_PER_MS)
}

const server = createServer({ noDelay: true }, accept).listen(0, '127.0.0.1')
await once(server, 'listening')
// It ends with whoever started it.
process.stdin.on('end', () => process.exit(0))
process.stdin.once('data', () => {
  process.stdin.resume()
  schedule = new FloorSchedule(workload, nowUs())
  writeWhatIsDue()
})
process.stdout.write(`${JSON.stringify({ clientPort: (server.address() as AddressInfo).port, feedPort: 0 })}\n`)
