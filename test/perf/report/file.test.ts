import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { readReport, writeReport, writeText } from '#perf/report/file.ts'
import type { Report } from '#perf/result.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { randomReport, report, row, variant } from './synthetic.ts'

const test = anyTest as TestFn<{ folder: string; path: string }>

test.beforeEach(async t => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-report-'))
  t.context = { folder, path: join(folder, 'report.json') }
})

test.afterEach.always(async t => {
  await rm(t.context.folder, { recursive: true })
})

test('[PR20] a report comes back as it was written', async t => {
  const random = new Random(seedOr(46))
  for (let round = 0; round < 10; round++) {
    const written = randomReport(random)
    await writeReport(t.context.path, written)
    t.deepEqual(await readReport(t.context.path), written, `seed ${random.seed}`)
  }
})

test('[PR20] a file is replaced as a whole and leaves nothing beside it, or stays as it was', async t => {
  const { folder, path } = t.context
  await writeText(path, 'before')
  await writeText(path, 'after')
  t.is(await readFile(path, 'utf8'), 'after')
  const broken = report([variant([row('millrace', '', [Number.NaN])])])
  await t.throwsAsync(writeReport(path, broken), { code: 'REPORT_INVALID' })
  t.is(await readFile(path, 'utf8'), 'after')
  await t.throwsAsync(writeText(folder, 'text'), { code: 'REPORT_NOT_WRITABLE' })
  await t.throwsAsync(writeText(join(folder, 'none', 'report.json'), 'text'), { code: 'REPORT_NOT_WRITABLE' })
  t.deepEqual(await readdir(folder), ['report.json'])
})

test('[PR20] a file that cannot be read, is no report, or is of another version is told apart', async t => {
  const { folder, path } = t.context
  await t.throwsAsync(readReport(path), { code: 'REPORT_NOT_READABLE' })
  await t.throwsAsync(readReport(folder), { code: 'REPORT_NOT_READABLE' })
  const refused = async (value: unknown, code: string, message: RegExp) => {
    await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value))
    await t.throwsAsync(readReport(path), { code, message })
  }
  const sound = report([variant([row('millrace', '', [5])])])
  await refused('{"version":1', 'REPORT_INVALID', /not JSON/)
  await refused('null', 'REPORT_INVALID', /report\.json/)
  await refused({ ...sound, version: 99 }, 'REPORT_VERSION_DIFFERS', /version 99/)
  await refused({ version: 99 }, 'REPORT_VERSION_DIFFERS', /version 99/)
  await refused({ ...sound, variants: undefined }, 'REPORT_INVALID', /variants/)
  await refused(
    { ...sound, variants: [variant([{ target: 'a', label: '', runs: [] }])] },
    'REPORT_INVALID',
    /rows\.0\.runs/,
  )
  const negative = row('millrace', '', [-1]) as Report['variants'][number]['rows'][number]
  await refused({ ...sound, variants: [variant([negative])] }, 'REPORT_INVALID', /serverCpuSecondsPerMillion/)
})
