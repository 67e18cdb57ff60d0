/**
 * The process whose writes are measured: it accepts connections, writes one shared buffer to them, and has nothing else
 * in its loop. What a round costs is taken from its first write until Node has seen to all of them (setImmediate):
 * callbacks of writes run after the caller has returned.
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import { nowUs, writeStamp } from '#perf/load/stamp.ts'
import { obeyOrders } from './helper-process.ts'
import type { WriterAnswer, WriterOrder } from './socket-orders.ts'

const BACKLOG = 4_096
const LOOK_MS = 5
const US_PER_MS = 1_000

const NOTHING: WriterAnswer = { port: 0, residentBytes: 0, userUs: 0, systemUs: 0, wallUs: 0, waiting: 0, lateTicks: 0 }
const sockets: Socket[] = []
// As the server's listener makes them.
const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, socket => {
  socket.on('data', ignore).on('error', ignore)
  sockets.push(socket)
})

function ignore(): void {}

obeyOrders<WriterOrder, WriterAnswer>(order => {
  switch (order.do) {
    case 'listen':
      return listen()
    case 'accept':
      return accept(order.sockets)
    case 'write':
      return write(sockets.slice(0, order.sockets), Buffer.alloc(order.bytes, 'x'))
    case 'pace':
      return pace(sockets.slice(0, order.sockets), order.bytes, order.ticks, order.intervalMs)
  }
})

async function listen(): Promise<WriterAnswer> {
  server.listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG })
  await once(server, 'listening')
  return { ...NOTHING, port: (server.address() as AddressInfo).port }
}

async function accept(count: number): Promise<WriterAnswer> {
  while (sockets.length < count) await pause(LOOK_MS)
  return { ...NOTHING, residentBytes: process.memoryUsage.rss() }
}

async function write(to: readonly Socket[], bytes: Buffer): Promise<WriterAnswer> {
  return measure(async () => {
    for (const socket of to) socket.write(bytes)
    await immediate()
    return { waiting: countWaiting(to), lateTicks: 0 }
  })
}

/** The ticks lie on a grid: one that begins late does not put off the others. */
async function pace(to: readonly Socket[], length: number, ticks: number, intervalMs: number): Promise<WriterAnswer> {
  const bytes = Buffer.alloc(length, 'x')
  return measure(async () => {
    const startMs = performance.now()
    let waiting = 0
    let lateTicks = 0
    for (let tick = 0; tick < ticks; tick++) {
      const dueMs = startMs + tick * intervalMs
      const earlyMs = dueMs - performance.now()
      if (earlyMs > 0) await pause(earlyMs)
      else if (earlyMs <= -intervalMs) lateTicks++
      // The buffer is shared by the writes of a tick, and the kernel has taken the last tick's: see `waiting`.
      writeStamp(bytes, 0, nowUs())
      for (const socket of to) socket.write(bytes)
      await immediate()
      waiting += countWaiting(to)
    }
    return { waiting, lateTicks }
  })
}

async function measure(work: () => Promise<{ waiting: number; lateTicks: number }>): Promise<WriterAnswer> {
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  const { waiting, lateTicks } = await work()
  const { user, system } = process.cpuUsage(startCpu)
  const wallUs = (performance.now() - startMs) * US_PER_MS
  return { ...NOTHING, userUs: user, systemUs: system, wallUs, waiting, lateTicks }
}

/** Costs little beside the writes: 10 ns a socket. */
function countWaiting(of: readonly Socket[]): number {
  let count = 0
  for (const socket of of) if (socket.writableLength > 0) count++
  return count
}
