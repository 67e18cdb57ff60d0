/**
 * What a thread of any pool is started with: it builds its part, follows main's orders, and ends when it is told to stop.
 * One long-lived task a thread.
 */

import type { MessagePort } from 'node:worker_threads'
import { type PortPlace, Thread, type ThreadTask } from './thread.ts'

export type ThreadOrder =
  | { readonly kind: 'listen'; readonly http: PortPlace; readonly feed: PortPlace }
  | { readonly kind: 'drain' }
  | { readonly kind: 'endSessions' }
  | { readonly kind: 'closeConnections'; readonly ms: number }
  | { readonly kind: 'stop' }

export interface OrderMessage {
  readonly id: number
  readonly order: ThreadOrder
}

export interface OrderReply {
  readonly id: number
  readonly error?: { readonly code: string; readonly message: string }
}

export default function run({ task, orders }: { task: ThreadTask; orders: MessagePort }): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = new Thread(task, error => {
      orders.close()
      reject(error)
    })
    orders.on('message', ({ id, order }: OrderMessage) => {
      follow(thread, order).then(
        () => {
          orders.postMessage({ id } satisfies OrderReply)
          if (order.kind === 'stop') {
            orders.close()
            resolve()
          }
        },
        (error: Error & { code?: string }) => {
          const { code = 'LISTEN_FAILED', message } = error
          orders.postMessage({ id, error: { code, message } } satisfies OrderReply)
        },
      )
    })
  })
}

async function follow(thread: Thread, order: ThreadOrder): Promise<void> {
  switch (order.kind) {
    case 'listen':
      await thread.listen(order.http, order.feed)
      return
    case 'drain':
      return thread.drain()
    case 'endSessions':
      return thread.endSessions()
    case 'closeConnections':
      return thread.closeConnections(order.ms)
    case 'stop':
      return thread.stop()
  }
}
