/**
 * A network of one's own: a namespace whose loopback has an Ethernet's packets and small kernel buffers, so that a reader
 * who stops is felt within kilobytes. Plain loopback hides megabytes.
 */

import { spawnSync } from 'node:child_process'

const INSIDE = 'MILLRACE_PERF_INSIDE'
const BUFFERS = '4096 16384 65536'
const SETUP = [
  'ip link set lo up mtu 1500',
  `sysctl -qw net.ipv4.tcp_wmem="${BUFFERS}" net.ipv4.tcp_rmem="${BUFFERS}"`,
].join(' && ')

export function isInNamespace(): boolean {
  return process.env[INSIDE] !== undefined
}

/** Runs a command of this program (a file and its arguments) inside; its exit code, or null where that is not permitted. */
export function runInNamespace(command: readonly string[]): number | null {
  if (spawnSync('unshare', ['-n', 'true']).status !== 0) return null
  const inside = spawnSync('unshare', ['-n', 'sh', '-c', `${SETUP} && exec "$@"`, 'sh', process.execPath, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  })
  return inside.status ?? 1
}
