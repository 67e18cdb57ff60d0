/**
 * uWebSockets.js with a topic for each item: its own publish and subscribe, which sends what has piled up for a socket in
 * one write, is what its author says to use for this
 * (https://github.com/uNetworking/uWebSockets/blob/master/misc/READMORE.md). No compression, no timeouts, no pings. A
 * reader with more than `maxBackpressure` (64 KB, its default) waiting misses messages, silently.
 *
 * The package is a republication of the project's binaries, which it does not put on npm itself. They load where the C
 * library is new enough: whoever starts this has tried.
 */

import { App, DISABLED, us_socket_local_port } from '@btc-vision/uwebsockets.js'
import { itemsOfUrl, listenForFeed, tellReady } from './feed-lines.ts'

interface Reader {
  readonly items: readonly string[]
}

const app = App()

app.ws<Reader>('/*', {
  compression: DISABLED,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  upgrade: (response, request, context) => {
    response.upgrade(
      { items: itemsOfUrl(`/?${request.getQuery()}`) },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    )
  },
  open: socket => {
    for (const item of socket.getUserData().items) socket.subscribe(item)
  },
})

function broadcast(item: string, line: Buffer): void {
  app.publish(item, line)
}

function listenForClients(): Promise<number> {
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, listening => {
      if (listening === false) reject(new Error('it cannot listen'))
      else resolve(us_socket_local_port(listening))
    })
  })
}

tellReady(await listenForClients(), await listenForFeed(broadcast))
