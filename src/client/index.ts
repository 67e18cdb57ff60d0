/**
 * The client library of Millrace, exported as `millrace/client`: for browsers and Node, without a dependency.
 *
 *   const client = connect('https://example.com')
 *   client.on('state', ({ state, transport }) => show(state, transport))
 *   const quotes = client.subscribe({ items: ['quote.*'], fields: ['bid', 'ask'], maxFrequency: 5 }, {
 *     onItem: (item, update) => paint(item.name, item.fields, update.changed),
 *   })
 *   await quotes.change({ maxFrequency: 1 })
 *   const receipt = await client.send('orders', { buy: 'EURUSD' }, { timeoutMs: 2_000 })
 *   await client.close()
 *
 * docs/protocol.md is what it speaks. It falls from WebSocket to Server-Sent Events to long polling, comes back after a
 * break, resumes where it was, and tells when it could not.
 */

export { type Client, connect } from './client.ts'
export type { Listener } from './emitter.ts'
export { type ErrorCode, type LibraryErrorCode, MillraceError } from './errors.ts'
export type {
  ClientEvents,
  ClientState,
  ClosingEvent,
  LostEvent,
  RecoveredEvent,
  StateEvent,
  WelcomeEvent,
} from './events.ts'
export type { Item, RowChange, Update } from './item-state.ts'
export type { ClientOptions, Encoding, ReconnectOptions } from './options.ts'
export type { FieldValues, RowCommand } from './records.ts'
export type { Runtime } from './runtime.ts'
export type { Subscription, SubscriptionHandlers, SubscriptionState } from './subscription.ts'
export type { Row } from './table.ts'
export type { TransportStorage } from './transport-order.ts'
export type { TransportName } from './transports/transport.ts'
export type { Mode, OnLost, SubscriptionWish } from './wish.ts'
