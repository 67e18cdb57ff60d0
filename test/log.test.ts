import test from 'ava'
import { createLog, type Log, silentLog } from '#src/log.ts'
import { VirtualClock } from '#src/time/clock.ts'

interface Written {
  readonly log: Log
  readonly clock: VirtualClock
  lines(): Record<string, unknown>[]
}

function written(level: 'debug' | 'info' | 'warn' | 'error' | 'silent' = 'info'): Written {
  const texts: string[] = []
  const clock = new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
  const log = createLog(level, 'core-1', clock, { write: line => texts.push(line) })
  return { log, clock, lines: () => texts.map(text => JSON.parse(text)) }
}

test('[N8] a line is one JSON object with level, time, thread, event and the fields', t => {
  const { log, lines } = written()
  log.info('server-started', { httpPort: 8080 })
  t.deepEqual(lines(), [
    { level: 'info', time: '2026-01-02T03:04:05.006Z', thread: 'core-1', httpPort: 8080, event: 'server-started' },
  ])
})

test('[N8] lines below the level are not written', t => {
  for (const [level, count] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const) {
    const { log, lines } = written(level)
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name]('x')
    t.is(lines().length, count, level)
  }
  t.notThrows(() => silentLog.error('x', { a: 1 }))
})

test('[N8] the names of the line itself cannot be overwritten by a field', t => {
  const { log, lines } = written()
  log.warn('x', { level: 'no', time: 'no', thread: 'no', event: 'no', suppressed: 'no' })
  t.like(lines()[0], { level: 'warn', thread: 'core-1', event: 'x', level_: 'no', event_: 'no', suppressed_: 'no' })
})

test('[N9] tokens, cookies, headers and queries are not written, at any depth', t => {
  const { log, lines } = written()
  log.info('request', {
    token: 'SECRET',
    accessToken: 'SECRET',
    query: 'SECRET',
    url: '/stream?items=SECRET',
    target: '/a#SECRET',
    headers: { cookie: 'SECRET' },
    peer: { authorization: 'SECRET', path: '/b?SECRET', deep: { any: 'SECRET' } },
    list: [{ password: 'SECRET' }],
    count: 1,
  })
  t.notRegex(JSON.stringify(lines()), /SECRET/)
  t.like(lines()[0], { url: '/stream?(not logged)', count: 1 })
})

test('[N9] texts and fields are bounded, errors carry their code', t => {
  const { log, lines } = written()
  const error = Object.assign(new Error('m'.repeat(5_000)), { code: 'EPIPE' })
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, index]))
  log.error('x', { text: 't'.repeat(5_000), error, big: 10n })
  log.error('y', many)
  const [one, two] = lines()
  t.is(String(one?.text).length, 1_001)
  t.is(one?.big, '10')
  t.like(one?.error, { code: 'EPIPE', name: 'Error' })
  t.true(JSON.stringify(one).length < 4_000)
  t.true(Object.keys(two ?? {}).length < 40)
})

test('[N10] of one event at most twenty lines are written in ten seconds; the rest is counted and told', t => {
  const { log, clock, lines } = written()
  for (let count = 0; count < 100; count++) log.warn('connection-refused')
  log.warn('another')
  t.is(lines().length, 21)
  clock.advance(10_000)
  log.warn('connection-refused')
  log.warn('connection-refused')
  t.deepEqual(
    lines()
      .slice(21)
      .map(line => line.suppressed),
    [80, undefined],
  )
})

test('[N10] what is not shown by its level takes no part in that count', t => {
  const { log, lines } = written('warn')
  for (let count = 0; count < 100; count++) log.debug('x')
  log.warn('x')
  t.deepEqual(
    lines().map(line => line.suppressed),
    [undefined],
  )
})
