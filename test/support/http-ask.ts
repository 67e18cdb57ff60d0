/** Requests as text, read and interpreted: what the tests of routes ask with. */

import { RequestReader } from '#src/codec/http-request.ts'
import { type HttpSettings, interpret, type RequestMessage } from '#src/codec/http-routes.ts'
import { defaultConfig } from '#src/config/config.ts'

/** Narrow limits, so that a test can be beyond them. */
export const HTTP_SETTINGS: HttpSettings = {
  ...defaultConfig,
  sessionItemsMax: 3,
  fieldsMax: 3,
  itemNameBytesMax: 8,
  fieldNameBytesMax: 8,
  maxFrequencyCap: 0,
  maxDelayMsMax: 60_000,
  sessionBandwidthMin: 1_000,
  messageTimeoutMs: 10_000,
  pollWaitMs: 20_000,
  corsOrigin: '*',
  echo: false,
}

const reader = new RequestReader(HTTP_SETTINGS)

export interface Asked {
  /** Beside Host, which is a loopback name unless it stands here, and the length of the body. */
  readonly headers?: readonly string[]
  readonly body?: string
  readonly settings?: Partial<HttpSettings>
  /** Of another machine when false. */
  readonly isLoopback?: boolean
  readonly version?: '1.0' | '1.1'
}

/** What the request of `line`, a method and a target, asks for. */
export function ask(line: string, asked: Asked = {}): RequestMessage {
  const { headers = [], body = '', settings = {}, isLoopback = true, version = '1.1' } = asked
  const host = headers.some(each => each.startsWith('Host:')) ? [] : ['Host: localhost:8080']
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${line} HTTP/${version}`, ...host, ...headers, ...length, '', ''].join('\r\n')
  const result = reader.read(Buffer.from(head + body))
  if (result.kind !== 'request') throw new Error(JSON.stringify(result))
  return interpret(result.request, isLoopback, { ...HTTP_SETTINGS, ...settings })
}
