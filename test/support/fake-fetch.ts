/** A fetch whose requests wait until a test answers them. */

import type { Fetch, FetchInit, FetchResponse } from '#src/client/transports/transport.ts'
import { settle } from './fake-runtime.ts'

const encoder = new TextEncoder()

export class FakeExchange {
  readonly url: string
  readonly init: FetchInit
  readonly #resolve: (response: FetchResponse) => void
  readonly #reject: (error: Error) => void
  #read: { resolve: (part: { done: boolean; value?: Uint8Array }) => void; reject: (error: Error) => void } | null =
    null

  constructor(
    url: string,
    init: FetchInit,
    resolve: (response: FetchResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.url = url
    this.init = init
    this.#resolve = resolve
    this.#reject = reject
    init.signal?.addEventListener('abort', () => this.fail('aborted'))
  }

  get isAborted(): boolean {
    return this.init.signal?.aborted === true
  }

  answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const all = new Map(Object.entries({ 'content-type': 'application/x-ndjson', ...headers }))
    const body = { getReader: () => ({ read: () => this.#nextRead() }) }
    const isStream = text === 'stream'
    this.#resolve({
      ok: status === 200,
      status,
      headers: { get: name => all.get(name) ?? null },
      body: isStream ? body : null,
      text: () => Promise.resolve(text),
    })
    return settle()
  }

  /** The head of an event stream. */
  stream(): Promise<void> {
    return this.answer(200, 'stream', { 'content-type': 'text/event-stream; charset=utf-8' })
  }

  push(piece: string | Uint8Array): Promise<void> {
    this.#read?.resolve({ done: false, value: typeof piece === 'string' ? encoder.encode(piece) : piece })
    return settle()
  }

  end(): Promise<void> {
    this.#read?.resolve({ done: true })
    return settle()
  }

  fail(message: string): Promise<void> {
    const error = new Error(message)
    this.#reject(error)
    this.#read?.reject(error)
    return settle()
  }

  #nextRead(): Promise<{ done: boolean; value?: Uint8Array }> {
    return new Promise((resolve, reject) => {
      this.#read = { resolve, reject }
    })
  }
}

export class FakeFetch {
  readonly exchanges: FakeExchange[] = []

  readonly fetch: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      this.exchanges.push(new FakeExchange(url, init, resolve, reject))
    })

  get last(): FakeExchange {
    return this.exchanges.at(-1)!
  }
}
