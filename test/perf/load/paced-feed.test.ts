/** When updates are sent, by a clock that is handed in. */

import test from 'ava'
import { FEED_PROTOCOLS } from '#perf/load/feed-protocols.ts'
import { PacedFeed } from '#perf/load/paced-feed.ts'
import type { Recording } from '#perf/load/recording.ts'
import { recordingSource, type Source, workloadSource } from '#perf/load/source.ts'
import { BASE } from '#perf/variants/variant.ts'

const LINES = FEED_PROTOCOLS.lines!
const START_US = 5_000_000

interface Sent {
  readonly item: string
  readonly fields: Readonly<Record<string, string>>
}

class Rig {
  nowUs = START_US
  hasRoom = true
  readonly sent: Sent[] = []
  readonly feed: PacedFeed

  constructor(source: Source) {
    const write = (bytes: Buffer): boolean => {
      const lines = bytes.toString().trimEnd().split('\n')
      this.sent.push(...lines.map(line => JSON.parse(line) as Sent))
      return this.hasRoom
    }
    this.feed = new PacedFeed(source, { write }, () => this.nowUs)
  }

  at(us: number): void {
    this.nowUs = START_US + us
    this.feed.send()
  }

  get stamps(): number[] {
    return this.sent.map(({ fields }) => Number(fields.at) - START_US)
  }
}

const FOUR = { ...BASE, items: 4, itemsPerClient: 1 }

test('[PF10] updates are sent when they are due, item after item, and no earlier', t => {
  const rig = new Rig(workloadSource(FOUR, LINES))
  rig.at(1_000)
  t.is(rig.sent.length, 0, 'without a rate nothing is due')
  rig.nowUs = START_US
  // 4 items, 25 a second each: one every 10 ms.
  rig.feed.setRate(25)
  rig.at(9_999)
  t.deepEqual(rig.stamps, [0])
  rig.at(10_000)
  t.deepEqual(rig.stamps, [0, 10_000])
  rig.at(45_000)
  t.deepEqual(rig.stamps, [0, 10_000, 20_000, 30_000, 40_000])
  t.deepEqual(
    rig.sent.map(({ item }) => item),
    ['i000', 'i001', 'i002', 'i003', 'i000'],
  )
  t.deepEqual(rig.feed.count().due, [2, 1, 1, 1])
  t.deepEqual(rig.feed.count().due, [0, 0, 0, 0])
})

test('[PF11] what is sent late bears the time that it was due, and is told as late', t => {
  const rig = new Rig(workloadSource(FOUR, LINES))
  rig.feed.setRate(25)
  rig.hasRoom = false
  rig.at(0)
  t.is(rig.sent.length, 1)
  rig.at(100_000)
  t.is(rig.sent.length, 1, 'nothing is sent while there is no room')
  t.deepEqual(rig.feed.count().due, [3, 3, 3, 2], 'what is due does not depend on that')
  rig.feed.isWritable = true
  rig.at(100_000)
  t.deepEqual(rig.stamps, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 90_000, 100_000])
  const { lateMsMax, sent } = rig.feed.count()
  t.deepEqual([lateMsMax, sent], [90, 10])
})

test('[PF11] a rate that is set begins anew: what was due before and not sent is let go', t => {
  const rig = new Rig(workloadSource(FOUR, LINES))
  rig.feed.setRate(25)
  rig.at(0)
  rig.nowUs = START_US + 50_000
  rig.feed.setRate(250)
  rig.at(51_000)
  t.deepEqual(rig.stamps, [0, 50_000, 51_000])
  rig.feed.setRate(0)
  rig.at(90_000)
  t.is(rig.sent.length, 3)
})

test('[PF12] the last updates are one of each item, with the stamp that was asked for, and are told as the truth', t => {
  const rig = new Rig(workloadSource(FOUR, LINES))
  rig.feed.setRate(25)
  rig.at(30_000)
  const before = rig.sent.length
  const truth = rig.feed.close(START_US + 77).map(line => JSON.parse(line) as Sent)
  t.deepEqual(rig.sent.slice(before), truth)
  t.deepEqual(
    truth.map(({ item, fields }) => [item, Number(fields.at)]),
    ['i000', 'i001', 'i002', 'i003'].map(item => [item, START_US + 77]),
  )
})

const RECORDING: Recording = {
  names: ['A', 'B'],
  lines: [
    { atUs: 0, item: 0, fields: { bid: '1', ask: '2' } },
    { atUs: 1_000, item: 1, fields: { bid: '5' } },
    { atUs: 4_000, item: 0, fields: { bid: '3' } },
  ],
  loopUs: 6_000,
}

test('[PF12] a recording is played at its speed, over and over, and what is true at its end is what was sent', t => {
  const rig = new Rig(recordingSource(RECORDING, LINES))
  rig.feed.setRate(2)
  rig.at(3_500)
  t.deepEqual(rig.stamps, [0, 500, 2_000, 3_000, 3_500])
  t.deepEqual(rig.feed.count().due, [3, 2])
  const truth = rig.feed.close(START_US + 9_000).map(line => JSON.parse(line) as Sent)
  const at = String(START_US + 9_000).padStart(13, '0')
  t.deepEqual(truth, [
    { item: 'A', fields: { bid: '1', ask: '2', at } },
    { item: 'B', fields: { bid: '5', at } },
  ])
  t.deepEqual(rig.sent.at(-1), { item: 'B', fields: { at } })
})

test('[PF10] stamps of an item grow, also where two updates are due at once (found: one of them could not be counted)', t => {
  const recording: Recording = {
    names: ['A', 'B'],
    lines: [
      { atUs: 0, item: 0, fields: { bid: '1' } },
      { atUs: 0, item: 0, fields: { bid: '2' } },
      { atUs: 0, item: 1, fields: { bid: '3' } },
      { atUs: 1_000, item: 0, fields: { bid: '4' } },
    ],
    loopUs: 2_000,
  }
  const rig = new Rig(recordingSource(recording, LINES))
  rig.nowUs = START_US
  rig.feed.setRate(1)
  rig.at(1_500)
  t.deepEqual(rig.stamps, [0, 1, 0, 1_000])
})
