import test from 'ava'
import { hostText, reachableHost } from '#src/cli/addresses.ts'
import { addressesText } from '#src/cli/serve.ts'
import { untilStopped } from '#src/cli/signals.ts'
import { ProgressLine, type TextOutput, tell } from '#src/cli/terminal.ts'
import { makeConfig } from '#src/config/check.ts'
import { printable } from '#src/printable.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'

function output(isTTY: boolean): TextOutput & { readonly texts: string[] } {
  const texts: string[] = []
  return { isTTY, texts, write: text => texts.push(text) }
}

test('[N11] the line with the addresses can be opened and connected to', t => {
  const ports = { httpPort: 8080, feedPort: 9090 }
  const lineOf = (httpHost: string, feedHost: string) => addressesText(makeConfig({ httpHost, feedHost }), ports)
  t.is(lineOf('127.0.0.1', '127.0.0.1'), 'millrace: open http://127.0.0.1:8080/ - feeds on 127.0.0.1:9090')
  t.is(lineOf('0.0.0.0', '::'), 'millrace: open http://127.0.0.1:8080/ - feeds on [::]:9090')
  t.deepEqual([reachableHost('::'), reachableHost('desk'), hostText('::1')], ['::1', 'desk', '[::1]'])
})

test('[N11] every line of a message has the name of the program before it', t => {
  const target = output(false)
  tell(target, 'one\ntwo\u001b[2J')
  t.deepEqual(target.texts, ['millrace: one\n', 'millrace: two?[2J\n'])
})

test('[N16] a text is printable when no character moves the cursor or hides, and it is not too long', t => {
  t.is(printable('a\u0000\u001b\u007f\u0085\u009b\u200b\u202e\u2028\ud800é€😀'), 'a?????????é€😀')
  t.is(printable('abcdef', 4), 'abc…')
  t.is(printable('abcd', 4), 'abcd')
})

test('[N13] progress is rewritten on a terminal, and written every five seconds elsewhere', t => {
  for (const [isTTY, intervalMs, expected] of [
    [true, 200, '\rtwo\u001b[K'],
    [false, 5_000, 'millrace: two\n'],
  ] as const) {
    const target = output(isTTY)
    const clock = new VirtualClock()
    const line = new ProgressLine(target, clock)
    line.show(() => 'one')
    clock.advance(intervalMs)
    line.show(() => 'two')
    line.show(() => 'three')
    t.deepEqual(target.texts, [expected])
    line.tell('kept')
    t.is(target.texts.at(-1), 'millrace: kept\n')
    t.is(target.texts.length, isTTY ? 3 : 2)
  }
})

test('[N11] waiting ends with the promise or the signal, and leaves no listener behind', async t => {
  const controller = new AbortController()
  await untilStopped(Promise.resolve(), controller.signal)
  await t.throwsAsync(untilStopped(Promise.reject(new Error('no')), controller.signal), { message: 'no' })
  const never = new Promise(() => {})
  const waiting = untilStopped(never, controller.signal)
  const sleeping = sleep(1_000_000_000, controller.signal)
  controller.abort()
  await Promise.all([waiting, sleeping])
  await untilStopped(never, controller.signal)
  // Found: a failure behind the end ended the program.
  await untilStopped(Promise.reject(new Error('late')), controller.signal)
  await sleep(1_000_000_000, controller.signal)
  t.pass()
})
