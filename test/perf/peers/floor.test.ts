/** The floor: the bytes and the times of what it writes, by its schedule and over a socket. */

import test from 'ava'
import { MARKER, nowUs, STAMP_DIGITS } from '#perf/load/stamp.ts'
import { FLOOR } from '#perf/targets/floor.ts'
import { FloorSchedule } from '#perf/targets/floor-schedule.ts'
import { lineOf, type Workload } from '#perf/workload.ts'
import { RawClient } from './raw-client.ts'

const WORKLOAD: Workload = {
  clients: 4,
  items: 3,
  itemsPerClient: 2,
  ratePerItem: 50,
  fields: 5,
  lineBytes: 0,
  warmupSeconds: 0,
  seconds: 1,
  mode: 'raw',
  rows: 0,
  window: 0,
  filter: 'none',
  maxDelayMs: 0,
  idleClients: 0,
  stalledShare: 0,
  slowShare: 0,
  slowBytesPerSecond: 0,
  transport: 'ndjson',
  seed: 1,
  settings: [],
}
const START_US = 5_000_000

interface Parsed {
  readonly item: string
  readonly seq: number
  readonly fields: Readonly<Record<string, string>>
}

/** The records of a chunk whose length says what it is. */
function recordsOf(chunk: Buffer): Parsed[] {
  const [length, records] = chunk.toString('latin1').split('\r\n')
  if (records!.length !== Number.parseInt(length!, 16)) throw new Error(`${records!.length} bytes are not ${length}`)
  return records!
    .split('\n')
    .slice(0, -1)
    .map(record => JSON.parse(record))
}

test('[PP6] floor, without maxDelay: a write is one update of one item, in turn, stamped with its due time', t => {
  const schedule = new FloorSchedule(WORKLOAD, START_US)
  t.is(schedule.channels, WORKLOAD.items)
  for (let number = 0; number < 30; number++) {
    const write = schedule.at(number)
    const item = number % WORKLOAD.items
    const round = Math.floor(number / WORKLOAD.items)
    const dueUs = Math.floor(START_US + (number * 1e6) / 150)
    t.deepEqual(write, { channel: item, round, dueUs })
    const [record, ...others] = recordsOf(schedule.chunk(write)!)
    t.deepEqual(others, [])
    const { item: name, fields } = JSON.parse(lineOf(WORKLOAD, item, round % 8)) as Parsed
    t.deepEqual(record, { item: name, seq: round + 1, fields: { ...fields, at: String(dueUs).padStart(13, '0') } })
  }
})

test('[PP6] floor, with maxDelay: a phase gets in each interval what a client is due, stamped evenly over it', t => {
  const schedule = new FloorSchedule({ ...WORKLOAD, maxDelayMs: 100 }, START_US)
  t.is(schedule.channels, 8)
  const last = Array<number>(8).fill(0)
  for (let number = 0; number < 80; number++) {
    const write = schedule.at(number)
    t.is(write.dueUs, START_US + number * 12_500)
    const records = recordsOf(schedule.chunk(write)!)
    t.is(records.length, 10)
    const stamps = records.map(({ fields }) => Number(fields.at))
    t.deepEqual(
      stamps,
      records.map((_, index) => write.dueUs - 95_000 + index * 10_000),
    )
    // Between the last of one interval and the first of the next is as much as between any two.
    if (last[write.channel] !== 0) t.is(stamps[0]! - last[write.channel]!, 10_000)
    last[write.channel] = stamps.at(-1)!
  }
})

test('[PP6] floor: merge leaves one update of an item in an interval; what is no whole update waits for the next', t => {
  const merged = new FloorSchedule({ ...WORKLOAD, maxDelayMs: 100, mode: 'merge' }, START_US)
  t.is(recordsOf(merged.chunk(merged.at(0))!).length, WORKLOAD.itemsPerClient)
  const sparse = new FloorSchedule({ ...WORKLOAD, ratePerItem: 2, maxDelayMs: 100 }, START_US)
  let records = 0
  for (let round = 0; round < 10; round++) {
    const chunk = sparse.chunk(sparse.at(round * sparse.channels))
    records += chunk === null ? 0 : recordsOf(chunk).length
  }
  t.is(records, 4, 'two items twice a second, in one second')
})

/** Reads until so many updates have come: whole records behind the head. */
async function read(
  workload: Workload,
  items: readonly string[],
  count: number,
  t: { teardown: (f: () => void) => void },
) {
  const fromUs = nowUs()
  const server = await FLOOR.start(workload)
  t.teardown(() => server.stop())
  const client = await RawClient.open(server.clientPort, FLOOR.client, items, workload)
  const idle = await RawClient.open(server.clientPort, FLOOR.client, ['idle'], workload)
  server.begin!()
  const lines = await client.lines(count)
  const untilUs = nowUs()
  client.close()
  const idleMarkers = idle.markers
  idle.close()
  return { text: client.text, lines: lines.map(line => JSON.parse(line) as Parsed), fromUs, untilUs, idleMarkers }
}

test('[PP7] floor, over a socket: who asked for an item gets its every update, who asked for none gets none', async t => {
  const { lines, fromUs, untilUs, idleMarkers } = await read(WORKLOAD, ['i001'], 10, t)
  t.true(lines.every(({ item }) => item === 'i001'))
  t.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_, index) => lines[0]!.seq + index),
  )
  for (const { fields } of lines) t.true(Number(fields.at) >= fromUs && Number(fields.at) <= untilUs)
  t.is(idleMarkers, 0)
})

test('[PP7] floor, over a socket: with maxDelay all that is due comes in one chunk', async t => {
  const { text, idleMarkers } = await read({ ...WORKLOAD, maxDelayMs: 100 }, ['i001', 'i002'], 20, t)
  const chunks = text.slice(text.indexOf('\r\n\r\n') + 4).match(/^[0-9a-f]+\r\n(?:\{.*\}\n)+\r\n/gm)!
  t.true(chunks.length >= 2)
  for (const chunk of chunks) t.is(recordsOf(Buffer.from(chunk)).length, 10)
  t.is(text.split(MARKER)[1]!.slice(0, STAMP_DIGITS).replace(/\d/g, ''), '')
  t.is(idleMarkers, 0)
})
