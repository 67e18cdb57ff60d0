/** What tests use of ws and its types do not tell. */

import 'ws'

declare module 'ws' {
  export class PerMessageDeflate {
    constructor(options: { readonly isServer: boolean; readonly serverMaxWindowBits?: number })
    offer(): object
    accept(configurations: unknown): object
  }
  export const extension: {
    parse(header: string): Record<string, unknown>
    format(extensions: object): string
  }
}
