import test from 'ava'
import { type ReadResult, type RequestRead, RequestReader } from '#src/codec/http-request.ts'
import { Random, seedOr } from '#test/support/random.ts'

const LIMITS = { requestHeadBytesMax: 2_048, requestBodyBytesMax: 1_024 }
const reader = new RequestReader(LIMITS)

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A GET with these header lines between its first line and its end. */
function withHeaders(...lines: string[]): string {
  return ['GET / HTTP/1.1', ...lines, '', ''].join('\r\n')
}

function readWhole(text: string): RequestRead {
  const result = reader.read(bytesOf(text))
  if (result.kind !== 'request') throw new Error(`${result.kind}: ${JSON.stringify(result)}`)
  return result
}

/** Reads as a connection does whose bytes arrive cut at `cuts`; obedient ones do not read before neededBytes. */
function readCut(bytes: Buffer, cuts: readonly number[], isObedient: boolean): { result: ReadResult; at: number } {
  let result: ReadResult = { kind: 'incomplete', neededBytes: 0, resumeFrom: 0, expectsContinue: false }
  for (const at of cuts) {
    if (result.kind !== 'incomplete') break
    if (isObedient && at < result.neededBytes) continue
    result = reader.read(bytes.subarray(0, at), result.resumeFrom)
    if (result.kind === 'incomplete' && result.neededBytes <= at) throw new Error('asks for what is there')
    if (result.kind !== 'incomplete') return { result, at }
  }
  return { result, at: bytes.length }
}

function everyByte(length: number): number[] {
  return Array.from({ length }, (_, index) => index + 1)
}

test('[H1] a request with all parts is read', t => {
  const text = 'POST /items/A?x=1&y=%20 HTTP/1.1\r\nHost: h:1\r\nX-A:  b c \t\r\nContent-Length: 3\r\n\r\nabc'
  const { request, bytesUsed } = readWhole(`${text}GET /`)
  t.is(request.method, 'POST')
  t.is(request.target, '/items/A?x=1&y=%20')
  t.is(request.path, '/items/A')
  t.is(request.query, 'x=1&y=%20')
  t.deepEqual(
    [...request.headers],
    [
      ['host', 'h:1'],
      ['x-a', 'b c'],
      ['content-length', '3'],
    ],
  )
  t.is(request.body?.toString(), 'abc')
  t.false(request.isHttp10)
  t.is(bytesUsed, text.length)
})

test('[H1] a request cut at every byte reads as it does whole', t => {
  const texts = [
    'GET /stream?items=A HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n',
    '\r\n\r\nGET / HTTP/1.0\r\n\r\n',
    'POST /items/A HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nbid=1.1',
    'POST /items/A HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbid\r\nA;x=y\r\n=123456789\r\n0\r\n\r\n',
    'POST /items/A HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n',
  ]
  for (const text of texts) {
    const bytes = bytesOf(`${text}GET /next HTTP/1.1\r\n`)
    const whole = reader.read(bytes)
    if (whole.kind !== 'request') return t.fail(`${whole.kind} for ${text}`)
    t.is(whole.bytesUsed, text.length)
    for (const isObedient of [true, false]) {
      const { result, at } = readCut(bytes, everyByte(bytes.length), isObedient)
      t.deepEqual(result, whole, text)
      t.is(at, text.length, 'it is read at its last byte, neither before nor later')
    }
    for (let at = 1; at < text.length; at++) {
      t.deepEqual(readCut(bytes, [at, bytes.length], true).result, whole, `${text} cut at ${at}`)
    }
  }
})

interface Sample {
  readonly text: string
  readonly headers: Map<string, string>
  readonly body: string
}

function randomText(random: Random, length: number, alphabet: string): string {
  let text = ''
  for (let i = 0; i < length; i++) text += alphabet[random.int(alphabet.length)]!
  return text
}

