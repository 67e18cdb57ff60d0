/** A reverse proxy as Debian installs it, as a process of its own with a configuration in a temporary folder. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Below the ports that the system gives to outgoing connections. */
const PORT_MIN = 20_000
const PORTS = 10_000
const LOOKS_MAX = 400
const LOOK_MS = 25

export interface GatewayKind {
  readonly name: string
  /** What tells its version; it fails where the program is not installed. */
  readonly versionFlag: string
  /** The configuration, for a server at `upstreamPort`. */
  readonly config: (folder: string, port: number, upstreamPort: number) => string
  /** The arguments to run in the foreground by the configuration in `file`. */
  readonly args: (folder: string, file: string) => readonly string[]
}

/**
 * What nginx does by itself, but for WebSocket, which it passes on only where it is told to; paths and log belong to the
 * folder.
 */
export const NGINX: GatewayKind = {
  name: 'nginx',
  versionFlag: '-v',
  config: (folder, port, upstreamPort) => `
daemon off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $upstream_connection { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${upstreamPort}; }
    location /websocket/ {
      proxy_pass http://127.0.0.1:${upstreamPort}/;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upstream_connection;
    }
  }
}
`,
  args: (folder, file) => ['-p', folder, '-c', file, '-e', `${folder}/error.log`],
}

/** The timeouts are those of Debian's /etc/haproxy/haproxy.cfg: without any HAProxy warns. */
export const HAPROXY: GatewayKind = {
  name: 'haproxy',
  versionFlag: '-v',
  config: (_folder, port, upstreamPort) => `
defaults
  mode http
  timeout connect 5000
  timeout client 50000
  timeout server 50000
frontend clients
  bind 127.0.0.1:${port}
  default_backend millrace
backend millrace
  server one 127.0.0.1:${upstreamPort}
`,
  args: (_folder, file) => ['-db', '-f', file],
}

export function isInstalled({ name, versionFlag }: GatewayKind): boolean {
  return spawnSync(name, [versionFlag]).status === 0
}

export class Gateway {
  readonly port: number
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #folder: string

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port
    this.#process = process
    this.#ended = new Promise(resolve => process.on('close', resolve))
    this.#folder = folder
  }

  /** Starts it and waits until it listens. */
  static async start(kind: GatewayKind, upstreamPort: number): Promise<Gateway> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), `millrace-${kind.name}-`))
    const file = join(folder, 'config')
    writeFileSync(file, kind.config(folder, port, upstreamPort))
    const child = spawn(kind.name, kind.args(folder, file), { stdio: 'ignore' })
    const gateway = new Gateway(port, child, folder)
    for (let look = 0; look < LOOKS_MAX; look++) {
      if (await answers(port)) return gateway
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    await gateway.close()
    throw new Error(`${kind.name} does not listen on port ${port}`)
  }

  async close(): Promise<void> {
    // Either ends at once, with its workers, at SIGTERM.
    this.#process.kill('SIGTERM')
    await this.#ended
    rmSync(this.#folder, { recursive: true })
  }
}

async function freePort(): Promise<number> {
  for (let offset = 0; offset < PORTS; offset++) {
    const port = PORT_MIN + ((process.pid + offset) % PORTS)
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
