/**
 * Server-sent events as tutorials write them: `node:http`, one `response.write` of a string for each subscriber. It is what
 * somebody has who uses no library, and takes no setting.
 */

import { createServer, type ServerResponse } from 'node:http'
import { itemsOfUrl, listen, listenForFeed, tellReady } from './feed-lines.ts'
import { Subscribers } from './subscribers.ts'

const HEAD = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }

const subscribers = new Subscribers<ServerResponse>()
const server = createServer((request, response) => {
  const items = itemsOfUrl(request.url!)
  subscribers.add(items, response)
  response.on('close', () => subscribers.remove(items, response))
  response.writeHead(200, HEAD).flushHeaders()
})

function broadcast(item: string, line: Buffer): void {
  const text = line.toString()
  for (const response of subscribers.of(item) ?? []) response.write(`data: ${text}\n\n`)
}

tellReady(await listen(server), await listenForFeed(broadcast))
