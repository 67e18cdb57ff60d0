import test, { type ExecutionContext } from 'ava'
import type { FeedErrorCode } from '#src/errors.ts'
import { Fixture } from '../support/feed-line-fixture.ts'

function brackets(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth)
}

const TARGETS: [list: string, handles: string[]][] = [
  ['[]', []],
  ['["orders"]', ['orders']],
  ['[ "orders" ,\t"fx.*" ]', ['orders', 'fx.*']],
  ['["*"]', ['*']],
  ['["fx *"]', ['fx *']],
  ['["grün","\\u0061\\"b"]', ['grün', 'a"b']],
  ['["1234567890123456","1234567890123456*"]', ['1234567890123456', '1234567890123456*']],
  [JSON.stringify(Array(64).fill('a')), Array(64).fill('a')],
]

for (const [list, handles] of TARGETS) {
  test(`[F51] a greeting names targets: ${list.slice(0, 60)}`, t => {
    const fixture = new Fixture()
    t.like(fixture.parse(`{"feed":"x","handles":${list}}`), { kind: 'greeting', name: 'x', handles })
    t.like(fixture.parse(`{"handles":${list},"onDemand":true,"feed":"x"}`), { isOnDemand: true, handles })
    t.like(fixture.parse('{"feed":"y"}'), { name: 'y', handles: [] }, 'the next greeting has its own')
  })
}

const ANSWERS: [line: string, number: number, text: string][] = [
  ['{"answer":17,"result":true}', 17, '{"result":true}'],
  ['{"answer":1,"result":null}', 1, '{"result":null}'],
  ['{"result":"x","answer":9007199254740991}', 9_007_199_254_740_991, '{"result":"x"}'],
  ['{"answer":2,"result":{}}\r', 2, '{"result":{}}'],
  ['{"answer":2,"result":[]}', 2, '{"result":[]}'],
  ['{"answer":2,"result":{"a":1,"a":2,"":[false,{"b":null}]}}', 2, '{"result":{"a":1,"a":2,"":[false,{"b":null}]}}'],
  ['{"answer":2,"result":"answer"}', 2, '{"result":"answer"}'],
  ['{"answer":3,"error":"no such account"}', 3, '{"error":"no such account"}'],
  ['{"error":"\\u00e9\\n\\"","answer":3}', 3, '{"error":"é\\n\\""}'],
  ['{"answer":3,"error":""}', 3, '{"error":""}'],
  [`{"answer":4,"result":${brackets(63)}}`, 4, `{"result":${brackets(63)}}`],
]

for (const [line, number, text] of ANSWERS) {
  test(`[F52] an answer: ${line.slice(0, 60)}`, t => {
    t.deepEqual(new Fixture().parse(line), { kind: 'answer', number, text })
  })
}

test('[F53] a result keeps its digits and its strings as they were printed, and no white space around them', t => {
  const fixture = new Fixture()
  const result = '\r{ "a b" : [ 1.50 ,\t12345678901234567890,-0 ],\r"\\u0041 \\\\":"x \\" {\\r y" } '
  const text = '{"result":{"a b":[1.50,12345678901234567890,-0],"\\u0041 \\\\":"x \\" {\\r y"}}'
  t.deepEqual(fixture.parse(` { "answer" : 5 ,"result":${result}} `), { kind: 'answer', number: 5, text })
})

type BadLine = [code: FeedErrorCode, line: string | Buffer, message: RegExp]

