/**
 * The servers of others that Millrace is measured beside, each in the setting that its own documentation calls fastest
 * (the files of perf/peers say which, and where that stands). What is not installed tells how to get it.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { CLIENT_PROTOCOLS } from '#perf/load/client-protocols.ts'
import { FEED_PROTOCOLS } from '#perf/load/feed-protocols.ts'
import { type Daemon, startDaemon, whyDaemonIsMissing } from './peer-daemon.ts'
import { startNode } from './peer-node.ts'
import type { Target } from './target.ts'

const INSTALL = 'npm ci --prefix perf/peers'
const UWS_PACKAGE = '@btc-vision/uwebsockets.js'

const WS: Target = {
  name: 'ws',
  about: 'ws (Node): each update framed once, the frame written to every subscriber',
  client: CLIENT_PROTOCOLS.websocket!,
  feed: FEED_PROTOCOLS.lines!,
  whyMissing: () => whyPackageIsMissing('ws'),
  start: () => startNode('ws', new URL('../peers/ws-server.ts', import.meta.url)),
}

const SOCKET_IO: Target = {
  name: 'socket.io',
  about: 'Socket.IO (Node): websocket only, no compression, a room for each item',
  client: CLIENT_PROTOCOLS['socket.io']!,
  feed: FEED_PROTOCOLS.lines!,
  whyMissing: () => whyPackageIsMissing('socket.io'),
  start: () => startNode('socket.io', new URL('../peers/socket-io-server.ts', import.meta.url)),
}

const HTTP_SSE: Target = {
  name: 'http-sse',
  about: 'node:http: response.write of an SSE event for each update and subscriber',
  client: CLIENT_PROTOCOLS['http-stream']!,
  feed: FEED_PROTOCOLS.lines!,
  whyMissing: () => null,
  start: () => startNode('http-sse', new URL('../peers/http-sse-server.ts', import.meta.url)),
}

const UWS: Target = {
  name: 'uws',
  about: 'uWebSockets.js (C++): a topic for each item, no compression',
  client: CLIENT_PROTOCOLS.websocket!,
  feed: FEED_PROTOCOLS.lines!,
  whyMissing: () => whyPackageIsMissing(UWS_PACKAGE) ?? whyUwsDoesNotLoad(),
  start: () => startNode('uws', new URL('../peers/uws-server.ts', import.meta.url)),
}

const NCHAN_DAEMON: Daemon = {
  name: 'nchan',
  program: 'nginx',
  files: { nchan: '/usr/lib/nginx/modules/ngx_nchan_module.so' },
  packages: ['nginx', 'libnginx-mod-nchan'],
  configuration: new URL('../peers/nginx.conf', import.meta.url),
  args: (configuration, folder) => ['-e', 'stderr', '-p', folder, '-c', configuration],
  hasOnePort: false,
  // A master and its worker.
  processes: 2,
}

const NCHAN: Target = {
  name: 'nchan',
  about: 'nginx with nchan: one worker, websocket subscribers, published by POST on one connection',
  client: CLIENT_PROTOCOLS.websocket!,
  feed: FEED_PROTOCOLS.nchan!,
  whyMissing: () => whyDaemonIsMissing(NCHAN_DAEMON),
  start: () => startDaemon(NCHAN_DAEMON),
}

const NATS_DAEMON: Daemon = {
  name: 'nats',
  program: 'nats-server',
  files: {},
  packages: ['nats-server'],
  configuration: new URL('../peers/nats.conf', import.meta.url),
  args: configuration => ['--config', configuration],
  hasOnePort: false,
  processes: 1,
}

const NATS: Target = {
  name: 'nats',
  about: 'nats-server: subscribers over websocket without TLS and compression, all cores',
  client: CLIENT_PROTOCOLS['nats-websocket']!,
  feed: FEED_PROTOCOLS.nats!,
  whyMissing: () => whyDaemonIsMissing(NATS_DAEMON),
  start: () => startDaemon(NATS_DAEMON),
}

const REDIS_DAEMON: Daemon = {
  name: 'redis',
  program: 'redis-server',
  files: {},
  packages: ['redis-server'],
  configuration: new URL('../peers/redis.conf', import.meta.url),
  args: configuration => [configuration],
  hasOnePort: true,
  processes: 1,
}

const REDIS: Target = {
  name: 'redis',
  about: 'redis: SUBSCRIBE over plain TCP, one thread, nothing kept on disk',
  client: CLIENT_PROTOCOLS.redis!,
  feed: FEED_PROTOCOLS.redis!,
  whyMissing: () => whyDaemonIsMissing(REDIS_DAEMON),
  start: () => startDaemon(REDIS_DAEMON),
}

export { FLOOR } from './floor.ts'
export const PEERS: readonly Target[] = [UWS, WS, SOCKET_IO, HTTP_SSE, NCHAN, NATS, REDIS]

function whyPackageIsMissing(name: string): string | null {
  const isThere = existsSync(new URL(`../peers/node_modules/${name}/package.json`, import.meta.url))
  return isThere ? null : `${name} is not installed: ${INSTALL}`
}

let uwsVerdict: string | null | undefined

/** Its binaries want a newer C library than some systems have: tried in a process of its own, once. */
function whyUwsDoesNotLoad(): string | null {
  if (uwsVerdict === undefined) uwsVerdict = tryToLoadUws()
  return uwsVerdict
}

function tryToLoadUws(): string | null {
  const { status, stderr } = spawnSync(process.execPath, ['--eval', `require('${UWS_PACKAGE}')`], {
    cwd: new URL('../peers/', import.meta.url),
    encoding: 'utf8',
    env: {},
  })
  if (status === 0) return null
  // It tells which platforms it is for, then what the loader said: file, reason, by whom required.
  const reason = /^Error: \S+: (.*?)(?: \(required by .*)?$/m.exec(stderr)?.[1] ?? stderr.trim()
  return `${UWS_PACKAGE} does not load here: ${reason}`
}
