/**
 * Errors as the client library shows them: a stable code to match on, and a message for people. Codes of the server
 * (docs/protocol.md, section 6) go through as they are; those that arise on this side are listed here.
 */

export type LibraryErrorCode =
  | 'OPTIONS_INVALID' // what connect, subscribe or send was given cannot be used
  | 'TRANSPORT_TIMEOUT' // a transport did not bring its welcome within transportTimeoutMs
  | 'TRANSPORT_FAILED' // a transport could not be opened, or an answer is not of this protocol
  | 'CONNECTION_LOST' // a stream ended without a reason
  | 'NOTHING_HEARD' // a stream was silent for longer than its server promises
  | 'RECORD_INVALID' // a line that is no record
  | 'HANDLER_FAILED' // a callback of the application threw; `cause` is what it threw
  | 'REQUEST_TOO_LARGE' // a request beyond requestBytesMax
  | 'REQUESTS_TOO_MANY' // so many requests wait for a connection already
  | 'SUBSCRIPTION_ENDED' // the subscription is no more
  | 'MESSAGE_NOT_SENT' // the message has not left this side within its timeout, and never will
  | 'OUTCOME_UNKNOWN' // the message left, and what became of it cannot be learned
  | 'CLIENT_CLOSED' // close() was called

/** A code of this library, or one of the server. */
export type ErrorCode = LibraryErrorCode | (string & {})

export class MillraceError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'MillraceError'
    this.code = code
  }
}

/** An error as the server tells it. */
export function errorOf({ code, message }: { readonly code: string; readonly message: string }): MillraceError {
  return new MillraceError(code, message)
}