const BAD: BadLine[] = [
  ['FEED_VALUE_TYPE', '{"feed":"x","handles":"orders"}', /"handles" must be a list of at most 64 names/],
  ['FEED_VALUE_TYPE', '{"feed":"x","handles":{}}', /"handles" must be/],
  ['FEED_VALUE_TYPE', '{"feed":"x","handles":["a",1]}', /"handles" must be/],
  ['FEED_VALUE_TYPE', '{"feed":"x","handles":[["a"]]}', /"handles" must be/],
  ['FEED_VALUE_TYPE', `{"feed":"x","handles":${JSON.stringify(Array(65).fill('a'))}}`, /at most 64 names/],
  ['FEED_NAME', '{"feed":"x","handles":[""]}', /"" cannot be the name of a target: 1 to 16 bytes/],
  ['FEED_NAME', '{"feed":"x","handles":["a*b"]}', /"a\*b"/],
  ['FEED_NAME', '{"feed":"x","handles":["a**"]}', /"a\*\*"/],
  ['FEED_NAME', '{"feed":"x","handles":["a,b"]}', /"a,b"/],
  ['FEED_NAME', '{"feed":"x","handles":["a "]}', /"a "/],
  ['FEED_NAME', '{"feed":"x","handles":[" a*"]}', /" a\*"/],
  ['FEED_NAME', '{"feed":"x","handles":["12345678901234567*"]}', /"12345678901234567\*"/],
  ['FEED_LINE_NOT_JSON', '{"feed":"x","handles":[a]}', /at byte 24/],
  ['FEED_LINE_NOT_JSON', '{"feed":"x","handles":["a",]}', /at byte 28/],
  ['FEED_LINE_NOT_JSON', '{"feed":"x","handles":["a" "b"]}', /at byte 28: expected , or \]/],
  ['FEED_LINE_NOT_JSON', '{"feed":"x","handles":["a"', /where it ends/],
  ['FEED_KEY_REPEATED', '{"feed":"x","handles":[],"handles":[]}', /"handles" stands twice/],
  ['FEED_KEY_UNKNOWN', '{"item":"A","fields":{"b":"1"},"handles":[]}', /"handles" does not belong to an update/],
  ['FEED_KEY_UNKNOWN', '{"feed":"x","result":1}', /"result" does not belong to a greeting/],
  ['FEED_KEY_UNKNOWN', '{"answer":1,"result":1,"error":"x"}', /"result" does not belong to an answer with an "error"/],
  ['FEED_KEY_UNKNOWN', '{"answer":1,"result":1,"item":"A"}', /"item" does not belong to an answer/],
  ['FEED_KEY_UNKNOWN', '{"feed":"x","answer":1,"result":1}', /"result" does not belong to a greeting/],
  ['FEED_KEY_REPEATED', '{"answer":1,"result":1,"result":2}', /"result" stands twice/],
  ['FEED_ITEM_MISSING', '{"result":1}', /no "item"/],
  ['FEED_VALUE_TYPE', '{"answer":1}', /an answer has a "result" or an "error"/],
  ['FEED_VALUE_TYPE', '{"answer":"1","result":1}', /"answer" must be the whole number of a message/],
  ['FEED_VALUE_TYPE', '{"answer":0,"result":1}', /"answer" must be/],
  ['FEED_VALUE_TYPE', '{"answer":1.5,"result":1}', /"answer" must be/],
  ['FEED_VALUE_TYPE', '{"answer":9007199254740992,"result":1}', /"answer" must be/],
  ['FEED_VALUE_TYPE', '{"answer":1,"error":{"code":1}}', /"error" must be a string/],
  ['FEED_VALUE_TYPE', '{"answer":1,"error":null}', /"error" must be a string/],
  ['FEED_VALUE_TYPE', `{"answer":1,"result":${brackets(64)}}`, /nest deeper than 64/],
  ['FEED_VALUE_TYPE', `{"answer":1,"result":${'{"a":['.repeat(30_000)}`, /nest deeper than 64/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":}', /at byte 22: expected a value/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":[1 2]}', /at byte 25: expected , or \]/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":[1,]}', /at byte 25: expected a value/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":{"a" 1}}', /at byte 27: expected :/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":{a:1}}', /at byte 23: expected a string/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":{"a":1,}}', /at byte 29/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":01}', /at byte 23: expected , or \}/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":trux}', /at byte 22: expected true/],
  ['FEED_LINE_NOT_JSON', '{"answer":1,"result":[[]}', /where it ends|at byte 25/],
  ['FEED_LINE_NOT_UTF8', '{"answer":1,"result":["\\ud800"]}', /half of a surrogate pair/],
  ['FEED_LINE_NOT_UTF8', Buffer.from('{"answer":1,"error":"\xff"}', 'latin1'), /not UTF-8/],
]

function assertBad(t: ExecutionContext, [code, line, message]: BadLine): void {
  const fixture = new Fixture()
  t.is(fixture.parse(line).kind, 'bad')
  t.is(fixture.parser.errorCode, code)
  t.regex(fixture.parser.errorMessage, message)
  t.is(fixture.parse('{"answer":1,"result":1}').kind, 'answer')
}

for (const bad of BAD) {
  const shown = JSON.stringify(Buffer.from(bad[1]).toString('latin1')).slice(0, 80)
  test(`[F54] ${bad[0]}: ${shown} (${bad[2].source})`, t => assertBad(t, bad))
}
