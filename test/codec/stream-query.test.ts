import test from 'ava'
import type { BindRequest } from '#src/domain/session-request.ts'
import { type Asked, ask, HTTP_SETTINGS } from '../support/http-ask.ts'
import { Random, seedOr } from '../support/random.ts'

const ID = 'kR3-_aaaaaaaaaaaaaaaaa'
const OTHER_ID = 'Z'.repeat(22)
const NDJSON = 'Accept: application/x-ndjson'
const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade']

function bindOf(line: string, asked: Asked = {}): BindRequest {
  const message = ask(line, asked)
  if (message.kind !== 'bind') throw new Error(JSON.stringify(message))
  return message.bind
}

const NOTHING: BindRequest = {
  transport: 'sse',
  encoding: 'json',
  resume: null,
  mayOpen: true,
  opening: null,
  maxDelayMs: 0,
  maxBandwidth: 0,
  requests: [],
  waitMs: 0,
}

test('[H21] a stream without parameters is a session without subscriptions', t => {
  t.like(ask('GET /stream'), { kind: 'bind', isUpgrade: false, messageHindrance: null, bind: NOTHING })
})

test('[H21] a stream asks for its items only, and has defaults for the rest', t => {
  t.deepEqual(bindOf('GET /stream?items=A').opening, {
    id: 0,
    items: ['A'],
    prefixes: [],
    fields: null,
    filter: null,
    window: null,
    mode: 'merge',
    maxFrequency: 0,
    hasSnapshot: true,
    historyMax: null,
    bufferSize: 0,
    onLost: 'end',
  })
})

test('[H21] a stream asks for everything there is', t => {
  const first = 'items=A,b%2F*%2CD+e&fields=bid%2Cask&mode=raw&onLost=snapshot&snapshot=false'
  const query = `${first}&maxDelay=100&maxBandwidth=20000&encoding=terse&new=false`
  t.deepEqual(bindOf(`GET /stream?${query}`, { headers: [NDJSON] }), {
    ...NOTHING,
    transport: 'ndjson',
    encoding: 'terse',
    opening: {
      id: 0,
      items: ['A', 'D e'],
      prefixes: ['b/'],
      fields: ['bid', 'ask'],
      mode: 'raw',
      filter: null,
      window: null,
      maxFrequency: 0,
      hasSnapshot: false,
      historyMax: null,
      bufferSize: 0,
      onLost: 'snapshot',
    },
    maxDelayMs: 100,
    maxBandwidth: 20_000,
  })
})

