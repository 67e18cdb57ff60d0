import test from 'ava'
import { MAX_BANDWIDTH_MAX, NUMBER_MAX, REQUEST_LINES_MAX, readRequests } from '#src/codec/client-request.ts'
import { NESTING_MAX } from '#src/codec/json-source.ts'
import { MAX_FREQUENCY_MAX, MAX_FREQUENCY_MIN } from '#src/codec/subscription-request.ts'
import { isName } from '#src/domain/names.ts'
import { type SessionRequest, SUBSCRIPTION_ID_MAX, type SubscriptionRequest } from '#src/domain/session-request.ts'
import { HTTP_SETTINGS } from '../support/http-ask.ts'
import { Random, seedOr } from '../support/random.ts'

const SETTINGS = HTTP_SETTINGS

/** The one request of a body. */
function read(body: string | Buffer, settings: Partial<typeof SETTINGS> = {}): SessionRequest {
  const requests = readRequests(body, { ...SETTINGS, ...settings })
  if (requests.length !== 1) throw new Error(`${requests.length} requests`)
  return requests[0]!
}

test('[K1] each line that is not blank is a request, in order; a bad one stands among good ones', t => {
  const body = '{"pause":1}\n\n \t\r\n{"resume":2}\r\nnonsense\n{"unsubscribe":3}'
  const requests: SessionRequest[] = [
    { kind: 'pause', number: null, id: 1 },
    { kind: 'resume', number: null, id: 2 },
    { kind: 'bad', number: null, code: 'REQUEST_INVALID', message: 'the line is not JSON' },
    { kind: 'unsubscribe', number: null, id: 3 },
  ]
  t.deepEqual(readRequests(body, SETTINGS), requests)
  t.deepEqual(readRequests(Buffer.from(`${body}\n`), SETTINGS), requests)
  t.deepEqual(readRequests('', SETTINGS), [])
  t.deepEqual(readRequests('\n \n', SETTINGS), [])
})

test('[K2] a body that is not UTF-8, or has too many lines, is one bad request', t => {
  const line = '{"pause":1}\n'
  for (const body of [Buffer.from([...Buffer.from(line), 0xff]), `${line}"\ud800"`]) {
    t.like(read(body), { kind: 'bad', number: null, code: 'REQUEST_INVALID' })
  }
  t.is(readRequests(`${line}\n`.repeat(REQUEST_LINES_MAX), SETTINGS).length, REQUEST_LINES_MAX)
  const many = read(line.repeat(REQUEST_LINES_MAX + 1))
  t.like(many, { kind: 'bad', number: null, code: 'REQUEST_INVALID' })
})

const BAD_LINES: [line: string, named: string][] = [
  ['1', 'object'],
  ['null', 'object'],
  ['[{"pause":1}]', 'object'],
  ['{"pause":1} {"pause":2}', 'JSON'],
  ['{"pause":1,}', 'JSON'],
  ["{'pause':1}", 'JSON'],
  ['\ufeff{"pause":1}', 'JSON'],
  ['{}', 'one of'],
  ['{"request":1}', 'one of'],
  ['{"pause":1,"resume":1}', 'one of'],
  ['{"subscirbe":{"id":1,"items":["A"]}}', '"subscirbe"'],
  ['{"pause":1,"id":1}', '"id"'],
  ['{"pause":1,"pause":1}', '"pause"'],
  ['{"pause":1,"p\\u0061use":1}', '"pause"'],
  ['{"change":{"id":1,"maxFrequency":1,"items":["A"]}}', '"items"'],
  ['{"change":{"id":1,"maxFrequency":1,"id":1}}', '"id"'],
]

for (const [line, named] of BAD_LINES) {
  test(`[K3] ${JSON.stringify(line)} is refused, which names ${named}`, t => {
    const request = read(line)
    t.like(request, { kind: 'bad', code: 'REQUEST_INVALID' })
    t.true(request.kind === 'bad' && request.message.includes(named))
  })
}

