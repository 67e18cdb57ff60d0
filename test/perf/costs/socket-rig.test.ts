import test from 'ava'
import { HelperProcess } from '#perf/costs/helper-process.ts'
import type { ReaderAnswer, ReaderOrder, WriterAnswer, WriterOrder } from '#perf/costs/socket-orders.ts'
import { SocketRig } from '#perf/costs/socket-rig.ts'

const startWriter = () =>
  new HelperProcess<WriterOrder, WriterAnswer>(new URL('../../../perf/costs/socket-writer.ts', import.meta.url))
const startReader = () =>
  new HelperProcess<ReaderOrder, ReaderAnswer>(new URL('../../../perf/costs/socket-reader.ts', import.meta.url))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('[PC3] every message of a paced loop is read with its stamp, also behind writes of other lengths', async t => {
  const rig = new SocketRig({ sockets: 7, socketsPerReader: 3, settleMs: 0 })
  try {
    t.true(Number.isFinite(await rig.connect()))
    t.is((await rig.write(5, 61, 3)).waiting, 0)
    const seven = await rig.pace(7, 100, 4, 5)
    t.is(seven.latenciesUs.length, 28)
    const four = await rig.pace(4, 700, 3, 5)
    t.is(four.latenciesUs.length, 12)
    // A stamp read from the wrong place is off by years.
    for (const us of [...seven.latenciesUs, ...four.latenciesUs]) t.true(Math.abs(us) < 30e6, `${us}`)
  } finally {
    await rig.close()
  }
})

test('[PC4] bytes that come to the wrong socket, or too many, fail the reading', async t => {
  const writer = startWriter()
  const reader = startReader()
  try {
    const { port } = await writer.ask({ do: 'listen' })
    await reader.ask({ do: 'connect', port, sockets: 2, localAddress: '127.0.0.1' })
    await writer.ask({ do: 'accept', sockets: 2 })
    await reader.ask({ do: 'expect', sockets: 1, bytes: 20, stampEvery: 0 })
    await writer.ask({ do: 'write', sockets: 2, bytes: 10 })
    await t.throwsAsync(reader.ask({ do: 'read' }), { message: /socket 0 read 10 B of 20 B/ })
  } finally {
    await Promise.all([writer.stop(), reader.stop()])
  }
})

test('[PC5] an order that is not answered in time, or to a process that has ended, fails', async t => {
  const writer = startWriter()
  try {
    await t.throwsAsync(writer.ask({ do: 'accept', sockets: 1 }, 20), { message: /did not answer in 20 ms/ })
    const pid = writer.pid!
    t.true(isAlive(pid))
    const ended = t.throwsAsync(writer.ask({ do: 'accept', sockets: 1 }), { message: /ended/ })
    await writer.stop()
    await ended
    t.false(isAlive(pid))
    await t.throwsAsync(writer.ask({ do: 'listen' }), { message: /had ended/ })
  } finally {
    await writer.stop()
  }
})