function randomRequest(random: Random): Sample {
  const path = `/${randomText(random, random.int(20), 'abc/%20?&=+~')}`
  const headers = new Map([['host', 'h']])
  for (let i = random.int(5); i > 0; i--) {
    headers.set(
      `x-${randomText(random, 1 + random.int(5), 'abcdefghijklm')}`,
      randomText(random, random.int(9), 'a:,\xe9"'),
    )
  }
  const body = randomText(random, random.int(60), 'abc\r\n0')
  let framed = ''
  if (random.chance(0.4)) {
    headers.set('transfer-encoding', 'chunked')
    for (let at = 0; at < body.length; ) {
      const chunk = body.slice(at, at + 1 + random.int(20))
      framed += `${random.chance(0.5) ? '0' : ''}${chunk.length.toString(16)}${random.pick(['', ';a', ';a="b c"'])}\r\n${chunk}\r\n`
      at += chunk.length
    }
    framed += random.pick(['0\r\n\r\n', '000;x\r\n\r\n', '0\r\nA: b\r\n\r\n'])
  } else if (body !== '') {
    headers.set('content-length', String(body.length))
    framed = body
  }
  let text = `${random.pick(['GET', 'POST', 'DELETE'])} ${path} HTTP/1.1\r\n`
  for (const [name, value] of headers) {
    const printed = random.chance(0.3) ? name.toUpperCase() : name
    text += `${printed}:${random.pick(['', ' ', ' \t'])}${value}${random.pick(['', ' ', '\t '])}\r\n`
  }
  return { text: `${text}\r\n${framed}`, headers, body }
}

test('[H1] random requests, one behind the other and cut at random, read as they were written', t => {
  const random = new Random(seedOr(20_261_101))
  for (let run = 0; run < 400; run++) {
    const samples = Array.from({ length: 1 + random.int(3) }, () => randomRequest(random))
    let bytes = bytesOf(samples.map(sample => sample.text).join(''))
    for (const sample of samples) {
      const cuts = everyByte(bytes.length).filter(at => at === bytes.length || random.chance(0.2))
      const { result } = readCut(bytes, cuts, random.chance(0.5))
      const seen = `SEED=${random.seed} run ${run}: ${JSON.stringify(sample.text)}`
      if (result.kind !== 'request') return t.fail(`${seen} ${JSON.stringify(result)}`)
      t.is(result.bytesUsed, sample.text.length, seen)
      t.deepEqual(new Map(result.request.headers), sample.headers, seen)
      t.is(result.request.body?.toString('latin1') ?? '', sample.body, seen)
      bytes = bytes.subarray(result.bytesUsed)
    }
  }
})

test('[H1] damaged requests end alike, whole or cut: no cut makes an error a request', t => {
  const random = new Random(seedOr(7))
  for (let run = 0; run < 1_500; run++) {
    const bytes = bytesOf(randomRequest(random).text)
    for (let i = 1 + random.int(3); i > 0; i--)
      bytes[random.int(bytes.length)] = random.pick([0, 9, 10, 13, 32, 48, 58, 128, 138, 141])
    const whole = reader.read(bytes)
    const { result } = readCut(bytes, everyByte(bytes.length), random.chance(0.5))
    const seen = `SEED=${random.seed} run ${run}: ${JSON.stringify(bytes.toString('latin1'))}`
    t.is(result.kind, whole.kind, seen)
    if (whole.kind === 'request') t.deepEqual(result, whole, seen)
  }
})

test('[H1] an incomplete request tells how many bytes it needs', t => {
  const sized = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n'
  const length = reader.read(bytesOf(`${sized}abc`))
  t.like(length, { kind: 'incomplete', neededBytes: sized.length + 100, resumeFrom: 0 })
  const head = reader.read(bytesOf('GET / HT'))
  t.like(head, { kind: 'incomplete', neededBytes: 9, resumeFrom: 8 })
  const text = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
  const chunk = reader.read(bytesOf(`${text}40\r\nabc`))
  t.like(chunk, { kind: 'incomplete', neededBytes: text.length + 4 + 64 + 2, resumeFrom: -text.length })
  t.like(reader.read(Buffer.alloc(0)), { kind: 'incomplete', neededBytes: 1, resumeFrom: 0 })
})

const BAD_LINES: [status: number, line: string][] = [
  [400, ''],
  [400, 'GET'],
  [400, 'GET /'],
  [400, 'GET / HTTP/1.1 '],
  [400, 'GET  / HTTP/1.1'],
  [400, 'GET /  HTTP/1.1'],
  [400, ' GET / HTTP/1.1'],
  [400, 'GET\t/ HTTP/1.1'],
  [400, 'GET / http/1.1'],
  [400, 'GET / HTTP/1.1x'],
  [400, 'GET / HTTP/11.1'],
  [400, 'GET /a b HTTP/1.1'],
  [400, 'GET /\x00 HTTP/1.1'],
  [400, 'GET /\x7f HTTP/1.1'],
  [400, 'GET /\xe9 HTTP/1.1'],
  [400, 'GET /a#b HTTP/1.1'],
  [400, 'GET a HTTP/1.1'],
  [400, 'GET ftp://h/ HTTP/1.1'],
  [400, 'GET http:// HTTP/1.1'],
  [400, 'GET http://user@h/ HTTP/1.1'],
  [400, 'G@T / HTTP/1.1'],
  [400, '\x16\x03\x01\x02\x00\x01'],
  [501, 'FETCH / HTTP/1.1'],
  [501, 'get / HTTP/1.1'],
  [501, 'CONNECT h:80 HTTP/1.1'],
  [505, 'GET / HTTP/1.2'],
  [505, 'GET / HTTP/0.9'],
  [505, 'PRI * HTTP/2.0'],
]