test('[K4] a bad request has its number where that can be read', t => {
  for (const line of ['{"request":7}', '{"request":7,"pause":"x"}', '{"x":1,"request":7}', '{"ack":1,"request":7}']) {
    t.like(read(line), { kind: 'bad', number: 7, code: 'REQUEST_INVALID' }, line)
  }
  t.like(read(`{"request":${NUMBER_MAX},"pause":1}`), { kind: 'pause', number: NUMBER_MAX })
  for (const number of ['0', '-1', '1.5', '9007199254740992', '1e400', '"7"', 'null', '[7]', 'true']) {
    t.like(read(`{"request":${number},"pause":1}`), { kind: 'bad', number: null, code: 'REQUEST_INVALID' }, number)
  }
})

const DEFAULTS: SubscriptionRequest = {
  id: 0,
  items: ['A'],
  prefixes: [],
  fields: null,
  mode: 'merge',
  filter: null,
  window: null,
  maxFrequency: 0,
  hasSnapshot: true,
  historyMax: null,
  bufferSize: 0,
  onLost: 'end',
}

const SUBSCRIPTIONS: [members: string, expected: Partial<SubscriptionRequest>][] = [
  ['"id":0,"items":["A"]', {}],
  [`"id":${SUBSCRIPTION_ID_MAX},"items":["b","A"]`, { id: SUBSCRIPTION_ID_MAX, items: ['b', 'A'] }],
  ['"id":3,"items":["A","q.*","B"]', { id: 3, items: ['A', 'B'], prefixes: ['q.'] }],
  ['"id":3,"items":["*"]', { id: 3, items: [], prefixes: [''] }],
  ['"id":3,"items":["a b*","a *"]', { id: 3, items: [], prefixes: ['a b', 'a '] }],
  ['"id":3,"items":["12345678*"]', { id: 3, items: [], prefixes: ['12345678'] }],
  ['"items":["A","A*"],"id":1', { id: 1, prefixes: ['A'] }],
  ['"id":0,"items":["A"],"fields":["bid","ask"]', { fields: ['bid', 'ask'] }],
  ['"id":0,"items":["A"],"mode":"merge","maxFrequency":2.5', { maxFrequency: 2.5 }],
  ['"id":0,"items":["A"],"snapshot":false', { hasSnapshot: false }],
  ['"id":0,"items":["A"],"mode":"raw","onLost":"snapshot"', { mode: 'raw', onLost: 'snapshot' }],
  ['"id":0,"items":["A"],"maxFrequency":1e-9', { maxFrequency: 1e-9 }],
  ['"id":0,"items":["A"],"mode":"distinct","bufferSize":7', { mode: 'distinct', bufferSize: 7 }],
  ['"id":0,"items":["A"],"mode":"distinct","snapshot":25', { mode: 'distinct', historyMax: 25 }],
  ['"id":0,"items":["A"],"mode":"distinct","snapshot":true', { mode: 'distinct', historyMax: null }],
  ['"id":0,"items":["A"],"mode":"distinct","snapshot":false', { mode: 'distinct', historyMax: 0, hasSnapshot: false }],
]

for (const [members, expected] of SUBSCRIPTIONS) {
  test(`[K5] {${members}} subscribes to what it says`, t => {
    t.deepEqual(read(`{"request":1,"subscribe":{${members}}}`), {
      kind: 'subscribe',
      number: 1,
      subscription: { ...DEFAULTS, ...expected },
    })
  })
}