const BAD_STREAMS: [code: string, query: string, named: string][] = [
  ['QUERY_INVALID', 'items=A&item=B', '"item"'],
  ['QUERY_INVALID', 'items=A&items=B', '"items"'],
  ['QUERY_INVALID', 'items=A&Mode=raw', '"Mode"'],
  ['QUERY_INVALID', 'items=A&__proto__=1', '"__proto__"'],
  ['QUERY_INVALID', 'items=%', '"items=%"'],
  ['QUERY_INVALID', 'items=%ff', '"items=%ff"'],
  ['QUERY_INVALID', '%c3=A', '"%c3=A"'],
  ['ITEMS_TOO_MANY', 'items=A,B,C,D', '3'],
  ['ITEMS_TOO_MANY', 'items=A,B,C,D*', '3'],
  ['QUERY_INVALID', 'items=A,B,A', '"A"'],
  ['QUERY_INVALID', 'items=A*,A,A*', '"A*"'],
  ['ITEM_NAME_INVALID', 'items=', '""'],
  ['ITEM_NAME_INVALID', 'items', '""'],
  ['ITEM_NAME_INVALID', 'items=A,', '""'],
  ['ITEM_NAME_INVALID', 'items=A,b*c', '"b*c"'],
  ['ITEM_NAME_INVALID', 'items=**', '"**"'],
  ['ITEM_NAME_INVALID', 'items=+*', '" *"'],
  ['ITEM_NAME_INVALID', 'items=A,123456789', '"123456789"'],
  ['ITEM_NAME_INVALID', 'items=A,123456789*', '"123456789*"'],
  ['ITEM_NAME_INVALID', 'items=A%0A', '"A\\n"'],
  ['ITEM_NAME_INVALID', 'items=A,+B', '" B"'],
  ['FIELD_NAME_INVALID', 'items=A&fields=', '""'],
  ['FIELD_NAME_INVALID', 'items=A&fields=a,123456789', '"123456789"'],
  ['FIELD_NAME_INVALID', 'items=A&fields=a*', '"a*"'],
  ['QUERY_INVALID', 'items=A&fields=a,a', '"a"'],
  ['QUERY_INVALID', 'items=A&fields=a,b,c,d', '"fields"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=0', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=0.0', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=-1', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=1000.1', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=1e2', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=NaN', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxDelay=1.5', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&maxDelay=1.0', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&maxDelay=-1', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&maxDelay=60001', '"maxDelay"'],
  ['QUERY_INVALID', 'maxBandwidth=999', '"maxBandwidth"'],
  ['QUERY_INVALID', 'maxBandwidth=1000000001', '"maxBandwidth"'],
  ['QUERY_INVALID', 'items=A&snapshot=yes', '"snapshot"'],
  ['QUERY_INVALID', 'items=A&mode=newest', '"mode"'],
  ['QUERY_INVALID', 'items=A&mode=', '"mode"'],
  ['QUERY_INVALID', 'items=A&mode=raw&onLost=never', '"onLost"'],
  ['QUERY_INVALID', 'encoding=sse', '"encoding"'],
  ['QUERY_INVALID', 'new=1', '"new"'],
]

for (const [code, query, named] of BAD_STREAMS) {
  test(`[H21] a stream of ?${query} is refused with ${code}, which names ${named}`, t => {
    const message = ask(`GET /stream?${query}`)
    t.like(message, { kind: 'refused', status: 400, code })
    t.true(message.kind === 'refused' && message.message.includes(named))
  })
}

const WITHOUT_EFFECT: [query: string, named: string][] = [
  ['fields=a', '"fields"'],
  ['mode=merge', '"mode"'],
  ['maxFrequency=1', '"maxFrequency"'],
  ['snapshot=true', '"snapshot"'],
  ['onLost=end', '"onLost"'],
  ['items=A&onLost=end', '"onLost"'],
  ['items=A&mode=raw&maxFrequency=2', '"maxFrequency"'],
  ['items=A&encoding=terse', '"encoding"'],
  ['items=A&wait=1', '"wait"'],
]

for (const [query, named] of WITHOUT_EFFECT) {
  test(`[H80] a stream of ?${query} is refused, as ${named} would have no effect`, t => {
    const message = ask(`GET /stream?${query}`)
    t.like(message, { kind: 'refused', status: 400, code: 'QUERY_INVALID' })
    t.true(message.kind === 'refused' && message.message.includes(named))
  })
}

const FREQUENCIES: [cap: number, wish: string, frequency: number][] = [
  [0, '', 0],
  [0, '&maxFrequency=1000', 1_000],
  [0, '&maxFrequency=0.000000001', 1e-9],
  [5, '', 5],
  [5, '&maxFrequency=4.5', 4.5],
  [5, '&maxFrequency=6', 5],
]

for (const [maxFrequencyCap, wish, frequency] of FREQUENCIES) {
  test(`[H21] with a cap of ${maxFrequencyCap} a stream with the wish "${wish}" gets ${frequency}`, t => {
    const { opening } = bindOf(`GET /stream?items=A${wish}`, { settings: { maxFrequencyCap } })
    t.is(opening?.maxFrequency, frequency)
  })
}

test('[H22] a type that is no stream is answered 406', t => {
  const headers = ['Accept: text/html']
  t.like(ask('GET /stream?items=A', { headers }), { kind: 'refused', status: 406, code: 'NOT_ACCEPTABLE' })
  t.is(bindOf('GET /poll', { headers }).transport, 'poll', 'a poll has one type, as a list of items has')
})

const TRANSPORTS: [line: string, headers: string[], transport: string][] = [
  ['GET /stream', [], 'sse'],
  ['POST /stream', ['Accept: text/event-stream'], 'sse'],
  ['POST /stream', [NDJSON], 'ndjson'],
  ['GET /poll', [], 'poll'],
  ['POST /poll', [NDJSON], 'poll'],
  ['GET /stream', UPGRADE, 'websocket'],
  ['GET /stream', [...UPGRADE, 'Accept: text/html'], 'websocket'],
  ['GET /stream', ['Upgrade: h2c, WebSocket', 'Connection: keep-alive , upgrade'], 'websocket'],
]

for (const [line, headers, transport] of TRANSPORTS) {
  test(`[H75] ${line} with [${headers}] binds to ${transport}`, t => {
    const message = ask(line, { headers })
    t.like(message, { kind: 'bind', isUpgrade: transport === 'websocket', bind: { transport } })
  })
}

const NO_UPGRADES: [line: string, headers: string[], version: '1.0' | '1.1'][] = [
  ['GET /stream', ['Upgrade: websocket'], '1.1'],
  ['GET /stream', ['Connection: Upgrade'], '1.1'],
  ['GET /stream', ['Upgrade: h2c', 'Connection: Upgrade'], '1.1'],
  ['GET /stream', ['Upgrade: websockets', 'Connection: Upgrade'], '1.1'],
  ['GET /stream', ['Upgrade: websocket', 'Connection: upgraded'], '1.1'],
  ['GET /stream', UPGRADE, '1.0'],
  ['POST /stream', UPGRADE, '1.1'],
  ['GET /poll', UPGRADE, '1.1'],
]

for (const [line, headers, version] of NO_UPGRADES) {
  test(`[H76] ${line} of HTTP/${version} with [${headers}] is no upgrade`, t => {
    const message = ask(line, { headers, version })
    t.like(message, { kind: 'bind', isUpgrade: false })
    t.true(message.kind === 'bind' && message.bind.transport !== 'websocket')
  })
}

type Resume = BindRequest['resume']
const RESUMES: [query: string, lastEventId: string | null, resume: Resume][] = [
  [`session=${ID}&position=0`, null, { session: ID, position: 0 }],
  [`session=${ID}&position=9007199254740991`, null, { session: ID, position: 9_007_199_254_740_991 }],
  ['', `${ID}.120`, { session: ID, position: 120 }],
  [`session=${ID}&position=7`, `${OTHER_ID}.120`, { session: OTHER_ID, position: 120 }],
  [`session=${ID}&position=7`, '17', { session: ID, position: 7 }],
  ['', `${ID}`, null],
  ['', `${ID}.`, null],
  ['', `${ID}.-1`, null],
  ['', `${ID}.1.2`, null],
  ['', `${ID}.1x`, null],
  ['', `${ID}.9007199254740992`, null],
  ['', `${ID}.99999999999999999`, null],
  ['', `${ID}a.1`, null],
  ['', 'short.1', null],
  ['', '17', null],
  ['', '9f2c.120, 9f2c.121', null],
]

for (const [query, lastEventId, resume] of RESUMES) {
  test(`[H77] ?${query} with Last-Event-ID ${lastEventId} takes up ${JSON.stringify(resume)}`, t => {
    const headers = lastEventId === null ? [] : [`Last-Event-ID: ${lastEventId}`]
    for (const path of ['/stream', '/poll']) t.deepEqual(bindOf(`GET ${path}?${query}`, { headers }).resume, resume)
  })
}

const BAD_RESUMES: [query: string, named: string][] = [
  [`session=${ID}`, '"position"'],
  ['position=1', '"session"'],
  ['session=&position=1', '"session"'],
  [`session=${ID}a&position=1`, '"session"'],
  [`session=${ID.slice(1)}*&position=1`, '"session"'],
  [`session=${ID}%0A&position=1`, '"session"'],
  [`session=${ID}&position=`, '"position"'],
  [`session=${ID}&position=-1`, '"position"'],
  [`session=${ID}&position=9007199254740992`, '"position"'],
]

for (const [query, named] of BAD_RESUMES) {
  test(`[H77] ?${query} is refused, which names ${named}, whatever a browser remembers`, t => {
    const message = ask(`GET /stream?${query}`, { headers: [`Last-Event-ID: ${ID}.120`] })
    t.like(message, { kind: 'refused', status: 400, code: 'QUERY_INVALID' })
    t.true(message.kind === 'refused' && message.message.includes(named))
  })
}

const OPENINGS: [query: string, mayOpen: boolean][] = [
  ['', true],
  ['new=false', true],
  [`session=${ID}&position=1`, false],
  [`session=${ID}&position=1&new=false`, false],
  [`session=${ID}&position=1&new=true`, true],
  [`session=${ID}&position=1&items=A`, true],
]

for (const [query, mayOpen] of OPENINGS) {
  test(`[H78] ?${query} ${mayOpen ? 'may' : 'may not'} open a session`, t => {
    t.is(bindOf(`GET /stream?${query}`).mayOpen, mayOpen)
  })
}

test('[H78] where a session is no more, its id in Last-Event-ID opens none without items', t => {
  const headers = [`Last-Event-ID: ${ID}.1`]
  t.false(bindOf('GET /stream', { headers }).mayOpen)
  t.true(bindOf('GET /stream?items=A', { headers }).mayOpen)
})

const REQUESTS = '{"request":1,"pause":3}\n\n{"request":2,"pause":"x"}\n'

test('[H79] the body of a POST holds requests, and that of a GET nothing', t => {
  const kinds = (line: string) => bindOf(line, { body: REQUESTS }).requests.map(({ kind }) => kind)
  t.deepEqual(kinds('POST /stream?items=A'), ['pause', 'bad'])
  t.deepEqual(kinds('POST /poll'), ['pause', 'bad'])
  t.deepEqual(kinds('GET /stream?items=A'), [])
})

test('[H81] a control request names its session, and its body holds requests', t => {
  const message = ask(`POST /control?session=${ID}`, { body: REQUESTS })
  t.like(message, { kind: 'control', session: ID })
  t.deepEqual(message.kind === 'control' && message.requests.map(({ kind }) => kind), ['pause', 'bad'])
  t.deepEqual(ask(`POST /control?session=${ID}`), { kind: 'control', session: ID, requests: [] })
  for (const query of ['', 'session=', `session=${ID}a`, `session=${ID}&session=${ID}`, `session=${ID}&position=1`]) {
    t.like(ask(`POST /control?${query}`), { kind: 'refused', status: 400, code: 'QUERY_INVALID' }, query)
  }
})

test('[H80] a poll is held as long as it asks, at most as long as the settings say', t => {
  t.is(bindOf('GET /poll').waitMs, 20_000)
  t.is(bindOf('GET /poll?wait=0').waitMs, 0)
  t.is(bindOf('GET /poll?wait=20000').waitMs, 20_000)
  t.is(bindOf('GET /poll?wait=20001').waitMs, 20_000, 'a longer wish is cut')
  t.is(bindOf('GET /poll?wait=600000').waitMs, 20_000)
  for (const wait of ['600001', '-1', '1.5', '']) t.like(ask(`GET /poll?wait=${wait}`), { code: 'QUERY_INVALID' }, wait)
  t.is(bindOf('GET /poll?encoding=terse').encoding, 'terse')
  t.is(bindOf('GET /stream?encoding=terse', { headers: UPGRADE }).encoding, 'terse')
})

const PIECES = [
  ...['items', 'fields', 'mode', 'maxFrequency', 'snapshot', 'onLost', 'maxDelay', 'maxBandwidth', 'encoding', 'wait'],
  ...['session', 'position', 'new', '=', '=', '=', '=', '&', '&', '&', '&', ',', '*', '%', '%41', '%c3%bc', '+', '.'],
  ...['A', 'quote', 'raw', 'merge', 'true', 'false', 'terse', 'json', 'end', '0', '1', '1000', '99999999999', ID],
]

test('[H86] whatever the query, a stream is refused with a reason or is within the limits', t => {
  const random = new Random(seedOr(7))
  const kinds = new Map<string, number>()
  for (let i = 0; i < 20_000; i++) {
    const usual = ['', 'items=A*,quote&', `session=${ID}&position=1&`, 'maxBandwidth=1000&'][random.int(4)]!
    const query = usual + Array.from({ length: random.int(6) }, () => random.pick(PIECES)).join('')
    const headers = random.pick([[], [NDJSON], UPGRADE])
    const message = ask(`${random.pick(['GET /stream', 'GET /poll'])}?${query}`, { headers })
    const note = `seed ${random.seed}, query ${query}`
    kinds.set(message.kind, (kinds.get(message.kind) ?? 0) + 1)
    if (message.kind === 'refused') t.true(message.status === 400 && message.message !== '', note)
    else if (message.kind === 'bind') t.true(isWithinLimits(message.bind), note)
    else t.fail(note)
  }
  t.true(kinds.get('bind')! > 1_000 && kinds.get('refused')! > 1_000, 'both are drawn often')
})

function isWithinLimits(bind: BindRequest): boolean {
  const { maxDelayMs, maxBandwidth, waitMs, opening, resume } = bind
  const { maxDelayMsMax, sessionBandwidthMin, pollWaitMs, sessionItemsMax } = HTTP_SETTINGS
  const itemCount = opening === null ? 1 : opening.items.length + opening.prefixes.length
  return (
    maxDelayMs >= 0 &&
    maxDelayMs <= maxDelayMsMax &&
    (maxBandwidth === 0 || maxBandwidth >= sessionBandwidthMin) &&
    waitMs >= 0 &&
    waitMs <= pollWaitMs &&
    itemCount >= 1 &&
    itemCount <= sessionItemsMax &&
    (resume === null || (resume.session.length === 22 && Number.isSafeInteger(resume.position))) &&
    !(bind.encoding === 'terse' && bind.transport === 'sse')
  )
}