for (const [status, line] of BAD_LINES) {
  test(`[H2] a first line ${JSON.stringify(line).replaceAll(' ', '␠')} is answered ${status}`, t => {
    const result = reader.read(bytesOf(`${line}\r\nHost: h\r\n\r\n`))
    t.like(result, { kind: 'error', status })
  })
}

const BAD_HEADERS: [title: string, text: string][] = [
  ['a line without a colon', withHeaders('Host: h', 'Nonsense')],
  ['a space before the colon', withHeaders('Host : h')],
  ['a tab before the colon', withHeaders('Host: h', 'Content-Length\t: 5')],
  ['no name', withHeaders('Host: h', ': x')],
  ['a folded line', withHeaders('Host: h', 'X-A: b', ' c')],
  ['a folded line by a tab', withHeaders('Host: h', 'X-A: b', '\tc')],
  ['a folded first line', withHeaders(' Host: h')],
  ['a bare LF between headers', withHeaders('Host: h\nX-A: b')],
  ['a bare LF at the end of the head', 'GET / HTTP/1.1\r\nHost: h\r\n\n'],
  ['only bare LFs', 'GET / HTTP/1.1\nHost: h\n\n'],
  ['a bare LF that hides a request', 'GET / HTTP/1.1\r\nHost: h\n\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a bare CR in a value', withHeaders('Host: h', 'X-A: b\rc')],
  ['a bare CR that ends a line', withHeaders('Host: h\rX-A: b')],
  ['two CRs', withHeaders('Host: h\r')],
  ['NUL in a value', withHeaders('Host: h', 'X-A: \0')],
  ['DEL in a value', withHeaders('Host: h', 'X-A: \x7f')],
  ['a name with a parenthesis', withHeaders('Host: h', 'X(A): b')],
  ['a name beyond ASCII', withHeaders('Host: h', 'X-\xe9: b')],
]

for (const [title, text] of BAD_HEADERS) {
  test(`[H3] a head with ${title} is malformed`, t => {
    t.like(reader.read(bytesOf(text)), { kind: 'error', status: 400, code: 'REQUEST_MALFORMED' })
  })
}

test('[H3] bytes that a 7-bit reading would make line ends are data of a value', t => {
  const { request } = readWhole(withHeaders('Host: h', 'X-A: a\x8d\x8aContent-Length: 5'))
  t.is(request.headers.get('x-a'), 'a\x8d\x8aContent-Length: 5')
  t.false(request.headers.has('content-length'))
})

test('[H3] what can no longer become a head is refused before its end', t => {
  t.like(reader.read(bytesOf('\x16\x03\x01')), { kind: 'error', status: 400 })
  t.like(reader.read(bytesOf('GET / HTTP/1.1\n')), { kind: 'error', status: 400 })
})

