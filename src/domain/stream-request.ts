/** What a client asks for when it opens a stream, after validation: every field is within its limits. */

export type Encoding = 'sse' | 'ndjson'
export type Mode = 'merge' | 'raw'
/** Raw mode only: what happens to a session that fell off the end of an item's log. */
export type OnLost = 'end' | 'snapshot'

export interface StreamRequest {
  readonly encoding: Encoding
  readonly mode: Mode
  /** Distinct names of items, in the order asked for; at least one. */
  readonly items: readonly string[]
  /** Distinct names of fields, or null for all. */
  readonly fields: readonly string[] | null
  /** Updates a second an item; 0 is no limit. */
  readonly maxFrequency: number
  /** How long an update may wait for company, in ms; 0 sends at once while there is room. */
  readonly maxDelayMs: number
  readonly onLost: OnLost
}
