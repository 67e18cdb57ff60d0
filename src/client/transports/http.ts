/**
 * What the transports over HTTP share: how requests are posted, how a refusal reads, and the requests of a session that
 * travel apart from its stream.
 *
 * Every request is a POST with a body of plain text and no header that browsers ask about first (CORS): no proxy keeps its
 * answer, and it takes one round trip. Browsers repeat a POST by themselves when a connection that they reuse breaks under
 * it: positions and the numbers of requests make that harmless.
 */

import {
  type Fetch,
  type FetchResponse,
  lost,
  type StreamEnd,
  type StreamRequest,
  type StreamSink,
  urlOf,
} from './transport.ts'

export interface PostOptions {
  readonly accept: string
  readonly signal?: AbortSignal
  readonly keepalive?: boolean
}

export function post(fetch: Fetch, url: string, body: string, options: PostOptions): Promise<FetchResponse> {
  const { accept, ...rest } = options
  return fetch(url, { method: 'POST', headers: { accept }, body, cache: 'no-store', ...rest })
}

const SECONDS_EXP = /^\d{1,6}$/

/** What an answer that is no success says. It may be a proxy's. */
export async function refusalOf(response: FetchResponse): Promise<StreamEnd> {
  const after = response.headers.get('retry-after') ?? ''
  const retryMs = SECONDS_EXP.test(after) ? Number(after) * 1000 : null
  const { status } = response
  const { code, message } = errorIn(await response.text().catch(() => ''))
  return { code: code ?? 'TRANSPORT_FAILED', message: message ?? `HTTP ${status}`, status, retryMs }
}

function errorIn(text: string): { code?: string; message?: string } {
  try {
    const { code, message }: Record<string, unknown> = JSON.parse(text).error
    return typeof code === 'string' ? { code, message: String(message) } : {}
  } catch {
    return {}
  }
}

/** A failure of the platform, e.g. a connection that was refused. */
export function failureOf(error: unknown, code: 'CONNECTION_LOST' | 'TRANSPORT_FAILED'): StreamEnd {
  return lost(code, error instanceof Error ? error.message : String(error))
}

/** POST /control, one at a time; who sends while one is on its way gives that up. */
export class Control {
  readonly #fetch: Fetch
  readonly #request: StreamRequest
  readonly #sink: StreamSink
  /** The post on its way. */
  #posting: AbortController | null = null

  constructor(fetch: Fetch, request: StreamRequest, sink: StreamSink) {
    this.#fetch = fetch
    this.#request = request
    this.#sink = sink
  }

  get isBusy(): boolean {
    return this.#posting !== null
  }

  send(lines: string, isLast: boolean): void {
    this.close()
    if (isLast) {
      // A page that is left ends its session so. Nobody is there to be told of a failure, and the session ends by itself.
      this.#post(lines, { keepalive: true }).catch(() => {})
    } else {
      void this.#exchange(lines)
    }
  }

  close(): void {
    this.#posting?.abort()
    this.#posting = null
  }

  async #exchange(lines: string): Promise<void> {
    const posting = new AbortController()
    this.#posting = posting
    let failure: StreamEnd | null = null
    let answers = ''
    try {
      const response = await this.#post(lines, { signal: posting.signal })
      if (response.ok) answers = await response.text()
      else failure = await refusalOf(response)
    } catch (error) {
      failure = failureOf(error, 'CONNECTION_LOST')
    }
    if (this.#posting !== posting) return
    for (const line of answers.split('\n').filter(text => text !== '')) {
      this.#sink.record(line)
      // A record may have ended the stream.
      if (this.#posting !== posting) return
    }
    this.#posting = null
    this.#sink.sent(failure)
  }

  #post(lines: string, options: Omit<PostOptions, 'accept'>): Promise<FetchResponse> {
    const query = `session=${encodeURIComponent(this.#request.session())}`
    const url = urlOf(this.#request.baseUrl, '/control', query)
    return post(this.#fetch, url, lines, { accept: 'application/x-ndjson', ...options })
  }
}
