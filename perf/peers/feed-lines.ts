/**
 * What the Node peers have in common: the port that a feed's lines come in by, and telling the harness that they listen.
 * A line is `{"item":"i042","fields":{…}}` and a line feed; nothing of it is parsed but its item, by its place.
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'
const NEWLINE = 0x0a
const QUOTE = 0x22
const ITEM_AT = '{"item":"'.length

/** `line` is a view without the line feed, valid until this returns: whoever keeps it copies it. */
export type TakeLine = (item: string, line: Buffer) => void

/** Listens for a feed on a free port; resolves to the port. */
export function listenForFeed(take: TakeLine): Promise<number> {
  return listen(createServer({ noDelay: true }, socket => readLines(socket, take)))
}

/** On a free port; resolves to the port. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, HOST)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** The one line that the harness waits for. The peer ends with whoever started it: its input ends then. */
export function tellReady(clientPort: number, feedPort: number): void {
  process.stdin.on('end', () => process.exit(0)).resume()
  process.stdout.write(`${JSON.stringify({ clientPort, feedPort })}\n`)
}

/** The names behind `items=` of a request's address. */
export function itemsOfUrl(url: string): string[] {
  return (new URL(url, 'http://peer').searchParams.get('items') ?? '').split(',')
}

function readLines(socket: Socket, take: TakeLine): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const itemEnd = bytes.indexOf(QUOTE, start + ITEM_AT)
      take(bytes.toString('latin1', start + ITEM_AT, itemEnd), bytes.subarray(start, end))
      start = end + 1
    }
    rest = bytes.subarray(start)
  })
}
