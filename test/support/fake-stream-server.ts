/** A server of GET /stream, small: it answers each request as the test says and keeps what was asked. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export class FakeStreamServer {
  readonly url: string
  /** The targets asked for, in order, and the Accept header of the last. */
  readonly targets: string[] = []
  accept = ''
  readonly #server: Server

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  /** Each request gets the next answer; those beyond get the last one. */
  static async listen(answers: readonly Answer[]): Promise<FakeStreamServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const fake = new FakeStreamServer(server, `http://127.0.0.1:${port}`)
    server.on('request', (request, response) => {
      fake.accept = request.headers.accept ?? ''
      fake.targets.push(request.url ?? '')
      const answer = answers[Math.min(fake.targets.length, answers.length) - 1]
      answer?.(request, response)
    })
    return fake
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** A stream of these records, left open or ended behind them. */
export function streams(records: readonly object[], isEnded = false): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    // An empty line is the sign of life of a silent stream.
    response.write(`\n${records.map(record => `${JSON.stringify(record)}\n`).join('')}`)
    if (isEnded) response.end()
  }
}

/** A refusal as the server writes it. */
export function refuses(status: number, code: string): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { code, message: 'refused by the test' } }))
  }
}