const BAD_SUBSCRIPTIONS: [code: string, members: string, named: string][] = [
  ['REQUEST_INVALID', '"items":["A"]', '"id"'],
  ['REQUEST_INVALID', '"id":1', '"items"'],
  ['REQUEST_INVALID', '"id":-1,"items":["A"]', '"id"'],
  ['REQUEST_INVALID', '"id":2147483648,"items":["A"]', '"id"'],
  ['REQUEST_INVALID', '"id":"1","items":["A"]', '"id"'],
  ['REQUEST_INVALID', '"id":1,"items":[]', '"items"'],
  ['REQUEST_INVALID', '"id":1,"items":"A"', '"items"'],
  ['REQUEST_INVALID', '"id":1,"items":["A",1]', '"items"'],
  ['REQUEST_INVALID', '"id":1,"items":{"0":"A","length":1}', '"items"'],
  ['REQUEST_INVALID', '"id":1,"items":["A","B","A"]', '"A"'],
  ['REQUEST_INVALID', '"id":1,"items":["A*","B","A*"]', '"A*"'],
  ['ITEMS_TOO_MANY', '"id":1,"items":["A","B","C","D*"]', '3'],
  ['ITEM_NAME_INVALID', '"id":1,"items":[""]', '""'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["a,b"]', '"a,b"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["*a"]', '"*a"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["a**"]', '"a**"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":[" *"]', '" *"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["123456789"]', '"123456789"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["123456789*"]', '"123456789*"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["\\ud800"]', '"\\ud800"'],
  ['ITEM_NAME_INVALID', '"id":1,"items":["a\\n"]', '"a\\n"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"fields":[]', '"fields"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"fields":null', '"fields"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"fields":["a","b","c","d"]', '"fields"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"fields":["a","a"]', '"a"'],
  ['FIELD_NAME_INVALID', '"id":1,"items":["A"],"fields":["a*"]', '"a*"'],
  ['FIELD_NAME_INVALID', '"id":1,"items":["A"],"fields":["123456789"]', '"123456789"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"mode":"newest"', '"mode"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"maxFrequency":0', '"maxFrequency"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"maxFrequency":1e-300', '"maxFrequency"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"maxFrequency":1000.1', '"maxFrequency"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"maxFrequency":"1"', '"maxFrequency"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"snapshot":1', '"snapshot"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"snapshot":"true"', '"snapshot"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"mode":"raw","maxFrequency":2', '"maxFrequency"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"onLost":"end"', '"onLost"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"mode":"merge","onLost":"snapshot"', '"onLost"'],
  ['REQUEST_INVALID', '"id":1,"items":["A"],"mode":"raw","onLost":"never"', '"onLost"'],
]

for (const [code, members, named] of BAD_SUBSCRIPTIONS) {
  test(`[K5] {${members}} is refused with ${code}, which names ${named}`, t => {
    const request = read(`{"request":1,"subscribe":{${members}}}`)
    t.like(request, { kind: 'bad', number: 1, code })
    t.true(request.kind === 'bad' && request.message.includes(named))
  })
}

const RATES: [cap: number, wish: string, maxFrequency: number][] = [
  [0, 'null', 0],
  [0, '1000', 1_000],
  [5, 'null', 5],
  [5, '4.5', 4.5],
  [5, '6', 5],
]

for (const [maxFrequencyCap, wish, maxFrequency] of RATES) {
  test(`[K6] with a cap of ${maxFrequencyCap} a change to ${wish} gets ${maxFrequency}`, t => {
    const request = read(`{"request":2,"change":{"id":3,"maxFrequency":${wish}}}`, { maxFrequencyCap })
    t.deepEqual(request, { kind: 'change', number: 2, id: 3, maxFrequency })
  })
}

test('[K6] a subscription gets at most the cap, unless it is of every update', t => {
  const wish = (more: string) => read(`{"subscribe":{"id":1,"items":["A"]${more}}}`, { maxFrequencyCap: 5 })
  t.like(wish(''), { subscription: { maxFrequency: 5 } })
  t.like(wish(',"maxFrequency":6'), { subscription: { maxFrequency: 5 } })
  t.like(wish(',"maxFrequency":1'), { subscription: { maxFrequency: 1 } })
  t.like(wish(',"mode":"raw"'), { subscription: { maxFrequency: 0 } })
})

const LIMITS: [members: string, maxBandwidth: number | null, maxDelayMs: number | null][] = [
  ['"maxBandwidth":20000,"maxDelay":100', 20_000, 100],
  ['"maxBandwidth":1000', 1_000, null],
  ['"maxDelay":0', null, 0],
  ['"maxBandwidth":null', 0, null],
  ['"maxDelay":null,"maxBandwidth":1000000000', MAX_BANDWIDTH_MAX, 0],
]

for (const [members, maxBandwidth, maxDelayMs] of LIMITS) {
  test(`[K7] limits {${members}} set ${maxBandwidth} bytes a second and ${maxDelayMs} ms`, t => {
    t.deepEqual(read(`{"limits":{${members}}}`), { kind: 'limits', number: null, maxBandwidth, maxDelayMs })
  })
}

test('[K8] pause, resume, unsubscribe and destroy are read; an acknowledgement has a position alone', t => {
  t.deepEqual(read('{"request":3,"pause":3}'), { kind: 'pause', number: 3, id: 3 })
  t.deepEqual(read('{"request":4,"resume":0}'), { kind: 'resume', number: 4, id: 0 })
  t.deepEqual(read(' { "request" : 5 , "unsubscribe" : 3 } '), { kind: 'unsubscribe', number: 5, id: 3 })
  t.deepEqual(read('{"request":8,"destroy":true}'), { kind: 'destroy', number: 8 })
  t.deepEqual(read('{"ack":120}'), { kind: 'ack', position: 120 })
  t.deepEqual(read('{"ack":-0}'), { kind: 'ack', position: 0 })
})

const BAD_VERBS: [line: string, named: string][] = [
  ['{"subscribe":3}', '"subscribe"'],
  ['{"subscribe":[]}', '"subscribe"'],
  ['{"change":{"id":1}}', '"maxFrequency"'],
  ['{"change":{"maxFrequency":1}}', '"id"'],
  ['{"change":{"id":1,"maxFrequency":0}}', '"maxFrequency"'],
  ['{"change":null}', '"change"'],
  ['{"pause":null}', '"pause"'],
  ['{"resume":2147483648}', '"resume"'],
  ['{"unsubscribe":{"id":1}}', '"unsubscribe"'],
  ['{"limits":{}}', '"limits"'],
  ['{"limits":{"maxBandwidth":999}}', '"maxBandwidth"'],
  ['{"limits":{"maxBandwidth":0}}', '"maxBandwidth"'],
  ['{"limits":{"maxBandwidth":1000000001}}', '"maxBandwidth"'],
  ['{"limits":{"maxDelay":60001}}', '"maxDelay"'],
  ['{"limits":{"maxDelay":1.5}}', '"maxDelay"'],
  ['{"message":{"to":"orders"}}', '"data"'],
  ['{"message":{"data":1}}', '"to"'],
  ['{"message":{"to":1,"data":1}}', '"to"'],
  ['{"message":{"to":"","data":1}}', '""'],
  ['{"message":{"to":"a*","data":1}}', '"a*"'],
  ['{"message":{"to":"123456789","data":1}}', '"123456789"'],
  ['{"message":{"to":"orders","data":1,"timeoutMs":0}}', '"timeoutMs"'],
  ['{"message":{"to":"orders","data":1,"timeoutMs":10001}}', '"timeoutMs"'],
  ['{"destroy":false}', '"destroy"'],
  ['{"destroy":1}', '"destroy"'],
  ['{"ack":-1}', '"ack"'],
  ['{"ack":"1"}', '"ack"'],
  ['{"ack":1,"request":1}', '"ack"'],
]

for (const [line, named] of BAD_VERBS) {
  test(`[K8] ${line} is refused, which names ${named}`, t => {
    const request = read(line)
    t.like(request, { kind: 'bad', code: 'REQUEST_INVALID' })
    t.true(request.kind === 'bad' && request.message.includes(named))
  })
}

const DATA: [source: string, data: string][] = [
  ['null', 'null'],
  ['1.10', '1.10'],
  ['12345678901234567890', '12345678901234567890'],
  ['" a \\n\\" b "', '" a \\n\\" b "'],
  ['{ "a" : [ 1 , -2.50e+1 ,\ttrue ] ,\r"b" : { } }', '{"a":[1,-2.50e+1,true],"b":{}}'],
  ['{"__proto__":1,"constructor":{"a":1,"a":2}}', '{"__proto__":1,"constructor":{"a":1,"a":2}}'],
]

for (const [source, data] of DATA) {
  test(`[K9] a message with the data ${JSON.stringify(source)} keeps them as they were written`, t => {
    const line = `{"request":7,"message":{"to":"orders","data":${source},"timeoutMs":5000}}`
    t.deepEqual(read(line), { kind: 'message', number: 7, to: 'orders', data, timeoutMs: 5_000 })
  })
}

test('[K9] a message waits for its answer as long as the settings say, unless it says less', t => {
  t.like(read('{"message":{"to":"orders","data":0}}'), { timeoutMs: SETTINGS.messageTimeoutMs })
  t.like(read('{"message":{"to":"orders","data":0,"timeoutMs":1}}'), { timeoutMs: 1 })
})

test('[K10] a line nests within a bound, and more is refused whatever it is', t => {
  const message = (depth: number) => `{"message":{"to":"a","data":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`
  t.is(read(message(NESTING_MAX)).kind, 'message')
  for (const line of [message(NESTING_MAX + 1), '['.repeat(60_000), '{"a":'.repeat(10_000), `"\\"${'['.repeat(100)}`]) {
    t.like(read(line), { kind: 'bad', number: null, code: 'REQUEST_INVALID' })
  }
  const text = `{"message":{"to":"a","data":"${'['.repeat(1_000)}"}}`
  t.is(read(text).kind, 'message', 'a bracket in a string nests nothing')
})

test('[K10] names that objects inherit mean nothing', t => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.like(read(`{"${name}":{"pause":1}}`), { kind: 'bad', code: 'REQUEST_INVALID' }, name)
    t.like(read(`{"pause":1,"${name}":1}`), { kind: 'bad', code: 'REQUEST_INVALID' }, name)
    t.like(read(`{"change":{"${name}":{"id":1},"maxFrequency":1}}`), { kind: 'bad', code: 'REQUEST_INVALID' }, name)
  }
  t.is(({} as { pause?: unknown }).pause, undefined)
})

