/**
 * Every error code that Millrace shows to anybody, once, with what it means.
 *
 * A code is stable: users match on it. Feed codes travel in `{"error":{"line","code","message"}}`, client codes in the
 * JSON body of an HTTP answer and in the last record of a stream that the server ends, program codes in the one line
 * that the program prints before it exits.
 */

/** What is wrong with a feed's line or connection. */
export type FeedErrorCode =
  | 'FEED_LINE_NOT_JSON' // the line is not one JSON object
  | 'FEED_LINE_NOT_UTF8' // the line holds bytes that are not UTF-8
  | 'FEED_LINE_TOO_LONG' // the line is longer than feedLineBytesMax
  | 'FEED_KEY_UNKNOWN' // a key that no line has
  | 'FEED_KEY_REPEATED' // a key stands twice in the line
  | 'FEED_VALUE_TYPE' // a key's value is of the wrong type
  | 'FEED_VALUE_TOO_LONG' // a field's value is longer than valueBytesMax
  | 'FEED_VALUE_INVALID' // a value that the field's merge function cannot take, no decimal say
  | 'FEED_ITEM_MISSING' // neither an update nor a greeting: no "item"
  | 'FEED_ITEM_NAME' // the item's name is empty, too long, or holds a forbidden character
  | 'FEED_NAME' // the name in a greeting is empty, too long, or holds a forbidden character
  | 'FEED_FIELD_NAME' // a field's name is empty, too long, or holds a forbidden character
  | 'FEED_FIELDS_MISSING' // an update without "fields"
  | 'FEED_FIELDS_TOO_MANY' // more fields in a line or an item than fieldsMax
  | 'FEED_KEY_MISSING' // an operation on a row of a table without a key
  | 'FEED_COMMAND_INVALID' // an operation on a row whose "command" is not ADD, UPDATE, DELETE or CLEAR
  | 'FEED_ROWS_TOO_MANY' // the table has tableRowsMax rows, or all tables rowsMax
  | 'FEED_GREETING_LATE' // a {"feed":…} line that is not the first one
  | 'FEED_ANSWER_UNKNOWN' // an answer to a message that was never sent, or is answered already
  | 'FEED_ITEMS_TOO_MANY' // the server holds itemsMax items
  | 'FEED_NAMES_TOO_MANY' // the server holds fieldNamesMax names of fields
  | 'FEED_STORE_FULL' // the values of all items fill valueStoreBytes
  | 'FEED_ERRORS_TOO_MANY' // feedErrorsMax bad lines: the connection ends
  | 'FEED_NOT_READING' // the feed does not read what the server tells it: the connection ends
  | 'FEED_CONNECTIONS_TOO_MANY' // feedConnectionsMax connections are open
  | 'SERVER_CLOSING' // the server is going down

/** What is wrong with a client's request, or why its stream ends. */
export type ClientErrorCode =
  | 'REQUEST_MALFORMED' // not HTTP, or a body that cannot be read
  | 'REQUEST_HEAD_TOO_LARGE' // the request line and headers exceed requestHeadBytesMax
  | 'REQUEST_BODY_TOO_LARGE' // the body exceeds requestBodyBytesMax
  | 'REQUEST_TIMEOUT' // the request did not arrive whole in requestTimeoutMs
  | 'METHOD_NOT_ALLOWED'
  | 'PATH_NOT_FOUND'
  | 'NOT_ACCEPTABLE' // no type in Accept that this path can give
  | 'QUERY_INVALID' // a query parameter is unknown, missing, or out of range
  | 'ITEM_NAME_INVALID'
  | 'FIELD_NAME_INVALID'
  | 'FILTER_INVALID' // a subscription's filter is none: the message has the position
  | 'FILTERS_TOO_LONG' // all filters of one session exceed sessionFilterLengthMax
  | 'ITEMS_TOO_MANY' // more items than sessionItemsMax in one session
  | 'ROWS_TOO_MANY' // tables of more rows than sessionRowsMax in one session
  | 'ITEM_NOT_FOUND'
  | 'FORBIDDEN' // this peer or origin may not do this
  | 'FIELDS_INVALID' // a published body is no set of fields
  | 'CONNECTIONS_TOO_MANY'
  | 'SESSIONS_TOO_MANY'
  | 'SERVER_BUSY' // a queue on the way is full: come back
  | 'SERVER_CLOSING'
  | 'MODE_NOT_ALLOWED' // the item's rule does not let it be read in this mode
  | 'UPDATES_LOST' // raw mode with onLost=end: the client fell behind the log
  | 'NO_PROGRESS' // the connection took, or confirmed, no byte for stallTimeoutMs
  | 'SESSION_UNKNOWN' // no such session: it has ended, or never was
  | 'SESSION_REBOUND' // another stream has taken the session
  | 'SESSION_DESTROYED' // the client asked for its end
  | 'POSITION_UNKNOWN' // the session was never sent this position
  | 'POSITION_TOO_OLD' // what the session keeps does not reach back to this position
  | 'REQUEST_INVALID' // a request that is not of the protocol
  | 'REQUEST_GAP' // a request before this one has not come in time
  | 'REQUEST_FORGOTTEN' // carried out once, so long ago that its answer is not kept
  | 'SUBSCRIPTION_UNKNOWN'
  | 'SUBSCRIPTION_EXISTS' // the id is taken
  | 'SUBSCRIPTIONS_TOO_MANY' // subscriptionsMax in one session
  | 'MESSAGE_NO_HANDLER' // no feed handles this target
  | 'MESSAGE_HANDLER_GONE' // its feed has gone without an answer
  | 'MESSAGE_TIMEOUT' // its feed has not answered in time
  | 'MESSAGE_REFUSED' // its feed has refused it, with this message
  | 'MESSAGES_TOO_MANY' // messagesMax of one session are unanswered
  | 'UPGRADE_INVALID' // no opening handshake of RFC 6455, version 13

/** Why the program cannot start or go on. */
export type ProgramErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_FILE'
  | 'USAGE'
  | 'PORT_IN_USE'
  | 'LISTEN_FAILED'
  | 'FILE_NOT_READABLE'
  | 'CONNECT_FAILED'
  | 'FEED_CLOSED' // a feed client was asked to wait for room after its close
  | 'THREAD_DIED'
  | 'DATA_INVALID'

/** An expected failure of the program: printed as one line, without a stack; the exit code is not 0. */
export class ProgramError extends Error {
  readonly code: ProgramErrorCode

  constructor(code: ProgramErrorCode, message: string) {
    super(message)
    this.name = 'ProgramError'
    this.code = code
  }
}

/** A broken invariant. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AssertionError'
  }
}
