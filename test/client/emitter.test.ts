import test from 'ava'
import { Emitter } from '#src/client/emitter.ts'

interface Events {
  readonly told: number
}

test('[CL15] listeners are called in the order in which they came, each until it is taken off, the same one twice', t => {
  const calls: string[] = []
  const events = new Emitter<Events>(call => call())
  const listener = (number: number): void => void calls.push(`one ${number}`)
  const off = events.on('told', listener)
  events.on('told', listener)
  events.on('told', number => calls.push(`two ${number}`))
  events.emit('told', 1)
  off()
  off()
  events.emit('told', 2)
  t.deepEqual(calls, ['one 1', 'one 1', 'two 1', 'one 2', 'two 2'])
  t.true(events.hasListener('told'))
})

test('[CL15] one that takes itself, or another one, off while it is called disturbs nobody', t => {
  const calls: string[] = []
  const events = new Emitter<Events>(call => call())
  t.false(events.hasListener('told'))
  const off = events.on('told', number => {
    calls.push(`once ${number}`)
    off()
  })
  const offLast = events.on('told', number => calls.push(`last ${number}`))
  events.emit('told', 1)
  offLast()
  events.emit('told', 2)
  t.deepEqual(calls, ['once 1', 'last 1'])
  t.false(events.hasListener('told'))
})
