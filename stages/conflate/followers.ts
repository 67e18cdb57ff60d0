/**
 * Who follows which beginnings of names. A name is looked up by its own beginnings, so what it costs follows the length of
 * the name and not the number of prefixes.
 */

import type { Session } from '#src/domain/session.ts'
import type { Subscription } from '#src/domain/subscription.ts'

export interface Follower {
  readonly session: Session
  readonly subscription: Subscription
}

export class Followers {
  readonly #byPrefix = new Map<string, Follower[]>()
  readonly #onFollowed: (prefix: string, isFollowed: boolean) => void

  /** `onFollowed` is told of each prefix that gets its first follower, or loses its last one. */
  constructor(onFollowed: (prefix: string, isFollowed: boolean) => void) {
    this.#onFollowed = onFollowed
  }

  add(prefix: string, session: Session, subscription: Subscription): void {
    const followers = this.#byPrefix.get(prefix)
    if (followers !== undefined) {
      followers.push({ session, subscription })
      return
    }
    this.#byPrefix.set(prefix, [{ session, subscription }])
    this.#onFollowed(prefix, true)
  }

  remove(prefix: string, session: Session, subscription: Subscription): void {
    const followers = this.#byPrefix.get(prefix)
    if (followers === undefined) return
    const at = followers.findIndex(each => each.session === session && each.subscription === subscription)
    if (at >= 0) followers.splice(at, 1)
    if (followers.length > 0) return
    this.#byPrefix.delete(prefix)
    this.#onFollowed(prefix, false)
  }

  /** All who follow a beginning of `name`, in an array of their own; one who follows two of them stands there twice. */
  of(name: string): Follower[] {
    const found: Follower[] = []
    if (this.#byPrefix.size === 0) return found
    for (let length = 0; length <= name.length; length++) {
      const followers = this.#byPrefix.get(name.slice(0, length))
      if (followers !== undefined) found.push(...followers)
    }
    return found
  }
}
