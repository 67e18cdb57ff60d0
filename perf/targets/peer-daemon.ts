/**
 * Peers that are programs of the system: started in the foreground with a configuration of ours, filled in with free ports
 * and a folder that is theirs alone and goes with them. None of them tells when it listens, so its ports are tried.
 */

import { once } from 'node:events'
import { accessSync, chmodSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PeerChild } from './peer-child.ts'
import type { RunningTarget } from './target.ts'

export interface Daemon {
  readonly name: string
  readonly program: string
  /** Files besides the program that it needs; the first `${…}` of each name in the configuration is its path. */
  readonly files: Readonly<Record<string, string>>
  /** Of Debian. */
  readonly packages: readonly string[]
  /** In it `${clientPort}`, `${feedPort}`, `${folder}` and the names of `files` are filled in. */
  readonly configuration: URL
  readonly args: (configuration: string, folder: string) => readonly string[]
  /** Whether feeds and clients come to the same port. */
  readonly hasOnePort: boolean
  /** With those that it starts itself: its ports accept before the last of them runs. */
  readonly processes: number
}

const HOST = '127.0.0.1'
const START_MS_MAX = 10_000
const LOOK_MS = 20
/** Where Debian has what only root is expected to start; not in everybody's PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/bin']

export function whyDaemonIsMissing({ program, files, packages }: Daemon): string | null {
  const missing = [
    ...(pathOf(program) === null ? [program] : []),
    ...Object.values(files).filter(file => !isThere(file, constants.R_OK)),
  ]
  if (missing.length === 0) return null
  return `${missing.join(', ')} is not installed: apt-get install --no-install-recommends ${packages.join(' ')}`
}

export async function startDaemon(daemon: Daemon): Promise<RunningTarget> {
  const folder = mkdtempSync(join(tmpdir(), `millrace-${daemon.name}-`))
  // A worker that gives up root's rights passes through it.
  chmodSync(folder, 0o711)
  const clientPort = await freePort()
  const feedPort = daemon.hasOnePort ? clientPort : await freePort()
  const configuration = join(folder, 'configuration')
  writeFileSync(configuration, filledIn(daemon, { clientPort, feedPort, folder }))
  const child = new PeerChild(daemon.name, pathOf(daemon.program)!, daemon.args(configuration, folder))
  const stop = async () => {
    await child.stop()
    rmSync(folder, { recursive: true })
  }
  try {
    await waitUntil(child, 'it does not listen', () => doesAccept(clientPort))
    await waitUntil(child, 'it does not listen for a feed', () => doesAccept(feedPort))
    await waitUntil(child, 'it has too few processes', () => child.pids().length === daemon.processes)
    return { pids: child.pids(), clientPort, feedPort, insight: async () => null, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function filledIn(daemon: Daemon, values: Readonly<Record<string, string | number>>): string {
  const all: Readonly<Record<string, string | number>> = { ...daemon.files, ...values }
  return readFileSync(daemon.configuration, 'utf8').replace(/\$\{(\w+)\}/g, (_, name: string) => String(all[name]))
}

function pathOf(program: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), ...SYSTEM_FOLDERS]
  return folders.map(folder => join(folder, program)).find(path => isThere(path, constants.X_OK)) ?? null
}

function isThere(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** Free now: somebody may take it before the daemon does, which then says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function waitUntil(child: PeerChild, what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += LOOK_MS) {
    child.assertRuns()
    if (await isSo()) return
    await sleep(LOOK_MS)
  }
  throw new Error(`${what}: ${child.heard}`)
}

function doesAccept(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, HOST, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
