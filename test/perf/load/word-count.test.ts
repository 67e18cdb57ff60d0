/** Deletions of rows, counted off the bytes. */

import test from 'ava'
import { WordCount } from '#perf/load/word-count.ts'
import { Random, seedOr } from '#test/support/random.ts'

const WORD = ':"DELETE"'
const ROUNDS = 400

test('[PF41] however its bytes are cut, each word is counted once', t => {
  const random = new Random(seedOr(41))
  for (let round = 0; round < ROUNDS; round++) {
    let text = ''
    for (let piece = random.int(30); piece > 0; piece--) {
      text += random.pick([
        WORD,
        WORD,
        WORD.slice(0, random.int(WORD.length)),
        WORD.slice(1),
        '"',
        'ELETE":"DEL',
        'xyz',
      ])
    }
    const expected = text.split(WORD).length - 1
    const count = new WordCount(WORD)
    const bytes = Buffer.from(text)
    // The read buffer is used again and again.
    const target = Buffer.alloc(64)
    let found = 0
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.int(round % 2 === 0 ? 3 : 40)
      const copied = bytes.copy(target, 0, at, Math.min(bytes.length, at + length))
      found += count.count(target.subarray(0, copied))
      target.fill(0)
      at += copied
    }
    t.is(found, expected, `${JSON.stringify(text)}; SEED=${random.seed}`)
  }
})
