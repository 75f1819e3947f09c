// What installing each public package may cost: more is a decision, not an accident. Raise a limit together
// with what needs it. `installed` counts the packages that npm installs with it, without peers and binaries.
const PACKAGE_LIMITS = {
  '@ops/cert-probe': { packedKilobytes: 230, dependencies: 2, installed: 2 },
  '@ops/object-store': { packedKilobytes: 90, dependencies: 1, installed: 2 },
  '@ops/pg-backup': { packedKilobytes: 310, dependencies: 5, installed: 14 },
  '@ops/pgbouncer-audit': { packedKilobytes: 230, dependencies: 4, installed: 6 },
  '@ops/pgbouncer-stats': { packedKilobytes: 260, dependencies: 1, installed: 1 },
  '@ops/restore-verify': { packedKilobytes: 180, dependencies: 4, installed: 16 },
  '@ops/s3-retention': { packedKilobytes: 180, dependencies: 3, installed: 4 },
}

/** What of `measured` is more than the package may have, in words. */
export function overLimit(name, measured) {
  const limits = PACKAGE_LIMITS[name]
  if (limits === undefined) return [`${name} has no limits in scripts/package-limits.mjs: give it some`]
  return Object.entries(measured)
    .filter(([what, amount]) => amount > limits[what])
    .map(([what, amount]) => `${name}: ${amount} ${what}, and ${limits[what]} is the limit`)
}
