import test from 'ava'
import { reportHtml } from '#perf/report/html.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { randomReport, report, row, samples, variant } from './synthetic.ts'

const MARKUP = `<script>alert('1')</script>"&`
const ESCAPED = '&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;'

function pictures(html: string): string[] {
  return [...html.matchAll(/<svg role="img".*?<\/svg>/gs)].map(([svg]) => svg)
}

function titles(html: string): string[] {
  return [...html.matchAll(/<figcaption>(.*?)<\/figcaption>/g)].map(([, title]) => title!)
}

const FULL = variant([
  row('millrace', 'pools', [5, 6, 7]),
  row('floor', '', [4]),
  row('ws', 'a peer', [9], { ledger: null }),
])

test('[PR10] the page asks nobody for anything: no script, no address, no file', t => {
  const html = reportHtml(report([FULL]))
  t.false(/<script|<link(?! rel="icon" href="data:,")|<img|<iframe|@import|url\(|https?:|\/\/|srcset|xlink/i.test(html))
  t.true(html.includes(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`))
})

test('[PR9] texts of a report are escaped wherever they stand', t => {
  const everywhere = { faults: [MARKUP], options: MARKUP, extra: { [MARKUP]: 1 }, isHeld: false }
  const threads = [{ name: MARKUP, utilisation: 0.5 }]
  const queues = [{ stage: MARKUP, unit: 'records', depthMax: 1, capacity: 2 }] as const
  const rows = [row('millrace', MARKUP, [5, 6], { ...everywhere, threads, queues }), row(MARKUP, MARKUP, [4])]
  const texts = { variant: MARKUP, about: MARKUP, command: MARKUP, missing: [{ target: MARKUP, why: MARKUP }] }
  const machine = { cpu: MARKUP, cores: 1, memoryBytes: 1, kernel: MARKUP, node: MARKUP }
  const costs = [{ name: MARKUP, value: 1, unit: MARKUP }]
  const html = reportHtml(report([variant(rows, texts)], { commit: MARKUP, madeAt: MARKUP, machine, costs }))
  t.false(html.includes('<script'))
  t.false(html.includes('"&<') || html.includes('"&"'))
  t.true(html.split(ESCAPED).length > 25)
})

test('[PR11] every picture has a title, a description and finite numbers within its frame', t => {
  const random = new Random(seedOr(42))
  let seen = 0
  for (let round = 0; round < 40; round++) {
    const html = reportHtml(randomReport(random))
    t.false(/NaN|Infinity|undefined/.test(html), `seed ${random.seed}`)
    for (const svg of pictures(html)) {
      seen++
      checkPicture(svg, `seed ${random.seed}: ${svg.slice(0, 200)}`)
    }
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
    t.is(new Set(ids).size, ids.length, `seed ${random.seed}: an id stands twice`)
  }
  t.true(seen > 100)

  function checkPicture(svg: string, message: string): void {
    const [, id, height] = /aria-labelledby="(.*?)-title" .*? viewBox="0 0 400 (\d+)"/.exec(svg)!
    t.regex(svg, new RegExp(`<title id="${id}-title">[^<]+</title><desc id="${id}-desc">[^<]+</desc>`), message)
    for (const [, name, value] of svg.matchAll(/ (x|y|x1|y1|x2|y2|cx|cy|width|height)="([^"]*)"/g)) {
      const max = name!.includes('y') || name === 'height' ? Number(height) : 400
      t.true(value !== '' && Number(value) >= 0 && Number(value) <= max, `${name} ${value}, ${message}`)
    }
    for (const [, path] of svg.matchAll(/ d="([^"]*)"/g)) t.regex(path!, /^([ML][\d.]+ [\d.]+)*$/, message)
  }
})

test('[PR12] a variant shows cost by row, latency by quantile and the seconds of its median runs', t => {
  t.deepEqual(titles(reportHtml(report([FULL]))), [
    'server CPU seconds per million updates, times the floor',
    'latency',
    'updates delivered over the run',
    'latency p99 over the run',
    'server CPU over the run',
    'resident memory over the run',
  ])
})

test('[PR12] what would show nothing is not drawn: one bar, no latency, one second', t => {
  const bare = { latencyMs: null, samples: samples(1) }
  t.deepEqual(titles(reportHtml(report([variant([row('millrace', '', [5], bare)])]))), [])
})

test('[PR12] the bars are those of the median runs, longer for more, and the floor is a line across them', t => {
  const [bars] = pictures(reportHtml(report([FULL])))
  const widths = [...bars!.matchAll(/<rect class="bar [^"]*" x="2" y="[^"]*" width="([^"]*)"/g)].map(([, width]) =>
    Number(width),
  )
  t.deepEqual(widths.length, 3)
  t.true(Math.abs(widths[0]! / widths[1]! - 6 / 4) < 0.01)
  t.true(Math.abs(widths[2]! / widths[1]! - 9 / 4) < 0.01)
  const marks = [...bars!.matchAll(/<line class="mark" x1="([^"]*)"/g)].map(([, x]) => Number(x) - 2)
  t.is(marks.length, 3)
  for (const mark of marks) t.true(Math.abs(mark - widths[1]!) < 0.2)
})

test('[PR12] a second without a latency is a gap in the line', t => {
  const svg = pictures(reportHtml(report([variant([row('millrace', '', [5])])]))).find(one =>
    one.includes('latency p99'),
  )!
  t.is(svg.match(/ d="[^"]*"/)![0].split('M').length - 1, 2)
})

test('[PR13] rows whose labels name the setting that was turned are drawn against it', t => {
  const rows = [0, 1_000, 4_000].map(idle => {
    return row('millrace', `${idle.toLocaleString('en-US')} idle`, [5], {
      extra: { 'connections/s': 7, 'idle connections': idle },
    })
  })
  const html = reportHtml(report([variant(rows)]))
  const swept = titles(html).filter(title => title.endsWith('by idle connections'))
  t.is(swept.length, 6)
  t.true(html.includes('<details><summary>Over the seconds'), 'the seconds of each row are folded away')
  t.is(titles(reportHtml(report([variant(rows.slice(0, 2))]))).filter(title => title.includes(' by ')).length, 0)
})

test('[PR8] the page leads to each variant and shows its command, its ledger and what a cost is made of', t => {
  const costs = [
    { name: 'socket.write 64 B', value: 5, unit: 'µs' },
    { name: 'socket.write 64 B, user', value: 1, unit: 'µs' },
  ]
  const html = reportHtml(report([FULL, variant([], { variant: 'idle', command: 'npm run perf -- idle' })], { costs }))
  t.true(html.includes('<a href="#v1">idle</a>') && html.includes('<section id="v1"'))
  t.true(html.includes('<code>npm run perf -- idle</code>'))
  t.true(html.includes('<td>5.00 µs</td><td>user 1.00 µs</td>'))
  t.is(html.split('<caption>ledger</caption>').length, 2)
})
