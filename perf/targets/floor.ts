/** What Node can do at best: a loop that writes the same bytes to the same sockets at the same times, and nothing else. */

import { CLIENT_PROTOCOLS } from '#perf/load/client-protocols.ts'
import { startNode } from './peer-node.ts'
import type { Target } from './target.ts'

export const FLOOR: Target = {
  name: 'floor',
  about: 'a bare Node loop that writes the same bytes to the same sockets',
  client: CLIENT_PROTOCOLS['http-stream']!,
  feed: null,
  whyMissing: () => null,
  start: workload => startNode('floor', new URL('./floor-process.ts', import.meta.url), [JSON.stringify(workload)]),
}
