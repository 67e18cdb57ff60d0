/**
 * What a session may have at most: subscriptions, beginnings of names, items, text of filters, rows of tables. Each of them
 * costs memory, or time with each update, whatever the client takes; a subscription that is beyond one is refused whole.
 */

import type { Interests } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import type { Session } from '#src/domain/session.ts'
import type { SubscriptionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'

export interface SessionRoomSettings {
  readonly subscriptionsMax: number
  readonly sessionItemsMax: number
  readonly sessionFilterLengthMax: number
  readonly sessionRowsMax: number
}

export interface SubscriberError {
  readonly code: ClientErrorCode
  readonly message: string
}

/** Beginnings of names that a session may follow. */
const PREFIXES_MAX = 64

export class SessionRoom {
  readonly #settings: SessionRoomSettings
  readonly #interests: Interests

  constructor(settings: SessionRoomSettings, interests: Interests) {
    this.#settings = settings
    this.#interests = interests
  }

  /** Why there is no room for a subscription that begins with `itemCount` items; null when there is. */
  hindrance(
    { subscriptions, count }: Session,
    request: SubscriptionRequest,
    itemCount: number,
  ): SubscriberError | null {
    const { subscriptionsMax, sessionFilterLengthMax } = this.#settings
    if (subscriptions.length >= subscriptionsMax) {
      return { code: 'SUBSCRIPTIONS_TOO_MANY', message: `a session has at most ${subscriptionsMax}` }
    }
    const prefixCount = subscriptions.reduce((sum, { prefixes }) => sum + prefixes.length, request.prefixes.length)
    if (prefixCount > PREFIXES_MAX) {
      return { code: 'ITEMS_TOO_MANY', message: `a session follows at most ${PREFIXES_MAX} beginnings of names` }
    }
    const filterLength = subscriptions.reduce(
      (sum, { filterKey }) => sum + lengthOf(filterKey),
      lengthOf(request.filter),
    )
    if (request.filter !== null && filterLength > sessionFilterLengthMax) {
      const message = `all filters of a session have at most ${sessionFilterLengthMax} characters`
      return { code: 'FILTERS_TOO_LONG', message }
    }
    return this.hasItems(count + itemCount)
  }

  /** Whether a session may have so many items: null, or why not. */
  hasItems(count: number): SubscriberError | null {
    const { sessionItemsMax } = this.#settings
    if (count <= sessionItemsMax) return null
    return { code: 'ITEMS_TOO_MANY', message: `a session has at most ${sessionItemsMax} items` }
  }

  /** The same of the rows of tables, as many as they have now. */
  hasRows(session: Session, tables: readonly Item[]): SubscriberError | null {
    const { sessionRowsMax } = this.#settings
    const { views } = this.#interests
    let rows = 0
    for (const { table } of tables) rows += table?.count ?? 0
    for (let interest = session.first; rows > 0 && interest < session.end; interest++) {
      const { mode, item } = views[interest]!
      if (mode === 'command') rows += item.table!.count
    }
    if (rows <= sessionRowsMax) return null
    return { code: 'ROWS_TOO_MANY', message: `the tables of a session begin with at most ${sessionRowsMax} rows` }
  }
}

function lengthOf(filterKey: string | null): number {
  return filterKey?.length ?? 0
}
