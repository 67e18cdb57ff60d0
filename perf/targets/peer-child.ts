/**
 * The process of a peer: started without a shell and with nothing of this process's environment but PATH, ended by its
 * own id and with this process. What it says is kept, a little of it, for the reason of a failed start.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** What is kept of what it said. */
const HEARD_CHARS_MAX = 4_000
const END_MS_MAX = 5_000

export class PeerChild {
  readonly #name: string
  readonly #process: ChildProcess
  readonly #kill: () => void
  #heard = ''
  #hasEnded = false

  constructor(name: string, program: string, args: readonly string[]) {
    this.#name = name
    // A peer that reads its input notices by its end that this process has gone, however it went.
    const child = spawn(program, args, { env: { PATH: process.env.PATH }, stdio: 'pipe' })
    this.#process = child
    this.#kill = () => child.kill('SIGKILL')
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => this.#hear(String(text)))
    child.on('error', error => this.#end(error.message))
    child.on('exit', (code, signal) => this.#end(`it ended with ${code ?? signal}`))
    process.once('exit', this.#kill)
  }

  /** What it said, as far as it is kept. */
  get heard(): string {
    return this.#heard
  }

  /** Throws once it has ended. */
  assertRuns(): void {
    if (this.#hasEnded) throw new Error(`${this.#name} does not run: ${this.#heard}`)
  }

  /** Its own id, then those of the processes that it has started. */
  pids(): number[] {
    const pid = this.#process.pid!
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return [pid, ...children.split(' ').filter(Boolean).map(Number)]
  }

  say(text: string): void {
    this.#process.stdin?.write(text)
  }

  /** Asks it to end, and makes it end if it does not. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return
    const pids = this.pids()
    const exited = once(this.#process, 'exit')
    const timer = setTimeout(() => kill(pids), END_MS_MAX)
    this.#process.kill('SIGTERM')
    await exited
    clearTimeout(timer)
  }

  #hear(text: string): void {
    this.#heard = (this.#heard + text).slice(-HEARD_CHARS_MAX)
  }

  #end(why: string): void {
    this.#hear(`\n${why}`)
    this.#hasEnded = true
    process.off('exit', this.#kill)
  }
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}
