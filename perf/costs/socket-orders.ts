/** What the process that writes and those that read are told, and what they answer. */

export type WriterOrder =
  /** Answered when it listens. */
  | { readonly do: 'listen' }
  /** Answered when it has that many connections in all. */
  | { readonly do: 'accept'; readonly sockets: number }
  /** One write to each of the first `sockets`. */
  | { readonly do: 'write'; readonly sockets: number; readonly bytes: number }
  /** `ticks` such rounds, each begun when it is due, each stamped with its beginning. */
  | {
      readonly do: 'pace'
      readonly sockets: number
      readonly bytes: number
      readonly ticks: number
      readonly intervalMs: number
    }

export interface WriterAnswer {
  readonly port: number
  readonly residentBytes: number
  readonly userUs: number
  readonly systemUs: number
  readonly wallUs: number
  /** Writes that the kernel did not take whole at once. */
  readonly waiting: number
  /** Ticks that began when the next one was due, or later. */
  readonly lateTicks: number
}

export type ReaderOrder =
  | { readonly do: 'connect'; readonly port: number; readonly sockets: number; readonly localAddress: string }
  /** Each of the first `sockets` will get `bytes` more, and no other any. Answered at once: now they may be written. */
  | { readonly do: 'expect'; readonly sockets: number; readonly bytes: number; readonly stampEvery: number }
  /** Answered when all that was expected has been read. */
  | { readonly do: 'read' }
  /** Cuts all connections, so that no port is kept for a while. */
  | { readonly do: 'leave' }

export interface ReaderAnswer {
  /** To a read: from the stamp at the head of each message of `stampEvery` bytes to its reading; else empty. */
  readonly latenciesUs: Float64Array
}
