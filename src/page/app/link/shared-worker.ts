/** The shared worker: the hub of all tabs. Each tab's port comes with a `connect` event. */

import { connect } from '#src/client/index.ts'
import { browserPlatform } from '#src/page/app/platform.ts'
import { countedRuntime } from './counted-runtime.ts'
import { Hub, type Port } from './hub.ts'

interface ConnectEvent {
  readonly ports: readonly Port[]
}

const baseUrl = new URL('../../../', import.meta.url)
const hub = new Hub({
  connect: options => connect(baseUrl, options),
  platform: browserPlatform,
  runtime: countedRuntime,
  isShared: true,
})
const scope = globalThis as unknown as { onconnect: (event: ConnectEvent) => void }
scope.onconnect = ({ ports }) => {
  for (const port of ports) hub.attach(port)
}
