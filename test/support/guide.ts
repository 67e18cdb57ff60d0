/**
 * A guide of docs/ as its reader follows it: the files that it tells to write, and the commands that it tells to run.
 *
 * A file is a fenced block behind a paragraph that begins with the file's name in backticks and a colon; commands are the
 * lines of `sh` blocks. A guide says ports and folders as a newcomer has them free; a test has others, and says them by
 * `replace`, in files and commands alike.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ROOT } from './sources.ts'

const FILE_EXP = /^`([\w.-]+)`:.*\n(?:.+\n)*\n```\w+\n([\s\S]*?)^```$/gm
const COMMANDS_EXP = /^```sh\n([\s\S]*?)^```$/gm
const START_MS_MAX = 20_000

export class Guide {
  /** By name. */
  readonly files: ReadonlyMap<string, string>
  /** In order; without the `&` of those that go on. */
  readonly commands: readonly string[]
  readonly text: string

  /** `name`: of the file in docs. */
  constructor(name: string) {
    this.text = readFileSync(join(ROOT, 'docs', name), 'utf8')
    this.files = new Map([...this.text.matchAll(FILE_EXP)].map(([, file, body]) => [file!, body!]))
    this.commands = [...this.text.matchAll(COMMANDS_EXP)].flatMap(([, body]) =>
      body!
        .trimEnd()
        .split('\n')
        .map(line => line.replace(/ &$/, '')),
    )
  }

  /** The one command that begins so. */
  command(beginning: string): string {
    const found = this.commands.filter(command => command.startsWith(beginning))
    if (found.length !== 1) throw new Error(`${found.length} commands of the guide begin with ${beginning}`)
    return found[0]!
  }
}

/** A program that goes on. */
export interface Running {
  /** The line that was waited for. */
  readonly line: string
  stop(): Promise<void>
}

/** The newcomer's folder, and the programs that run in it. */
export class Workshop {
  readonly #folder: string
  readonly #replaced: [from: string, to: string][] = []
  readonly #programs = new Set<ChildProcess>()

  /** An empty folder. In it is what `npm install` of this clone leaves, without a registry being asked. */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
    symlinkSync(ROOT, join(folder, 'node_modules/millrace'))
    symlinkSync('../millrace/src/main.ts', join(folder, 'node_modules/.bin/millrace'))
  }

  /** From now on `from` is `to`, in files and commands. */
  replace(from: string | number, to: string | number): void {
    this.#replaced.push([String(from), String(to)])
  }

  write(name: string, body: string): void {
    writeFileSync(join(this.#folder, name), this.#mine(body))
  }

  /** Starts a command, and resolves with the line in which it says `word`. Rejects when it ends before. */
  start(command: string, word: string): Promise<Running> {
    const child = this.#spawn(command)
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    const stop = async (): Promise<void> => {
      child.kill()
      await ended
    }
    return new Promise((resolve, reject) => {
      let text = ''
      const timer = setTimeout(() => reject(new Error(`${command} says: ${text}`)), START_MS_MAX)
      const take = (chunk: Buffer): void => {
        text += chunk
        const line = text.split('\n').find((one, index, all) => one.includes(word) && index < all.length - 1)
        if (line === undefined) return
        clearTimeout(timer)
        resolve({ line, stop })
      }
      child.stdout!.on('data', take)
      child.stderr!.on('data', take)
      void ended.then(() => {
        clearTimeout(timer)
        reject(new Error(`${command} has ended: ${text}`))
      })
    })
  }

  /** Runs a command to its end; what it has written, all of it. */
  run(command: string): Promise<string> {
    const child = this.#spawn(command)
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk
    })
    child.stderr!.on('data', (chunk: Buffer) => {
      text += chunk
    })
    return new Promise(resolve => child.once('close', () => resolve(text)))
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    for (const child of this.#programs) child.kill('SIGKILL')
    await Promise.all([...this.#programs].map(child => new Promise(resolve => child.once('close', resolve))))
  }

  #spawn(command: string): ChildProcess {
    const paths = [
      join(this.#folder, 'node_modules/.bin'),
      dirname(process.execPath),
      '/usr/local/bin',
      '/usr/bin',
      '/bin',
    ]
    // A shell of several commands must not stay behind the one that is ended.
    const text = command.includes('|') ? this.#mine(command) : `exec ${this.#mine(command)}`
    const child = spawn('/bin/sh', ['-c', text], {
      cwd: this.#folder,
      env: { PATH: paths.join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#programs.add(child)
    child.once('close', () => this.#programs.delete(child))
    return child
  }

  #mine(text: string): string {
    return this.#replaced.reduce((mine, [from, to]) => mine.replaceAll(from, to), text)
  }
}
