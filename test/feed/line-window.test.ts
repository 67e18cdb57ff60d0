import test from 'ava'
import { LineWindow } from '#src/feed/line-window.ts'
import { Random, seedOr } from '../support/random.ts'

test('[F15] no line goes out before the window opens, and no more than it holds', t => {
  const window = new LineWindow()
  t.is(window.room(), 0)
  t.throws(() => window.take())
  window.open(2)
  window.takeStray()
  window.take()
  t.is(window.room(), 0)
  t.throws(() => window.take())
  t.throws(() => window.takeStray())
  t.true(window.acknowledge(1))
  t.is(window.room(), 1)
})

test('[F15] an acknowledgement that cannot be is told', t => {
  const window = new LineWindow()
  window.open(4)
  window.take()
  window.take()
  for (const lineCount of [3, -1, 0.5, Number.NaN]) t.false(window.acknowledge(lineCount))
  t.true(window.acknowledge(2))
  t.false(window.acknowledge(1))
  t.true(window.acknowledge(2))
})

test('[F18] sent lines are acknowledged, lost or on their way, and greetings and heartbeats are not counted', t => {
  const seed = seedOr(15)
  const random = new Random(seed)
  const window = new LineWindow()
  /** By line of the connection: true for those of the publisher. */
  let lines: boolean[] = []
  let [acked, ackedLines, lostLines, windowLines] = [0, 0, 0, 0]
  const countIn = (from: number, to: number): number => lines.slice(from, to).filter(isData => isData).length
  for (let step = 0; step < 20_000; step++) {
    if (windowLines === 0) {
      windowLines = 1 + random.int(20)
      window.open(windowLines)
    }
    const action = random.int(100)
    if (action < 50 && window.room() > 0) {
      window.take()
      lines.push(true)
    } else if (action < 65 && window.room() > 0) {
      window.takeStray()
      lines.push(false)
    } else if (action < 98) {
      const to = acked + random.int(lines.length - acked + 1)
      t.true(window.acknowledge(to), `SEED=${seed}`)
      ackedLines += countIn(acked, to)
      acked = to
    } else {
      const lostNow = countIn(acked, lines.length)
      t.is(window.close(), lostNow, `SEED=${seed}`)
      lostLines += lostNow
      lines = []
      acked = 0
      windowLines = 0
    }
    const state = [window.linesAcked, window.lost, window.unacked(), window.room()]
    const expected = [ackedLines, lostLines, countIn(acked, lines.length), windowLines - (lines.length - acked)]
    if (String(state) !== String(expected)) t.fail(`${state} for ${expected} SEED=${seed} step ${step}`)
    t.is(window.linesSent, ackedLines + lostLines + window.unacked(), `SEED=${seed}`)
  }
})
