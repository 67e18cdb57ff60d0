/**
 * `ws`, as its maintainer says that a broadcast is fastest: framed once by `WebSocket.Sender.frame()`, and the same bytes
 * written to each socket (https://github.com/websockets/ws/issues/617#issuecomment-283002469). The raw sockets are those
 * that `upgrade` hands out. permessage-deflate is off, as it is by default and advised for speed
 * (https://github.com/websockets/ws#websocket-compression); bufferutil only serves masked frames, and servers send none.
 */

import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { Sender, WebSocketServer } from 'ws'
import { itemsOfUrl, listen, listenForFeed, tellReady } from './feed-lines.ts'
import { Subscribers } from './subscribers.ts'

const TEXT = 1
const FRAME_OPTIONS = { fin: true, opcode: TEXT, mask: false, readOnly: false, rsv1: false }

const subscribers = new Subscribers<Duplex>()
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false })
const server = createServer()

server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, webSocket => {
    const items = itemsOfUrl(request.url!)
    subscribers.add(items, socket)
    webSocket.on('error', () => {})
    webSocket.on('close', () => subscribers.remove(items, socket))
  })
})

function broadcast(item: string, line: Buffer): void {
  const readers = subscribers.of(item)
  if (readers === undefined) return
  // One buffer, so that each socket has one thing to write.
  const frame = Buffer.concat(Sender.frame(line, FRAME_OPTIONS))
  for (const socket of readers) socket.write(frame)
}

tellReady(await listen(server), await listenForFeed(broadcast))
