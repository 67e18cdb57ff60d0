import { constants, deflateRawSync } from 'node:zlib'
import test from 'ava'
import { extension, PerMessageDeflate, Receiver } from 'ws'
import {
  acceptDeflate,
  COMPRESS_BYTES_MIN,
  compress,
  extensionOffersOf,
  inflate,
} from '#src/codec/websocket-deflate.ts'
import { OPCODE_TEXT, writeFrameHead } from '#src/codec/websocket-frame.ts'
import { Random, seedOr } from '#test/support/random.ts'
import '#test/support/ws-types.ts'

const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
const BYTES_MAX = 65_536
const BAD = 1007
const TOO_LONG = 1009

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

/** A compressed message by the plainest means. */
function deflated(text: string | Buffer): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

/** A list and its offers, as `name` and ` parameter` or ` parameter=value` in turn; null where it is none. */
const LISTS: [header: string, offers: string[] | null][] = [
  ['a', ['a']],
  ['a, b', ['a', 'b']],
  [' a\t,,\tb ,', ['a', 'b']],
  ['a; x', ['a x']],
  ['a;x=1 ; y = z', ['a x=1 y=z']],
  ['a; x="15"', ['a x=15']],
  ['a; x="\\1\\5"', ['a x=15']],
  ['a; x, a; x; x', ['a x', 'a x x']],
  ["!#$%&'*+-.^_`|~09azAZ", ["!#$%&'*+-.^_`|~09azAZ"]],
  ['', null],
  [' , ', null],
  ['a b', null],
  ['a;', null],
  ['a;;x', null],
  [';x', null],
  ['a; =1', null],
  ['a; x=', null],
  ['a; x=1 2', null],
  ['a; x==1', null],
  ['a; x="1', null],
  ['a; x=1"', null],
  ['a; x=""', null],
  ['a; x="1,2"', null],
  ['a; x="1 2"', null],
  ['a; x="1\\"', null],
  ['a; x="1"2', null],
  ['a/b', null],
  ['a\u00e9', null],
  ['a\u00a0', null],
]

function offersOf(header: string): string[] | null {
  const offers = extensionOffersOf(header)
  if (offers === null) return null
  return offers.map(({ name, parameters }) => {
    return [name, ...parameters.map(([key, value]) => (value === null ? key : `${key}=${value}`))].join(' ')
  })
}

for (const [header, offers] of LISTS) {
  test(`[W20] ${JSON.stringify(header)} is ${offers === null ? 'no list' : 'a list'} of extensions`, t => {
    t.deepEqual(offersOf(header), offers)
  })
}

test('[W20] a header as long as heads may be is read in linear time', t => {
  const blanks = ' '.repeat(50_000)
  for (const header of [`a${blanks}b`, `a;${blanks}x${blanks}=${blanks}"`, `a; x="${'\\1'.repeat(30_000)}`]) {
    t.is(extensionOffersOf(header), null)
  }
})

const OFFERS: [header: string, answer: string | null][] = [
  ['permessage-deflate', ANSWER],
  ['permessage-deflate; client_max_window_bits', ANSWER],
  ['permessage-deflate; client_max_window_bits=8', ANSWER],
  ['permessage-deflate; client_max_window_bits="10"', ANSWER],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover', ANSWER],
  ['permessage-deflate; server_max_window_bits=15', `${ANSWER}; server_max_window_bits=15`],
  ['permessage-deflate; server_max_window_bits=10', null],
  ['permessage-deflate; server_max_window_bits=10, permessage-deflate', ANSWER],
  ['x-webkit-deflate-frame, permessage-deflate; client_max_window_bits', ANSWER],
  ['permessage-deflate; unheard_of, permessage-deflate', ANSWER],
  ['x-webkit-deflate-frame', null],
  ['Permessage-Deflate', null],
  ['permessage-deflate; unheard_of', null],
  ['permessage-deflate; client_max_window_bits; client_max_window_bits', null],
  ['permessage-deflate; client_max_window_bits=7', null],
  ['permessage-deflate; client_max_window_bits=16', null],
  ['permessage-deflate; client_max_window_bits=010', null],
  ['permessage-deflate; client_max_window_bits=x', null],
  ['permessage-deflate; server_max_window_bits', null],
  ['permessage-deflate; server_max_window_bits=16', null],
  ['permessage-deflate; server_no_context_takeover=1', null],
  ['permessage-deflate; client_no_context_takeover=true', null],
]

for (const [header, answer] of OFFERS) {
  test(`[W21] ${header} is ${answer === null ? 'declined' : `answered ${answer}`}`, t => {
    t.is(acceptDeflate(extensionOffersOf(header)!), answer)
  })
}

