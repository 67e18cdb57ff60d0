/** Server-sent events, as three packages read them that know nothing of sessions. */

import test from 'ava'
import { EventSource } from 'eventsource'
import { createEventSource } from 'eventsource-client'
import { EventSource as UndiciEventSource } from 'undici'
import { Arrivals } from '#test/support/arrivals.ts'
import { type ForeignClient, liveThrough, type StartClient } from '#test/support/foreign-client.ts'
import type { SessionRecord } from '#test/support/session-stream.ts'

function urlOf(port: number, target: string): string {
  return `http://127.0.0.1:${port}${target}`
}

/** The interface of browsers. */
interface Source {
  onmessage: ((event: { readonly data: string }) => void) | null
  close(): void
}

function byInterface(name: string, source: Source): ForeignClient {
  const arrivals = new Arrivals<SessionRecord>()
  source.onmessage = ({ data }) => arrivals.push(JSON.parse(data) as SessionRecord)
  return { name, arrivals, close: () => source.close() }
}

const STARTS: readonly StartClient[] = [
  (port, target) => byInterface('eventsource', new EventSource(urlOf(port, target)) as unknown as Source),
  (port, target) => byInterface('undici', new UndiciEventSource(urlOf(port, target)) as unknown as Source),
  (port, target) => {
    const arrivals = new Arrivals<SessionRecord>()
    const client = createEventSource({
      url: urlOf(port, target),
      onMessage: ({ data }) => arrivals.push(JSON.parse(data) as SessionRecord),
    })
    return { name: 'eventsource-client', arrivals, close: () => client.close() }
  },
]

test.serial(
  '[P90] eventsource, eventsource-client and undici receive, resume and survive a restart by themselves',
  async t => {
    await liveThrough(t, STARTS)
  },
)
