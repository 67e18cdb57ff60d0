/** Requests of a session by POST /control, each on a connection of its own. */

import type { TestServer } from './server.ts'
import { linesOf, type SessionRecord } from './session-stream.ts'

export interface ControlAnswer {
  readonly status: number
  readonly records: readonly SessionRecord[]
}

/** Posts requests; the lines of the answer, or the one object of a refusal. */
export async function post(server: TestServer, session: string, requests: readonly object[]): Promise<ControlAnswer> {
  const connection = server.connection()
  const { status, body } = await connection.ask('POST', `/control?session=${session}`, [], linesOf(requests))
  connection.destroy()
  const lines = body.split('\n').filter(line => line !== '')
  return { status, records: lines.map(line => JSON.parse(line) as SessionRecord) }
}

/** Posts requests that are to be answered. */
export async function control(
  server: TestServer,
  session: string,
  ...requests: readonly object[]
): Promise<readonly SessionRecord[]> {
  const { status, records } = await post(server, session, requests)
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(records)}`)
  return records
}
