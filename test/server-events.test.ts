import test from 'ava'
import { makeConfig } from '#src/config/check.ts'
import { createLifecycle } from '#src/events.ts'
import { silentLog } from '#src/log.ts'
import { startServer } from '#src/server.ts'

const SETTINGS = { httpPort: 0, feedPort: 0, closeTimeoutMs: 400, connectionsMax: 10, feedConnectionsMax: 10 }

for (const placement of ['single', 'pools'] as const) {
  test.serial(
    `[P30] a server tells its start, its ports, its end, in this order and once, placement ${placement}`,
    async t => {
      const told: unknown[] = []
      const events = createLifecycle()
      events.on('started', ({ placement: where, threads }) => told.push(['started', where, threads.length > 0]))
      events.on('listening', ports => told.push(['listening', ports]))
      events.on('draining', () => told.push('draining'))
      events.on('stopped', () => told.push('stopped'))
      events.on('failed', error => told.push(error))
      const server = await startServer(makeConfig({ ...SETTINGS, placement }), silentLog, events)
      t.is(server.events, events)
      const { httpPort, feedPort } = server
      t.true(httpPort > 0 && feedPort > 0)
      t.deepEqual(told, [
        ['started', placement, true],
        ['listening', { httpPort, feedPort }],
      ])
      await server.close()
      t.deepEqual(told.slice(2), ['draining', 'stopped'])
    },
  )
}

test.serial('[P30] a server that cannot listen tells neither listening nor failed: its start is rejected', async t => {
  const taken = await startServer(makeConfig({ ...SETTINGS, placement: 'single' }), silentLog)
  const events = createLifecycle()
  events.on('listening', () => t.fail('listening'))
  events.on('failed', () => t.fail('failed'))
  const config = makeConfig({ ...SETTINGS, httpPort: taken.httpPort, placement: 'single' })
  await t.throwsAsync(startServer(config, silentLog, events), { code: 'PORT_IN_USE' })
  await taken.close()
})
