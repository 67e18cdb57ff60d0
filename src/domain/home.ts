/** Which core thread is an item's home: a pure function of its name, so that every thread finds it alone. */

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** 0 to `cores` - 1. */
export function homeOf(itemName: string, cores: number): number {
  if (cores === 1) return 0
  let hash = FNV_OFFSET
  for (let i = 0; i < itemName.length; i++) hash = Math.imul(hash ^ itemName.charCodeAt(i), FNV_PRIME)
  return (hash >>> 0) % cores
}
