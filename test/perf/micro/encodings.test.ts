import test from 'ava'
import { measure, run } from '#perf/micro/encodings.ts'

const TIME_MS = 1_626_992_742_115

test('[Z13] the bytes of both encodings are those of their lines: a snapshot, a change, no repetition', t => {
  const fields = { bid: '7.6', size: '200', ask: '7.7' }
  const results = measure([
    { item: 'quote.A', timeMs: TIME_MS, fields },
    { item: 'quote.A', timeMs: TIME_MS + 1, fields },
    { item: 'quote.A', timeMs: TIME_MS + 2, fields: { ...fields, ask: null } },
  ])
  const expected: [name: string, lines: string[], definition: string][] = [
    [
      'JSON, without time',
      [
        '{"item":"quote.A","seq":1,"snapshot":true,"fields":{"bid":"7.6","size":"200","ask":"7.7"}}',
        '{"item":"quote.A","seq":2,"fields":{"ask":null}}',
      ],
      '',
    ],
    ['terse, fields by place, without time', ['!0 1  7.6 200 7.7', '0 2    ""'], '=0 0 quote.A bid size ask\n'],
    ['terse, fields by name, without time', ['!0 1  bid 7.6 size 200 ask 7.7', '0 2  ask ""'], '=0 0 quote.A\n'],
    [
      'JSON, with time',
      [
        `{"item":"quote.A","seq":1,"snapshot":true,"time":${TIME_MS},"fields":{"bid":"7.6","size":"200","ask":"7.7"}}`,
        `{"item":"quote.A","seq":2,"time":${TIME_MS + 2},"fields":{"ask":null}}`,
      ],
      '',
    ],
    [
      'terse, fields by place, with time',
      ['!0 1 krfhgycj 7.6 200 7.7', '0 2 krfhgycl   ""'],
      '=0 0 quote.A bid size ask\n',
    ],
    [
      'terse, fields by name, with time',
      ['!0 1 krfhgycj bid 7.6 size 200 ask 7.7', '0 2 krfhgycl ask ""'],
      '=0 0 quote.A\n',
    ],
  ]
  t.is(results.length, expected.length)
  for (const [index, [name, lines, definition]] of expected.entries()) {
    t.like(results[index], {
      name,
      updates: 2,
      bytes: `${lines.join('\n')}\n`.length,
      definitionBytes: definition.length,
    })
  }
})

test('[Z13] on the recording, also at its small size, terse is the smaller one, and by place the smallest', t => {
  const results = run(true)
  if (results === null) {
    t.log('the recording is not here: nothing is measured')
    t.pass()
    return
  }
  for (const [json, byPlace, byName] of [results.slice(0, 3), results.slice(3)]) {
    t.true(json!.updates > 100 && byPlace!.updates === json!.updates && byName!.updates === json!.updates)
    t.true(byPlace!.bytes < byName!.bytes && byName!.bytes < json!.bytes)
  }
})