const VALUES = [
  ...['0', '1', '-1', '3', '2.5', '1e9', '1e400', '2147483648', '99999999999999999999', 'null', 'true', 'false', '{}'],
  ...['"A"', '"q*"', '"*"', '"raw"', '"merge"', '"snapshot"', '"end"', '"\\ud800"', '"__proto__"', '[]', '[[1]]', ''],
  ...['["A"]', '["A","q.*"]', '["A","A"]', '["bid","ask"]', '["A","B","C","D"]', '{"id":1,"items":["A"]}', '[', '"'],
]
const KEYS = [
  ...['request', 'subscribe', 'change', 'pause', 'resume', 'unsubscribe', 'limits', 'message', 'destroy', 'ack', 'id'],
  ...['items', 'fields', 'mode', 'maxFrequency', 'snapshot', 'onLost', 'maxBandwidth', 'maxDelay', 'to', 'data', 'x'],
]
const LIKELY: Readonly<Record<string, readonly string[]>> = {
  subscribe: ['"id":1', '"items":["A","q*"]', '"fields":["bid"]', '"mode":"raw"', '"maxFrequency":2', '"onLost":"end"'],
  change: ['"id":1', '"maxFrequency":0.5', '"maxFrequency":null'],
  limits: ['"maxBandwidth":2000', '"maxBandwidth":1', '"maxDelay":null', '"maxDelay":5'],
  message: ['"to":"orders"', '"data":{"a":[1.10,null]}', '"timeoutMs":50', '"data":1'],
}

