/**
 * What edges ask of a core on behalf of clients: streams, requests of sessions, questions about the core's state; and what
 * they are told.
 *
 * An answer that finds its edge's queue full waits: of streams and questions with the record that asks, in its lane; of
 * requests, which were carried out, here (bounded by the connections: one a POST). A turn answers one list.
 */

import { assert } from '#src/assert.ts'
import {
  ANSWER,
  ANSWER_TEXT,
  BIND,
  CLOSE,
  CONTROL,
  CONTROL_TEXT,
  CONTROL_TEXT_3,
  OPENED,
  QUERY,
  REFUSED,
  readText,
  textBytesMax,
  WRITABLE,
  writeText,
} from '#src/codec/record.ts'
import { ENDED } from '#src/domain/session.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { CLOSED, claimOrAwait, FULL } from '#src/ring/queue.ts'
import { type Answers, LIST_LETTERS_MAX, type QueryText } from './answers.ts'
import type { EdgeLink } from './links.ts'
import type { BindText, SessionKeeper } from './session-keeper.ts'
import { SessionRequests } from './session-requests.ts'

/** The text of a CONTROL record. */
export interface ControlText {
  readonly session: string
  readonly requests: readonly SessionRequest[]
}

/** In place of a count: nothing was asked of any session. */
const UNKNOWN_SESSION = -1
/** The most that OPENED or REFUSED takes. */
const OPENED_BYTES_MAX = 128
/** What the requests of one POST are answered, until all are. */
interface Answering {
  readonly edge: EdgeLink
  readonly slot: number
  readonly generation: number
  readonly lines: string[]
  awaited: number
}

export interface EdgeControlDeps {
  readonly sessions: SessionKeeper
  readonly answers: Answers
  readonly requests: SessionRequests
}

export class EdgeControl {
  readonly requests: SessionRequests
  readonly #deps: EdgeControlDeps
  readonly #owedAnswers: Answering[] = []
  #nowMs = 0
  /** A turn answers one list, and leaves the next one in its lane. */
  #hasListed = false
  #hasLeftList = false

  constructor(deps: EdgeControlDeps) {
    this.#deps = deps
    this.requests = deps.requests
  }

  /** A turn begins. */
  set nowMs(nowMs: number) {
    this.#nowMs = nowMs
    this.requests.nowMs = nowMs
    this.#hasListed = false
    this.#hasLeftList = false
  }

  /** Tells what is owed. Returns how much there was to do, and is left. */
  work(): number {
    return this.#tellOwedAnswers() + (this.#hasLeftList ? 1 : 0)
  }

