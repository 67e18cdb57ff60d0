/** Ports before the threads listen on them, on real sockets. */

import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import { listen, reservePort } from '#stages/accept/listener.ts'

const HOST = '127.0.0.1'

test('[S63] a reserved port is held and takes no connection until a thread listens (found: it reset them)', async t => {
  const reserved = await reservePort(HOST, 0)
  const early = connect(reserved.port, HOST)
  const [error] = (await once(early, 'error')) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNREFUSED')
  const { isShared } = reserved
  const listener = await listen({ host: HOST, port: reserved.port, isShared, allowHalfOpen: false }, s => s.end('x'))
  for (let tries = 0; tries < 50; tries++) {
    const [heard] = (await once(connect(reserved.port, HOST), 'data')) as [Buffer]
    t.is(heard.toString(), 'x', 'every one comes to the listener, though the reservation stands')
  }
  reserved.release()
  await listener.close()
})

test('[S63] a port in use and a host that is not there are told by their codes, names are looked up', async t => {
  const listener = await listen({ host: HOST, port: 0, isShared: false, allowHalfOpen: false }, s => s.destroy())
  await t.throwsAsync(reservePort(HOST, listener.port), { code: 'PORT_IN_USE' })
  await t.throwsAsync(reservePort('0.0.0.0', listener.port), { code: 'PORT_IN_USE' })
  await listener.close()
  await t.throwsAsync(reservePort('203.0.113.1', 0), { code: 'LISTEN_FAILED' })
  await t.throwsAsync(reservePort('no-such-host.invalid', 0), { code: 'LISTEN_FAILED' })
  const named = await reservePort('localhost', 0)
  t.true(named.port > 0)
  named.release()
})
