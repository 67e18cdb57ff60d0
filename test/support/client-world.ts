/** The client library against the fake server in virtual time, over a network on which much goes wrong, by a seed. */

import { MillraceClient } from '#src/client/client.ts'
import { baseUrlOf, settingsOf } from '#src/client/options.ts'
import { openPoll } from '#src/client/transports/poll.ts'
import { openSse } from '#src/client/transports/sse.ts'
import { openWebSocket } from '#src/client/transports/websocket.ts'
import { FakeRuntime } from './fake-runtime.ts'
import { FakeSessions } from './fake-sessions.ts'
import { Random } from './random.ts'
import { VirtualNetwork } from './virtual-network.ts'

const FAULTS = { refused: 0.3, buffered: 0.3, cut: 0.6, hung: 0.3, lost: 0.2 }

export class ClientWorld {
  readonly random: Random
  readonly runtime = new FakeRuntime()
  readonly model: FakeSessions
  readonly network: VirtualNetwork
  readonly client: MillraceClient
  /** What must never be. */
  readonly faults: string[] = []

  constructor(seed: number) {
    const { runtime } = this
    this.random = new Random(seed)
    runtime.draw = () => this.random.int(1_000_000) / 1_000_000
    this.model = new FakeSessions({ keepaliveMs: 800, resumeMs: 60_000 }, call => void runtime.setTimer(call, 0))
    this.network = new VirtualNetwork(runtime, this.model, this.random, FAULTS)
    runtime.fetch = this.network.fetch
    runtime.WebSocket = this.network.WebSocket
    const options = {
      runtime,
      transportTimeoutMs: 200,
      betterTransportMs: 2_000,
      keepaliveSlackMs: 400,
      ackMs: 300,
      answerMs: 500,
      reconnect: { minMs: 20, maxMs: 200, stableMs: 500 },
    }
    const transports = { websocket: openWebSocket, sse: openSse, poll: openPoll }
    this.client = new MillraceClient(baseUrlOf('http://server.test'), settingsOf(options), transports)
    this.client.on('error', ({ code, message }) => {
      if (code === 'HANDLER_FAILED' || code === 'RECORD_INVALID') this.faults.push(`${code} ${message}`)
    })
  }

  async close(): Promise<void> {
    const closed = this.client.close()
    await this.runtime.advance(3_000)
    await closed
  }
}
