import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type LifecycleRule,
} from '@aws-sdk/client-s3'
import { s3ErrorOf, type S3Location } from './s3-location.ts'

/** Options of {@link inspectBucket}. */
export interface InspectBucketOptions extends S3Location {
  /** Lifecycle rules that abort uploads sooner than this are warned about. @default 72 */
  readonly graceHours?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** What a bucket does by itself, and what that means for retention. */
export interface BucketFacts {
  /** `unknown`: the credentials may not ask, or the server does not know. */
  readonly versioning: 'on' | 'suspended' | 'off' | 'unknown'
  readonly objectLock: 'on' | 'off' | 'unknown'
  /** Whether a lifecycle rule frees the bytes of versions that are no longer current. */
  readonly expiresOldVersions: boolean
  /** For people; one sentence each. */
  readonly warnings: readonly string[]
}

/**
 * Asks for a bucket's versioning, Object Lock and lifecycle rules. What it may not know is a warning, not an error.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { inspectBucket } from '@ops/s3-retention/s3'
 *
 * const facts = await inspectBucket({ client: new S3Client(), bucket: 'backups' })
 * console.log(facts.versioning, facts.warnings)
 * ```
 */
export async function inspectBucket(options: InspectBucketOptions): Promise<BucketFacts> {
  const { client, bucket, prefix = '', graceHours = 72, signal } = options
  const warnings: string[] = []
  const ask = async <Answer>(
    what: string,
    permission: string,
    send: () => Promise<Answer>,
  ): Promise<Answer | 'none' | 'unknown'> => {
    try {
      return await send()
    } catch (error) {
      signal?.throwIfAborted()
      const { name, status } = s3ErrorOf(error)
      if (status === 404 && name !== 'NoSuchBucket') return 'none'
      warnings.push(
        `${what} of bucket ${bucket} cannot be read (${name}); it needs the permission ${permission}`,
      )
      return 'unknown'
    }
  }
  const request = { abortSignal: signal }
  const versioning = await ask('the versioning', 's3:GetBucketVersioning', async () => {
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }), request)
    return Status === 'Enabled' ? 'on' : Status === 'Suspended' ? 'suspended' : 'off'
  })
  const objectLock = await ask(
    'the Object Lock configuration',
    's3:GetBucketObjectLockConfiguration',
    async () => {
      const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), request)
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled' ? 'on' : 'off'
    },
  )
  const lifecycle = await ask('the lifecycle configuration', 's3:GetLifecycleConfiguration', async () => {
    const { Rules = [] } = await client.send(
      new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }),
      request,
    )
    return Rules
  })
  const rules = Array.isArray(lifecycle)
    ? lifecycle.filter((rule) => rule.Status === 'Enabled' && overlaps(rule, prefix))
    : []
  warnings.push(...rules.flatMap((rule) => warnOfRule(rule, graceHours)))
  return {
    versioning: versioning === 'none' ? 'off' : versioning,
    objectLock: objectLock === 'none' ? 'off' : objectLock,
    expiresOldVersions: rules.some((rule) => rule.NoncurrentVersionExpiration !== undefined),
    warnings,
  }
}

function overlaps(rule: LifecycleRule, prefix: string): boolean {
  const rulePrefix = prefixOf(rule)
  return rulePrefix.startsWith(prefix) || prefix.startsWith(rulePrefix)
}

function prefixOf(rule: LifecycleRule): string {
  return rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? prefixOfOldRule(rule)
}

/** Rules of the first version of the API have their prefix beside the filter. */
function prefixOfOldRule(rule: { readonly Prefix?: string }): string {
  return rule.Prefix ?? ''
}

function warnOfRule(rule: LifecycleRule, graceHours: number): string[] {
  const name = `lifecycle rule "${rule.ID ?? 'without a name'}" on "${prefixOf(rule)}"`
  const warnings: string[] = []
  const { Days, Date: date } = rule.Expiration ?? {}
  if (Days !== undefined || date !== undefined) {
    const when = Days === undefined ? `on ${date?.toISOString()}` : `after ${Days} days`
    warnings.push(
      `${name} deletes objects ${when} whatever the policy keeps, also parts of sets that others rest on`,
    )
  }
  const abortDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation
  if (abortDays !== undefined && abortDays * 24 < graceHours) {
    warnings.push(
      `${name} aborts uploads after ${abortDays} days, sooner than the grace period of ${graceHours} h`,
    )
  }
  return warnings
}
