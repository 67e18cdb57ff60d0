/** What a load client asks over long polling, against the answers that it was given as a whole. */

import test from 'ava'
import { AnswerFollower } from '#perf/load/answer-follower.ts'
import { NDJSON_TYPE, plainAnswer } from '#src/codec/http-response.ts'
import { Random, seedOr } from '#test/support/random.ts'

const SESSION = 'kR3_abcdefghijklmnop-2'
const WELCOME = `{"session":"${SESSION}","epoch":"9f2c","position":3,"keepaliveMs":25000,"resumeMs":30000}\n`
const FRAME = { isHead: false, isHttp10: false, keepsAlive: true, corsOrigin: '*' }
const ROUNDS = 50
const CUTS_MAX = 1_000

function answerOf(body: string): Buffer {
  return plainAnswer({ status: 200, contentType: NDJSON_TYPE, body }, FRAME)
}

function pollOf(position: number): string {
  return `GET /poll?session=${SESSION}&position=${position} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
}

/** Records whose values look like what is looked for. */
function flushOf(length: number, position: number): string {
  const record = `{"item":"A","fields":{"a":"\\n{\\"position\\":7}","b":"\r\n\r\nContent-Length: 5\r\n"}}\n`
  return `${record.repeat(length)}{"position":${position}}\n`
}

const BODIES = [
  { body: `${WELCOME}{"subscribed":0,"items":1}\n{"position":4}\n`, position: 4 },
  { body: '\n{"position":5}\n', position: 5 },
  { body: '{"position":6}\n', position: 6 },
  { body: flushOf(3, Number.MAX_SAFE_INTEGER), position: Number.MAX_SAFE_INTEGER },
]

/** A follower that has had its first answers. */
function followed(answers: number): AnswerFollower {
  const follower = new AnswerFollower()
  for (const { body } of BODIES.slice(0, answers)) follower.follow(answerOf(body), 0, answerOf(body).length)
  return follower
}

/** What is wrong with what a follower says to an answer that comes in parts: nothing before the last, then its poll. */
function wrongPart(follower: AnswerFollower, bytes: Buffer, cuts: readonly number[], position: number): string | null {
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    const reply = follower.follow(bytes, from, to)
    const due = to < bytes.length ? null : pollOf(position)
    if ((reply === null ? null : String(reply)) !== due) return `${from} to ${to}: ${reply}`
    from = to
  }
  return follower.isOver ? 'it is over' : null
}

test('[PF32] cut at any byte, an answer that is whole is followed by one poll behind its position', t => {
  for (const [index, { body, position }] of BODIES.entries()) {
    const bytes = answerOf(body)
    for (let cut = 0; cut < bytes.length; cut++) {
      t.is(wrongPart(followed(index), bytes, [cut], position), null, `answer ${index}, cut at ${cut}`)
    }
  }
})

test('[PF32] in whatever parts answers come, each is followed by its poll when its last part is there', t => {
  const random = new Random(seedOr(32))
  for (let round = 0; round < ROUNDS; round++) {
    const follower = new AnswerFollower()
    let position = 0
    for (let answer = 0; answer < 8; answer++) {
      position += 1 + random.int(10 ** random.int(10))
      const bytes = answerOf((answer === 0 ? WELCOME : '') + flushOf(random.pick([0, 1, 5, 800]), position))
      const lengthMax = random.pick([1, 3, 20, 1_000, 65_536])
      const cuts: number[] = []
      for (let at = 0; at < bytes.length && cuts.length < CUTS_MAX; at += 1 + random.int(lengthMax)) cuts.push(at)
      t.is(wrongPart(follower, bytes, cuts, position), null, `seed ${random.seed}, round ${round}, answer ${answer}`)
    }
  }
})

test('[PF33] a poll goes on over another connection, once for each that brought something', t => {
  const answer = answerOf(BODIES[1]!.body)
  for (let cut = 0; cut < answer.length; cut++) {
    const follower = followed(1)
    follower.follow(answer, 0, cut)
    const said = [follower.goOn(), follower.goOn(), follower.follow(answer, 0, answer.length), follower.goOn()]
    // A connection that brought nothing is not tried again; what was cut off is forgotten.
    t.deepEqual(said.map(String), [pollOf(4), 'null', pollOf(5), pollOf(5)], `cut off at ${cut}`)
  }
  t.is(followed(0).goOn(), null, 'a session that is not known is not gone on with')
})

const OVER: readonly [string, Buffer][] = [
  ['a refusal', Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{"position":1}\n')],
  ['an answer without a length', Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
  ['an empty answer', answerOf('')],
  ['a head without an end', Buffer.alloc(2_000, 'x')],
  ['the end of its session', answerOf('{"closing":{"code":"SERVER_CLOSING","message":"","retryMs":5}}\n')],
  ['an answer without a position', answerOf('{"item":"A"}\n')],
  ['an answer that it had not asked for', Buffer.concat([answerOf(BODIES[1]!.body), answerOf(BODIES[1]!.body)])],
]

for (const [what, bytes] of OVER) {
  test(`[PF31] a poll is not followed behind ${what}`, t => {
    const follower = followed(1)
    t.is(follower.follow(bytes, 0, bytes.length), null)
    t.true(follower.isOver)
    t.is(follower.goOn(), null)
  })
}

test('[PF31] a poll is not followed where its first answer tells no session', t => {
  const follower = followed(0)
  const answer = answerOf('{"item":"A"}\n{"position":5}\n')
  t.is(follower.follow(answer, 0, answer.length), null)
  t.true(follower.isOver)
})
