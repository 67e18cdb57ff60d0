/**
 * Socket.IO with a room for each item, set as its documentation says for speed
 * (https://socket.io/docs/v4/performance-tuning/): websocket only, no compression, the request not kept. Its native
 * add-ons are not used.
 *
 * The payload is an object: JSON in JSON (a string) would escape the quotes, binary would take two frames for each
 * update (https://socket.io/docs/v4/performance-tuning/#use-a-custom-parser), and only a packet that is one text frame is
 * framed once for a whole room, by the adapter. What it was parsed from is what is sent: keys keep their order.
 */

import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { itemsOfUrl, listen, listenForFeed, tellReady } from './feed-lines.ts'

/** Longer than any run: what is measured is updates, and the clients of the harness answer no pings. */
const NO_PING_MS = 86_400_000

const server = createServer()
const io = new Server(server, {
  transports: ['websocket'],
  allowUpgrades: false,
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: NO_PING_MS,
  pingTimeout: NO_PING_MS,
})

io.on('connection', socket => {
  socket.join(itemsOfUrl(socket.request.url!))
  Object.assign(socket.conn, { request: null })
})

function broadcast(item: string, line: Buffer): void {
  io.to(item).emit('update', JSON.parse(line.toString()))
}

tellReady(await listen(server), await listenForFeed(broadcast))
