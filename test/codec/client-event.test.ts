import test from 'ava'
import {
  answerEvent,
  changedEvent,
  closingEvent,
  limitsEvent,
  outcomeErrorEvent,
  outcomeEvent,
  pausedEvent,
  resumedEvent,
  subscribedEvent,
  unsubscribedEvent,
  type Welcome,
  welcomeEvent,
} from '#src/codec/client-event.ts'

const ERROR = { code: 'REQUEST_INVALID', message: 'no "such"\r\nthing' }
const ERROR_JSON = '{"code":"REQUEST_INVALID","message":"no \\"such\\"\\r\\nthing"}'

const EVENTS: [name: string, event: string, record: string][] = [
  ['subscribed', subscribedEvent(3, 10, 0), '{"subscribed":3,"items":10}'],
  ['subscribed at a rate', subscribedEvent(0, 0, 2.5), '{"subscribed":0,"items":0,"maxFrequency":2.5}'],
  ['changed', changedEvent(3, 2), '{"changed":3,"maxFrequency":2}'],
  ['changed to no limit', changedEvent(3, 0), '{"changed":3,"maxFrequency":null}'],
  ['paused', pausedEvent(3), '{"paused":3}'],
  ['resumed', resumedEvent(3), '{"resumed":3}'],
  ['unsubscribed', unsubscribedEvent(3, null), '{"unsubscribed":3}'],
  ['unsubscribed by the server', unsubscribedEvent(3, ERROR), `{"unsubscribed":3,"error":${ERROR_JSON}}`],
  ['limits', limitsEvent(20_000, 100), '{"limits":{"maxBandwidth":20000,"maxDelay":100}}'],
  ['no limits', limitsEvent(0, 0), '{"limits":{"maxBandwidth":null,"maxDelay":null}}'],
  ['an answer', answerEvent(7, null), '{"answer":7}'],
  ['an answer with an error', answerEvent(7, ERROR), `{"answer":7,"error":${ERROR_JSON}}`],
  ['an answer without a number', answerEvent(null, ERROR), `{"answer":null,"error":${ERROR_JSON}}`],
  ['an outcome', outcomeEvent(8, '{"price":1.10}'), '{"outcome":8,"result":{"price":1.10}}'],
  ['an outcome written wide', outcomeEvent(8, '[ 1,\r\n"a b" ]'), '{"outcome":8,"result":[1,"a b"]}'],
  ['an outcome with an error', outcomeErrorEvent(8, ERROR), `{"outcome":8,"error":${ERROR_JSON}}`],
  ['closing', closingEvent(ERROR, null), `{"closing":${ERROR_JSON}}`],
  ['closing with a time', closingEvent(ERROR, 700), `{"closing":${ERROR_JSON.slice(0, -1)},"retryMs":700}}`],
  ['closing, to come back at once', closingEvent(ERROR, 0), `{"closing":${ERROR_JSON.slice(0, -1)},"retryMs":0}}`],
]

for (const [name, event, record] of EVENTS) {
  test(`[K20] ${name} is told as the protocol has it, in one line`, t => {
    t.is(event, record)
    t.notThrows(() => JSON.parse(event))
    t.notRegex(event, /[\r\n]/)
  })
}

const FIRST: Welcome = {
  session: 'kR3-_aaaaaaaaaaaaaaaaa',
  epoch: '9f2c',
  position: 0,
  keepaliveMs: 15_000,
  resumeMs: 30_000,
  recovery: 'new',
}
const FIRST_JSON = '"session":"kR3-_aaaaaaaaaaaaaaaaa","epoch":"9f2c","position":0,"keepaliveMs":15000,"resumeMs":30000'

const WELCOMES: [name: string, recovery: Welcome['recovery'], more: string][] = [
  ['a new session', 'new', ''],
  ['a stream that goes on', 'recovered', ',"recovered":true'],
  [
    'a session that is new as the old one is no more',
    { why: 'SESSION_UNKNOWN', kept: null },
    ',"recovered":false,"why":"SESSION_UNKNOWN"',
  ],
  [
    'a session that begins anew',
    { why: 'POSITION_TOO_OLD', kept: { subscriptions: [0, 3], nextRequest: 9 } },
    ',"recovered":false,"why":"POSITION_TOO_OLD","subscriptions":[0,3],"request":9',
  ],
  [
    'a session without subscriptions that begins anew',
    { why: 'POSITION_UNKNOWN', kept: { subscriptions: [], nextRequest: 1 } },
    ',"recovered":false,"why":"POSITION_UNKNOWN","subscriptions":[],"request":1',
  ],
]

for (const [name, recovery, more] of WELCOMES) {
  test(`[K21] the welcome of ${name} tells how the stream goes on`, t => {
    t.is(welcomeEvent({ ...FIRST, recovery }), `{${FIRST_JSON}${more}}`)
  })
}
