import test from 'ava'
import { WebSide } from '#stages/web-side.ts'
import { Random, seedOr } from '#test/support/random.ts'

const SETTINGS = { confirmBytes: 16_384, confirmWindowBytes: 1 << 20 }

test('[S58] whoever waits for its window gets a pong, however late pongs are (found: behind a smaller window no ping was owed)', t => {
  const random = new Random(seedOr(20_260_301))
  for (let round = 0; round < 200; round++) {
    const confirmBytes = random.pick([300, 4_096, 16_384, 65_536])
    const web = new WebSide({ ...SETTINGS, confirmBytes }, false, false)
    const pings: Buffer[] = []
    let nowMs = 0
    const pingWhereDue = () => {
      if (web.isPingDue) pings.push(web.ping(nowMs))
    }
    for (let step = 0; step < 300; step++) {
      // Batch: as much as the window lets in.
      while (web.unconfirmedBytes < web.windowBytes && random.chance(0.8)) {
        web.sent(1 + random.int(Math.min(3_000, web.windowBytes - web.unconfirmedBytes)))
        pingWhereDue()
      }
      nowMs += random.pick([1, 50, 300, 2_000])
      const isWaiting = web.unconfirmedBytes >= web.windowBytes
      if (isWaiting) t.true(pings.length > 0, `it waits, and no pong is to come; SEED=${random.seed}`)
      if (pings.length > 0 && (isWaiting || random.chance(0.3))) {
        web.pong(pings.shift()!, isWaiting, nowMs)
        pingWhereDue()
        if (pings.length === 0)
          t.true(web.unconfirmedBytes < web.windowBytes / 2 + 1, 'below half a window batch goes on')
      }
    }
    while (pings.length > 0) {
      web.pong(pings.shift()!, false, nowMs)
      pingWhereDue()
    }
  }
})

test('[S58] late pongs make the window smaller, quick ones larger while something waits for it, within both bounds', t => {
  const web = new WebSide(SETTINGS, false, false)
  const roundTrip = (ms: number, isWaiting: boolean) => {
    web.sent(100)
    web.pong(web.ping(0), isWaiting, ms)
    return web.windowBytes
  }
  t.is(web.windowBytes, 32_768)
  t.is(roundTrip(100, false), 32_768, 'nobody waits for more')
  t.is(roundTrip(100, true), 65_536)
  for (let i = 0; i < 10; i++) roundTrip(100, true)
  t.is(web.windowBytes, 1 << 20)
  for (let i = 0; i < 20; i++) roundTrip(600, true)
  t.is(web.windowBytes, 4_096)
})

test('[S58] a pong confirms all that was sent before its ping, also pings that it left out; others confirm nothing', t => {
  const web = new WebSide(SETTINGS, false, false)
  web.sent(100)
  const first = web.ping(0)
  web.sent(200)
  const second = web.ping(0)
  web.sent(50)
  t.is(web.pong(Buffer.from('else'), false, 1), 0)
  t.is(web.pong(Buffer.from('longer'), false, 1), 0)
  t.is(web.pong(second, false, 1), 300)
  t.is(web.pong(first, false, 1), 0, 'it is known already')
  t.is(web.unconfirmedBytes, 50)
  t.is(web.pingedMs, Number.NaN)
})
