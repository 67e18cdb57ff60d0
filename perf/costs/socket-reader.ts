/**
 * A process that reads from many sockets into one buffer and only counts, so that it costs as little as reading can. It
 * knows what is to come and tells when the last byte of it has; it fails when a socket got more or less than was said.
 */

import { connect, type Socket } from 'node:net'
import { nowUs, readStamp, STAMP_DIGITS } from '#perf/load/stamp.ts'
import { obeyOrders } from './helper-process.ts'
import type { ReaderAnswer, ReaderOrder } from './socket-orders.ts'

type Expectation = Extract<ReaderOrder, { do: 'expect' }>

const BUFFER_BYTES = 1 << 16
const CONNECTS_AT_ONCE = 200
const NO_STAMPS = new Float64Array(0)
const NOTHING: ReaderAnswer = { latenciesUs: NO_STAMPS }

const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
const sockets: Socket[] = []
/** By socket, since its connection was made. */
let received = new Float64Array(0)
let receivedTotal = 0
let expected = new Float64Array(0)
let expectedTotal = 0
/** Length of a message that begins with a stamp; 0: messages have none. */
let stampEvery = 0
let latenciesUs = NO_STAMPS
let stampCount = 0
let onArrived: ((failure: Error | null) => void) | null = null

obeyOrders<ReaderOrder, ReaderAnswer>(async order => {
  switch (order.do) {
    case 'connect':
      await connectAll(order.port, order.sockets, order.localAddress)
      return NOTHING
    case 'expect':
      expect(order)
      return NOTHING
    case 'read':
      await allArrived()
      return { latenciesUs: latenciesUs.subarray(0, stampCount) }
    case 'leave':
      for (const socket of sockets) socket.resetAndDestroy()
      return NOTHING
  }
})

async function connectAll(port: number, count: number, localAddress: string): Promise<void> {
  const first = sockets.length
  received = grown(received, first + count)
  expected = grown(expected, first + count)
  for (let made = 0; made < count; made += CONNECTS_AT_ONCE) {
    const batch = Math.min(CONNECTS_AT_ONCE, count - made)
    const opened = Array.from({ length: batch }, (_, i) => open(port, localAddress, first + made + i))
    sockets.push(...(await Promise.all(opened)))
  }
}

function grown(counts: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(length)
  longer.set(counts)
  return longer
}

function open(port: number, localAddress: string, index: number): Promise<Socket> {
  const callback = (length: number) => count(index, length)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress, onread: { buffer, callback } })
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket))
  })
}

function expect(order: Expectation): void {
  stampEvery = order.stampEvery
  stampCount = 0
  latenciesUs = stampEvery === 0 ? NO_STAMPS : new Float64Array((order.sockets * order.bytes) / stampEvery)
  for (let i = 0; i < order.sockets; i++) expected[i]! += order.bytes
  expectedTotal += order.sockets * order.bytes
}

function allArrived(): Promise<void> {
  return new Promise((resolve, reject) => {
    onArrived = failure => {
      onArrived = null
      if (failure === null) resolve()
      else reject(failure)
    }
    lookWhetherAllArrived()
  })
}

function count(index: number, length: number): boolean {
  if (stampEvery > 0) takeStamps((expected[index]! - received[index]!) % stampEvery, length)
  received[index]! += length
  receivedTotal += length
  if (receivedTotal >= expectedTotal) lookWhetherAllArrived()
  return true
}

/** `head` is where the next message begins: behind what is left of one. A stamp that two reads share is not taken. */
function takeStamps(head: number, length: number): void {
  const us = nowUs()
  for (let at = head; at + STAMP_DIGITS <= length; at += stampEvery) {
    latenciesUs[stampCount++] = us - readStamp(buffer, at)
  }
}

function lookWhetherAllArrived(): void {
  if (onArrived === null || receivedTotal < expectedTotal) return
  const wrong = received.findIndex((bytes, i) => bytes !== expected[i])
  onArrived(wrong < 0 ? null : new Error(`socket ${wrong} read ${received[wrong]} B of ${expected[wrong]} B`))
}
