/** Opens the page's link in a browser: over the shared worker, or over a hub in the page itself. */

import { connect } from '#src/client/index.ts'
import { browserPlatform } from '#src/page/app/platform.ts'
import { countedRuntime } from './counted-runtime.ts'
import { Hub, type Port } from './hub.ts'
import { Link } from './link.ts'
import type { ConnectionView } from './messages.ts'

/** Tabs of an older page, which speak otherwise, have a worker of another name. */
const WORKER_NAME = 'millrace-1'

/** `isOwn`: the tab wants a connection of its own. */
export function openLink(baseUrl: URL, isOwn: boolean, onConnection: (connection: ConnectionView) => void): Link {
  const link = new Link({
    openShared: failed => (isOwn ? null : openShared(failed)),
    openOwn: () => openOwn(baseUrl),
    platform: browserPlatform,
    onConnection,
  })
  addEventListener('pagehide', () => link.leave())
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) link.comeBack()
  })
  return link
}

function openShared(failed: () => void): Port | null {
  if (!('SharedWorker' in globalThis)) return null
  try {
    const worker = new SharedWorker(new URL('./shared-worker.ts', import.meta.url), {
      type: 'module',
      name: WORKER_NAME,
    })
    worker.onerror = failed
    return worker.port
  } catch {
    // Some browsers have the class and refuse to make one, in private windows say.
    return null
  }
}

function openOwn(baseUrl: URL): Port {
  const { port1, port2 } = new MessageChannel()
  const platform = browserPlatform
  new Hub({ connect: options => connect(baseUrl, options), platform, runtime: countedRuntime, isShared: false }).attach(
    port2,
  )
  return port1
}