function drawValue(random: Random): string {
  if (random.chance(0.1)) return 'true'
  return random.chance(0.4) ? String(random.int(100)) : random.pick(VALUES)
}

/** A request that is right, nearly right, or of random members. */
function drawLine(random: Random): string {
  if (random.chance(0.1)) return Buffer.from(Array.from({ length: random.int(20) }, () => random.int(256))).toString()
  const members: string[] = random.chance(0.5) ? [`"request":${drawValue(random)}`] : []
  const verb = random.pick(KEYS)
  const likely = LIKELY[verb]?.filter(() => random.chance(0.7)) ?? []
  if (random.chance(0.1)) likely.push(`"${random.pick(KEYS)}":${random.pick(VALUES)}`)
  members.push(`"${verb}":${LIKELY[verb] === undefined ? drawValue(random) : `{${likely.join(',')}}`}`)
  if (random.chance(0.1)) members.push(`"${random.pick(KEYS)}":${random.pick(VALUES)}`)
  const line = `{${members.join(',')}}`
  return random.chance(0.9) ? line : line.slice(0, random.int(line.length))
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max
}

function isFrequency(value: number): boolean {
  return value === 0 || (value >= MAX_FREQUENCY_MIN && value <= MAX_FREQUENCY_MAX)
}

function isSubscription(one: SubscriptionRequest): boolean {
  const { items, prefixes, fields } = one
  const count = items.length + prefixes.length
  const isGoodNames =
    items.every(name => isName(name, SETTINGS.itemNameBytesMax)) &&
    prefixes.every(prefix => prefix === '' || isName(`${prefix}.`, SETTINGS.itemNameBytesMax + 1)) &&
    (fields ?? []).every(name => isName(name, SETTINGS.fieldNameBytesMax))
  const isGoodCounts = count >= 1 && count <= SETTINGS.sessionItemsMax && (fields?.length ?? 1) <= SETTINGS.fieldsMax
  return isInteger(one.id, 0, SUBSCRIPTION_ID_MAX) && isGoodNames && isGoodCounts && isFrequency(one.maxFrequency)
}

