/**
 * Reports as files. A file is checked as a whole before anything of it is believed: it may be of another version, of
 * somebody else, or half a download. A file is written beside its place and then moved there, so that whoever reads it
 * finds the old one or the new one, never a part.
 */

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { REPORT_VERSION, type Report } from '#perf/result.ts'

export type ReportErrorCode =
  | 'REPORT_NOT_READABLE' // no such file, or not allowed to read it
  | 'REPORT_NOT_WRITABLE' // its folder is missing or may not be written
  | 'REPORT_INVALID' // not a report: not JSON, a field is missing or of another kind
  | 'REPORT_VERSION_DIFFERS' // made by another version of the harness: its figures mean something else

export class ReportError extends Error {
  readonly code: ReportErrorCode

  constructor(code: ReportErrorCode, message: string) {
    super(message)
    this.name = 'ReportError'
    this.code = code
  }
}

export async function readReport(path: string): Promise<Report> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new ReportError('REPORT_NOT_READABLE', `${path}: ${error.message}`)
  })
  return checkedReport(parsed(text, path), path)
}

/** Checked first: what could not be read again is not written. */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeText(path, `${JSON.stringify(checkedReport(report, path), null, 2)}\n`)
}

/** Any text, whole or not at all. */
export async function writeText(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.part`
  try {
    await writeFile(beside, text)
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw new ReportError('REPORT_NOT_WRITABLE', `${path}: ${(error as Error).message}`)
  }
}

/** Another version is told before anything else: its other fields may be anything. */
export function checkVersion(version: number, what: string): void {
  if (version === REPORT_VERSION) return
  const message = `${what} is of version ${version}, this harness makes and compares version ${REPORT_VERSION}`
  throw new ReportError('REPORT_VERSION_DIFFERS', message)
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ReportError('REPORT_INVALID', `${path} is not JSON: ${(error as Error).message}`)
  }
}

function checkedReport(value: unknown, path: string): Report {
  const versioned = VERSIONED.safeParse(value)
  if (versioned.success) checkVersion(versioned.data.version, path)
  const { error, data } = REPORT.safeParse(value)
  if (error === undefined) return data
  const [first, ...others] = error.issues
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  throw new ReportError('REPORT_INVALID', `${path}: ${first!.path.join('.')}: ${first!.message}${more}`)
}

const VERSIONED = z.object({ version: z.number() })

/** Counts, times, shares: JSON has no other numbers, and none of these is below 0. */
const amount = z.number().nonnegative()

const QUANTILES = z.object({
  count: amount,
  mean: amount,
  p50: amount,
  p90: amount,
  p99: amount,
  p999: amount,
  max: amount,
})

const LEDGER = z.object({
  published: amount,
  delivered: amount,
  conflated: amount,
  dropped: amount,
  lost: amount,
  // Of a stretch of time it is the change, which may be less than nothing.
  waiting: z.number(),
})

const SAMPLE = z.object({
  second: amount,
  delivered: amount,
  p99Ms: amount.nullable(),
  cpuShare: amount,
  residentBytes: amount,
})

const RUN = z.object({
  target: z.string(),
  label: z.string(),
  options: z.string(),
  seconds: amount,
  due: amount,
  received: amount,
  receivedPerSecond: amount,
  ledger: LEDGER.nullable(),
  serverCpuSecondsPerMillion: amount,
  serverCpuShare: amount,
  clientCpuShare: amount,
  feedCpuShare: amount,
  latencyMs: QUANTILES.nullable(),
  ageMs: QUANTILES.nullable(),
  bytesPerUpdate: amount,
  updatesPerRead: amount,
  updatesPerWrite: amount.nullable(),
  residentBytes: z.object({ empty: amount, connected: amount, max: amount }),
  threads: z.array(z.object({ name: z.string(), utilisation: amount })),
  queues: z.array(
    z.object({ stage: z.string(), unit: z.enum(['bytes', 'records']), depthMax: amount, capacity: amount }),
  ),
  clientUtilisation: amount,
  isClientBottleneck: z.boolean(),
  serverWaitedShare: amount.nullable(),
  isHeld: z.boolean(),
  faults: z.array(z.string()),
  samples: z.array(SAMPLE),
  extra: z.record(z.string(), z.number()),
})

const VARIANT = z.object({
  variant: z.string(),
  about: z.string(),
  command: z.string(),
  rows: z.array(z.object({ target: z.string(), label: z.string(), runs: z.array(RUN).min(1) })),
  missing: z.array(z.object({ target: z.string(), why: z.string() })),
})

/** The same as result.ts says: the compiler holds the two together. */
const REPORT: z.ZodType<Report> = z.object({
  version: z.literal(REPORT_VERSION),
  madeAt: z.string(),
  commit: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: amount,
    memoryBytes: amount,
    kernel: z.string(),
    node: z.string(),
  }),
  costs: z.array(z.object({ name: z.string(), value: z.number(), unit: z.string() })),
  variants: z.array(VARIANT),
})
