/** How hosts are written and reached: what the commands print and connect to. */

import { isAnyAddress } from '#src/config/check.ts'

/** Where a listener on `host` can be reached from this machine. */
export function reachableHost(host: string): string {
  if (!isAnyAddress(host)) return host
  return host === '::' ? '::1' : '127.0.0.1'
}

/** A host as it stands before a port. */
export function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