/** Whether a request is what its type promises. */
function isWithinLimits(request: SessionRequest): boolean {
  if (request.kind === 'ack') return isInteger(request.position, 0, NUMBER_MAX)
  if (request.number !== null && !isInteger(request.number, 1, NUMBER_MAX)) return false
  switch (request.kind) {
    case 'subscribe':
      return isSubscription(request.subscription)
    case 'change':
      return isInteger(request.id, 0, SUBSCRIPTION_ID_MAX) && isFrequency(request.maxFrequency)
    case 'limits': {
      const bandwidth = request.maxBandwidth ?? 0
      const isGoodBandwidth = bandwidth === 0 || isInteger(bandwidth, SETTINGS.sessionBandwidthMin, MAX_BANDWIDTH_MAX)
      return isGoodBandwidth && isInteger(request.maxDelayMs ?? 0, 0, SETTINGS.maxDelayMsMax)
    }
    case 'message':
      JSON.parse(request.data)
      return isName(request.to, SETTINGS.itemNameBytesMax) && isInteger(request.timeoutMs, 1, SETTINGS.messageTimeoutMs)
    case 'destroy':
      return true
    case 'bad':
      return request.message !== '' && request.message.length < 1_000
    default:
      return isInteger(request.id, 0, SUBSCRIPTION_ID_MAX)
  }
}

test('[K11] whatever comes, nothing is thrown, and what is not bad is within the limits', t => {
  const random = new Random(seedOr(11))
  const counts = new Map<string, number>()
  for (let i = 0; i < 20_000; i++) {
    const line = drawLine(random).replaceAll('\n', ' ')
    for (const request of readRequests(line, SETTINGS)) {
      counts.set(request.kind, (counts.get(request.kind) ?? 0) + 1)
      if (!isWithinLimits(request)) t.fail(`seed ${random.seed}: ${line} gave ${JSON.stringify(request)}`)
    }
  }
  const kinds = ['ack', 'bad', 'change', 'destroy', 'limits', 'message', 'pause', 'resume', 'subscribe', 'unsubscribe']
  t.deepEqual([...counts.keys()].sort(), kinds)
  for (const [kind, count] of counts) t.true(count > 20, `${kind} is drawn ${count} times`)
})
