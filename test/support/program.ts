/** Runs the program as its users do, as a process of its own, without the environment of the test. */

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** What has come on standard output and error so far. */
  stdout(): string
  stderr(): string
  /** Resolves when standard output holds `text`, or the program has ended. */
  prints(text: string): Promise<void>
}

/** Starts `millrace` with these arguments. A test must await `ended`. */
export function startProgram(args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }))
  })
  const prints = (text: string): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (stdout.includes(text)) resolve()
      }
      child.stdout.on('data', look)
      child.on('close', () => resolve())
      look()
    })
  return { process: child, ended, stdout: () => stdout, stderr: () => stderr, prints }
}

export function runProgram(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return startProgram(args, env).ended
}