test('[W21] ws takes the answer to its own offer', t => {
  for (const serverMaxWindowBits of [undefined, 15]) {
    const client = new PerMessageDeflate({
      isServer: false,
      ...(serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits }),
    })
    const answer = acceptDeflate(extensionOffersOf(extension.format({ 'permessage-deflate': client.offer() }))!)
    t.like(client.accept(extension.parse(answer!)['permessage-deflate']), {
      server_no_context_takeover: true,
      client_no_context_takeover: true,
    })
  }
})

test('[W22] ws reads what is compressed, each message by itself', async t => {
  const client = new PerMessageDeflate({ isServer: false })
  client.accept(extension.parse(ANSWER)['permessage-deflate'])
  const receiver = new Receiver({ isServer: false, extensions: { 'permessage-deflate': client } })
  const records = Array.from({ length: 500 }, (_, i) => `{"item":"A","seq":${i},"fields":{"bid":"${i * 7.5}"}}\n`)
  const texts = [records.slice(0, 30).join(''), 'grün €😀\n'.repeat(200), records.join(''), 'plain']
  const told = new Promise<string[]>((resolve, reject) => {
    const messages: string[] = []
    receiver.on('message', message => {
      messages.push(message.toString())
      if (messages.length === texts.length) resolve(messages)
    })
    receiver.on('error', reject)
  })
  for (const text of texts) {
    const plain = Buffer.from(text)
    const payload = compress(plain) ?? plain
    t.is(payload === plain, text === 'plain')
    t.true(payload === plain || payload.length < plain.length / 2)
    const frame = Buffer.alloc(10 + payload.length)
    payload.copy(frame, 10)
    receiver.write(frame.subarray(writeFrameHead(frame, 10, payload.length, OPCODE_TEXT, payload !== plain)))
  }
  t.deepEqual(await told, texts)
})

test('[W22] a short message, and one that would not shrink, goes as it is', t => {
  t.is(compress(Buffer.alloc(COMPRESS_BYTES_MIN - 1)), null)
  t.true(compress(Buffer.alloc(COMPRESS_BYTES_MIN))!.length < 50)
  const random = new Random(seedOr(3))
  t.is(compress(Buffer.from(Array.from({ length: 4_096 }, () => random.int(256)))), null)
})

test('[W22] the same bytes are compressed to the same bytes, whatever came between', t => {
  const text = Buffer.from('{"item":"A"}\n'.repeat(200))
  const first = compress(text)!
  compress(Buffer.from('something else '.repeat(200)))
  t.deepEqual(compress(text), first)
})

/** Of RFC 7692, 7.2.3, where it has one. */
const MESSAGES: [what: string, payload: string, text: string][] = [
  ['one block', 'f2 48 cd c9 c9 07 00', 'Hello'],
  ['a block without compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
  ['a last block', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
  ['a last block with nothing behind it', 'f3 48 cd c9 c9 07 00', 'Hello'],
  ['two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
  ['an empty message', '00', ''],
  ['an empty last block', '01', ''],
]

for (const [what, payload, text] of MESSAGES) {
  test(`[W23] ${what} is inflated`, t => {
    const message = inflate(hex(payload), BYTES_MAX)
    t.true(Buffer.isBuffer(message))
    t.is(String(message), text)
  })
}

const BROKEN: [what: string, payload: string][] = [
  ['nothing', ''],
  ['a block that is cut off', 'f2 48 cd c9'],
  ['a block without compression that is cut off', '00 05 00 fa ff 48 65'],
  ['a last block that is cut off', '01 02 00 fd ff'],
  ['a block of no type', 'ff'],
  ['a block behind the last one', 'f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00'],
  ['a byte behind the last block', 'f3 48 cd c9 c9 07 00 01'],
  ['two bytes behind the last block', 'f3 48 cd c9 c9 07 00 00 00'],
]

for (const [what, payload] of BROKEN) {
  test(`[W23] ${what} is malformed`, t => {
    t.is(inflate(hex(payload), BYTES_MAX), BAD)
  })
}

test('[W23] a message may be as long as the bound, however well it is compressed', t => {
  for (const length of [1, 4_095, 4_096, 4_097, 50_000]) {
    t.deepEqual(inflate(deflated(Buffer.alloc(length)), length), Buffer.alloc(length))
    t.is(inflate(deflated(Buffer.alloc(length + 1)), length), TOO_LONG)
  }
  const bomb = deflated(Buffer.alloc(10_000_000))
  t.true(bomb.length < BYTES_MAX)
  t.is(inflate(bomb, BYTES_MAX), TOO_LONG)
})

test('[W23] what is compressed is inflated to what it was', t => {
  for (const text of ['x'.repeat(1_024), 'grün €😀\n'.repeat(1_000), '{"request":1}\n'.repeat(4_000)]) {
    t.is(String(inflate(compress(Buffer.from(text))!, BYTES_MAX)), text)
  }
})
