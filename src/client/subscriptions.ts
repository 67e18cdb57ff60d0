/** The subscriptions of a client, by id, and what a flush brings them. */

import { MillraceError } from './errors.ts'
import type { FlushRecord } from './records.ts'
import type { Request } from './requests.ts'
import type { ClientSubscription } from './subscription.ts'

export class SubscriptionTable {
  readonly #byId = new Map<number, ClientSubscription>()

  add(subscription: ClientSubscription): void {
    this.#byId.set(subscription.id, subscription)
  }

  delete(id: number): void {
    this.#byId.delete(id)
  }

  /** What a new session is to be asked for. */
  renewals(): Request[] {
    return [...this.#byId.values()].flatMap(subscription => subscription.renewals())
  }

  /** The session is a new one, which has none of these yet. */
  sessionIsNew(): void {
    for (const subscription of [...this.#byId.values()]) subscription.reset(false)
  }

  /**
   * The session goes on, but begins its items anew. `ids` are the subscriptions that it has, undefined: those that it had;
   * what it should have and has not has ended unheard.
   */
  sessionBeginsAnew(ids: readonly number[] | undefined): void {
    for (const subscription of [...this.#byId.values()]) {
      const isThere = ids === undefined ? subscription.isLive : ids.includes(subscription.id)
      subscription.reset(isThere)
      if (ids !== undefined && !isThere && subscription.isSettled) {
        subscription.end(new MillraceError('SUBSCRIPTION_UNKNOWN', 'it ended while there was no connection'))
      }
    }
  }

  /** A whole flush, in order. What its callbacks end hears nothing of the rest. */
  take(records: readonly FlushRecord[]): void {
    const touched = new Set<ClientSubscription>()
    for (const record of records) {
      if ('item' in record) {
        const subscription = this.#byId.get(record.sub ?? 0)
        if (subscription === undefined) continue
        touched.add(subscription)
        subscription.take(record)
      } else {
        this.#takeEvent(record)
      }
    }
    for (const subscription of touched) subscription.flushed()
  }

  /** None goes on. */
  end(error: MillraceError | null): void {
    for (const subscription of [...this.#byId.values()]) subscription.end(error)
  }

  /** Pauses, resumptions and limits are known from the answers to who asked for them. */
  #takeEvent(record: Exclude<FlushRecord, { readonly item: string }>): void {
    if ('subscribed' in record) this.#byId.get(record.subscribed)?.subscribed(record)
    else if ('changed' in record) this.#byId.get(record.changed)?.changed(record)
    else if ('unsubscribed' in record) this.#byId.get(record.unsubscribed)?.unsubscribed(record)
  }
}
