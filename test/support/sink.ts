/** What a transport of the client library hands up, as lines. */

import type { StreamEnd, StreamRequest, StreamSink } from '#src/client/transports/transport.ts'

export class RecordingSink implements StreamSink {
  readonly calls: string[] = []
  /** Called behind each record, for tests that do something then. */
  onRecord: (line: string) => void = () => {}

  heard(): void {
    this.calls.push('heard')
  }

  record(line: string): void {
    this.calls.push(`record ${line}`)
    this.onRecord(line)
  }

  flushed(position: number): void {
    this.calls.push(`flushed ${position}`)
  }

  sent(failure: StreamEnd | null): void {
    this.calls.push(failure === null ? 'sent' : `not sent ${endText(failure)}`)
  }

  ended(end: StreamEnd): void {
    this.calls.push(`ended ${endText(end)}`)
  }

  /** All since the last time. */
  take(): string[] {
    return this.calls.splice(0)
  }
}

function endText({ code, status, retryMs }: StreamEnd): string {
  return `${code} ${status}${retryMs === null ? '' : ` ${retryMs}`}`
}

/** An opening with these parameters and lines, of a session called S. */
export function streamRequest(
  query = '',
  lines = '',
  pollQuery: () => string = () => 'session=S&position=0',
): StreamRequest {
  return { baseUrl: 'http://server.test/base', query, lines, session: () => 'S', pollQuery, waitMs: () => 15_000 }
}
