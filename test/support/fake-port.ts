/** Two ends of a channel of messages that arrive at once, copied as a browser copies them. */

import type { Port } from '#src/page/app/link/hub.ts'

class End implements Port {
  onmessage: Port['onmessage'] = null
  other: End | null = null
  /** The other end has gone, as a closed tab has. */
  isDead = false

  postMessage(message: unknown): void {
    const { other } = this
    if (!this.isDead && other !== null && !other.isDead) other.onmessage?.({ data: structuredClone(message) })
  }
}

export function portPair(): [End, End] {
  const [one, two] = [new End(), new End()]
  one.other = two
  two.other = one
  return [one, two]
}