  /** Takes a record of an edge's control lane; false leaves it there. */
  onRecord(edge: EdgeLink, type: number, offset: number, length: number): boolean {
    const { memory } = edge.control
    const slot = memory.words[offset >> 2]!
    const generation = memory.words[(offset >> 2) + 1]!
    switch (type) {
      case BIND: {
        // There is room for the answer, so that the text is read once.
        if (!hasRoomForOpened(edge)) return false
        const text = JSON.parse(readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT)) as BindText
        return this.#deps.sessions.bind(edge, slot, generation, text)
      }
      case CLOSE:
        this.#deps.sessions.onClosed(edge, slot, generation)
        return true
      case WRITABLE: {
        const session = edge.sessions[slot] ?? null
        if (session !== null && session.generation === generation && session.edge === edge.index) {
          this.#deps.sessions.writable(session)
        }
        return true
      }
      case CONTROL: {
        const isInStream = memory.words[(offset >> 2) + 2] === 1
        const text = JSON.parse(readText(memory, offset + CONTROL_TEXT_3, length - CONTROL_TEXT_3)) as ControlText
        this.#control(edge, slot, generation, text, isInStream)
        return true
      }
      case QUERY: {
        const query = JSON.parse(readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT)) as QueryText
        return this.#tellAnswer(edge, slot, generation, query)
      }
      default:
        throw new Error(`an edge's control lane carries no record of type ${type}`)
    }
  }

  /** Carries out what a client asks of its session. */
  #control(edge: EdgeLink, slot: number, generation: number, text: ControlText, isInStream: boolean): void {
    const session = this.#deps.sessions.find(text.session)
    if (isInStream) {
      if (session === null) return
      this.requests.handleAll(session, text.requests, line => {
        if (session.state !== ENDED) this.#deps.sessions.tell(session, line)
      })
      return
    }
    const awaited = session === null ? 0 : SessionRequests.answersOf(text.requests)
    const answering: Answering = { edge, slot, generation, lines: [], awaited }
    const onRefused = (line: string): void => {
      answering.lines.push(line)
    }
    if (session === null || awaited === 0) {
      if (session !== null) this.requests.handleAll(session, text.requests, onRefused)
      else answering.awaited = UNKNOWN_SESSION
      this.#owedAnswers.push(answering)
      return
    }
    const onAnswered = (line: string): void => {
      answering.lines.push(line)
      if (--answering.awaited === 0) this.#owedAnswers.push(answering)
    }
    this.requests.handleAll(session, text.requests, onAnswered, onRefused)
  }

  /** Tells the answers that are whole, as far as there is room. Returns how many. */
  #tellOwedAnswers(): number {
    let told = 0
    while (this.#owedAnswers.length > 0) {
      const { edge, slot, generation, lines, awaited } = this.#owedAnswers[0]!
      const whole = lines.map(line => `${line}\n`).join('')
      const isTooLong = ANSWER_TEXT + textBytesMax(whole) > edge.out.recordBytesMax
      const body = isTooLong ? '' : whole
      const claim = claimOrAwait(edge.out, ANSWER_TEXT + textBytesMax(body))
      if (claim < 0) break
      const { words } = edge.out.memory
      words[claim >> 2] = slot
      words[(claim >> 2) + 1] = generation
      words[(claim >> 2) + 2] = awaited === UNKNOWN_SESSION ? 404 : isTooLong ? 503 : 200
      words[(claim >> 2) + 3] = 0
      edge.out.commit(ANSWER, ANSWER_TEXT + writeText(edge.out.memory, claim + ANSWER_TEXT, body))
      this.#owedAnswers.shift()
      told++
    }
    return told
  }

  #tellAnswer(edge: EdgeLink, slot: number, generation: number, query: QueryText): boolean {
    const isList = query.kind !== 'item'
    if (isList && this.#hasListed) {
      this.#hasLeftList = true
      return false
    }
    const lettersMax = isList
      ? Math.min(LIST_LETTERS_MAX, Math.floor((edge.out.recordBytesMax - ANSWER_TEXT) / 3))
      : this.#deps.answers.itemBytesMax(query.name)
    const claim = claimOrAwait(edge.out, ANSWER_TEXT + (isList ? lettersMax * 3 : lettersMax))
    if (claim < 0) return false
    this.#hasListed ||= isList
    const answer = this.#deps.answers.answer(query, lettersMax, this.#nowMs)
    const { words } = edge.out.memory
    words[claim >> 2] = slot
    words[(claim >> 2) + 1] = generation
    words[(claim >> 2) + 2] = answer.status
    words[(claim >> 2) + 3] = answer.isCut ? 1 : 0
    edge.out.commit(ANSWER, ANSWER_TEXT + writeText(edge.out.memory, claim + ANSWER_TEXT, answer.body))
    return true
  }
}

/** Whether BIND can be answered. */
export function hasRoomForOpened(edge: EdgeLink): boolean {
  return claimOrAwait(edge.out, OPENED_BYTES_MAX) >= 0
}

/** The stream carries session `id`; there is room. */
export function tellOpened(edge: EdgeLink, slot: number, generation: number, id: string): void {
  tellOfBind(edge, slot, generation, OPENED, id)
}

export function tellRefused(edge: EdgeLink, slot: number, generation: number, code: ClientErrorCode): void {
  tellOfBind(edge, slot, generation, REFUSED, code)
}

function tellOfBind(edge: EdgeLink, slot: number, generation: number, type: number, text: string): void {
  const claim = edge.out.claim(OPENED_BYTES_MAX)
  if (claim === CLOSED) return
  assert(claim !== FULL, 'whoever tells of a stream has asked for room')
  const { memory } = edge.out
  memory.words[claim >> 2] = slot
  memory.words[(claim >> 2) + 1] = generation
  edge.out.commit(type, CONTROL_TEXT + writeText(memory, claim + CONTROL_TEXT, text))
}