const POST = 'POST / HTTP/1.1\r\nHost: h\r\n'
const SMUGGLING: [status: number, title: string, text: string][] = [
  [400, 'both framings', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  [
    400,
    'both framings, the other way round',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  ],
  [400, 'two lengths', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`],
  [400, 'the same length twice', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`],
  [400, 'a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nabcde`],
  [400, 'an empty length', `${POST}Content-Length:\r\n\r\n`],
  [400, 'a hexadecimal length', `${POST}Content-Length: 0x5\r\n\r\nabcde`],
  [400, 'a length with an exponent', `${POST}Content-Length: 1e1\r\n\r\nabcdefghij`],
  [400, 'a signed length', `${POST}Content-Length: +5\r\n\r\nabcde`],
  [400, 'a negative length', `${POST}Content-Length: -5\r\n\r\nabcde`],
  [400, 'a fractional length', `${POST}Content-Length: 5.0\r\n\r\nabcde`],
  [400, 'two codings', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
  [501, 'a list of codings', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  [501, 'an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  [501, 'a coding with a parameter', `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`],
  [501, 'an empty coding', `${POST}Transfer-Encoding:\r\n\r\n`],
  [400, 'chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  [400, 'a space before the colon of a framing', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  [400, 'a vertical tab in a coding', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
]

for (const [status, title, text] of SMUGGLING) {
  test(`[H4] ${title} is answered ${status}`, t => {
    t.like(reader.read(bytesOf(text)), { kind: 'error', status })
  })
}

const BAD_CHUNKS: [title: string, body: string][] = [
  ['no size', '\r\nabc\r\n0\r\n\r\n'],
  ['a prefixed size', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['a signed size', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a negative size', '-3\r\nabc\r\n0\r\n\r\n'],
  ['a space behind the size', '3 \r\nabc\r\n0\r\n\r\n'],
  ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['a size that is no number', 'x\r\nabc\r\n0\r\n\r\n'],
  ['a size of nine digits', '000000003\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
  ['a bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['a bare CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
  ['an endless extension', `3;${'a'.repeat(300)}\r\nabc\r\n0\r\n\r\n`],
  ['more data than its size', '2\r\nabc\r\n0\r\n\r\n'],
  ['less data than its size', '4\r\nabc\r\n0\r\n\r\n'],
  ['data that end by a bare LF', '3\r\nabc\n0\r\n\r\n'],
  ['a folded trailer', '0\r\n A: b\r\n\r\n'],
  ['a trailer without a colon', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ['endless trailers', `0\r\n${'A: bcdefgh\r\n'.repeat(100)}\r\n`],
]

for (const [title, body] of BAD_CHUNKS) {
  test(`[H4] a chunked body with ${title} is malformed`, t => {
    const result = reader.read(bytesOf(`${POST}Transfer-Encoding: chunked\r\n\r\n${body}`))
    t.like(result, { kind: 'error', status: 400, code: 'REQUEST_MALFORMED' })
  })
}

test('[H4] a request that asks for an upgrade keeps the framing of its body', t => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  const text = `${POST}${upgrade}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`
  const { request, bytesUsed } = readWhole(text)
  t.is(request.body?.toString(), 'abc')
  t.is(bytesUsed, text.length)
  t.true(request.keepsAlive)
})

test('[H5] a head of the greatest length is read, one byte more is answered 431, whole or cut', t => {
  const frame = withHeaders('Host: h', 'X-A: ').length
  const longest = withHeaders('Host: h', `X-A: ${'a'.repeat(LIMITS.requestHeadBytesMax - frame)}`)
  t.is(readWhole(longest).bytesUsed, LIMITS.requestHeadBytesMax)
  const tooLong = withHeaders('Host: h', `X-A: ${'a'.repeat(LIMITS.requestHeadBytesMax - frame + 1)}`)
  const refused = { kind: 'error', status: 431, code: 'REQUEST_HEAD_TOO_LARGE' } as const
  t.like(reader.read(bytesOf(tooLong)), refused)
  const cut = readCut(bytesOf(tooLong), everyByte(tooLong.length), true)
  t.like(cut.result, refused)
  t.is(cut.at, LIMITS.requestHeadBytesMax)
  t.like(reader.read(bytesOf('\r\n'.repeat(LIMITS.requestHeadBytesMax))), refused)
  t.like(reader.read(bytesOf(withHeaders('Host: h', ...Array.from({ length: 128 }, () => 'A: b')))), refused)
})

test('[H5] a body of the greatest length is read; a longer one is answered 413 before it comes', t => {
  const max = LIMITS.requestBodyBytesMax
  const refused = { kind: 'error', status: 413, code: 'REQUEST_BODY_TOO_LARGE' } as const
  t.is(readWhole(`${POST}Content-Length: ${max}\r\n\r\n${'x'.repeat(max)}`).request.body?.length, max)
  t.like(reader.read(bytesOf(`${POST}Content-Length: ${max + 1}\r\n\r\n`)), refused)
  t.like(reader.read(bytesOf(`${POST}Content-Length: ${'9'.repeat(400)}\r\n\r\n`)), refused)
  const chunked = `${POST}Transfer-Encoding: chunked\r\n\r\n`
  const framed = (length: number): string => `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n0\r\n\r\n`
  t.is(readWhole(chunked + framed(max - 12)).request.body?.length, max - 12)
  t.like(reader.read(bytesOf(chunked + framed(max - 11))), refused)
  t.like(reader.read(bytesOf(`${chunked}ffffffff\r\n`)), refused)
  const endless = bytesOf(chunked + '1\r\nx\r\n'.repeat(2_000))
  const cut = readCut(endless, everyByte(endless.length), true)
  t.like(cut.result, refused)
  t.true(cut.at <= reader.requestBytesMax, 'what waits to be read is bounded')
})

test('[H5] a zero length and an empty chunked body are no body', t => {
  t.is(readWhole(`${POST}Content-Length: 0\r\n\r\n`).request.body, null)
  t.is(readWhole(`${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`).request.body, null)
  t.is(readWhole(withHeaders('Host: h')).request.body, null)
})

test('[H6] HTTP/1.1 asks for one Host that is a host', t => {
  t.like(reader.read(bytesOf(withHeaders())), { kind: 'error', status: 400 })
  t.like(reader.read(bytesOf(withHeaders('Host: a', 'Host: a'))), { kind: 'error', status: 400 })
  t.like(reader.read(bytesOf(withHeaders('Host: a/b'))), { kind: 'error', status: 400 })
  t.like(reader.read(bytesOf(withHeaders('Host: a, b'))), { kind: 'error', status: 400 })
  t.is(readWhole(withHeaders('Host: [::1]:8080')).request.headers.get('host'), '[::1]:8080')
  t.is(readWhole('GET / HTTP/1.0\r\n\r\n').request.headers.get('host'), undefined)
})

test('[H6] an absolute target gives the path, and its host replaces Host', t => {
  const { request } = readWhole('GET http://a.example:81/x?y=z HTTP/1.1\r\nHost: b\r\n\r\n')
  t.is(request.path, '/x')
  t.is(request.query, 'y=z')
  t.is(request.headers.get('host'), 'a.example:81')
  t.is(readWhole('GET https://a?y HTTP/1.1\r\nHost: b\r\n\r\n').request.path, '/')
  t.is(readWhole('OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n').request.path, '*')
})

const LIVES: [keepsAlive: boolean, text: string][] = [
  [true, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'],
  [true, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n'],
  [true, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n'],
  [false, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n'],
  [false, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: te, close\r\n\r\n'],
  [false, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: te\r\nConnection: close\r\n\r\n'],
  [false, 'GET / HTTP/1.0\r\n\r\n'],
  [true, 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'],
  [false, 'GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n'],
]

for (const [keepsAlive, text] of LIVES) {
  test(`[H7] the connection ${keepsAlive ? 'stays after' : 'ends after'} ${JSON.stringify(text)}`, t => {
    t.is(readWhole(text).request.keepsAlive, keepsAlive)
  })
}

test('[H8] who expects to be asked for the body is named once, and only while no byte of it is there', t => {
  const head = `${POST}Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n`
  const bytes = bytesOf(`${head}abc`)
  t.like(reader.read(bytes.subarray(0, head.length)), {
    kind: 'incomplete',
    expectsContinue: true,
    neededBytes: bytes.length,
  })
  t.like(reader.read(bytes.subarray(0, head.length + 1)), { kind: 'incomplete', expectsContinue: false })
  t.is(reader.read(bytes).kind, 'request')
  const chunked = bytesOf(`${POST}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`)
  t.like(reader.read(chunked), { kind: 'incomplete', expectsContinue: true })
  t.is(reader.read(bytesOf(withHeaders('Host: h', 'Expect: 100-continue'))).kind, 'request', 'there is no body')
  t.like(reader.read(bytesOf(withHeaders('Host: h', 'Expect: magic'))), { kind: 'error', status: 417 })
})

test('[H9] a header that stands several times is a list, unless it may stand only once', t => {
  t.is(readWhole(withHeaders('Host: h', 'X-A: b', 'x-a: c', 'X-a:')).request.headers.get('x-a'), 'b, c, ')
  for (const name of ['Host', 'Content-Length', 'Content-Type', 'Origin', 'Expect', 'Transfer-Encoding']) {
    t.like(reader.read(bytesOf(withHeaders('Host: h', `${name}: 1`, `${name}: 1`))), { kind: 'error' }, name)
  }
})

test('[H10] a request of one connection leaves nothing to another', t => {
  const whole = readWhole(withHeaders('Host: h'))
  for (const text of [
    'GET / HT',
    `${POST}Content-Length: 5\r\n\r\na`,
    'GET / \r\n\r\n',
    `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\n`,
  ]) {
    reader.read(bytesOf(text))
    t.deepEqual(readWhole(withHeaders('Host: h')), whole)
  }
})
