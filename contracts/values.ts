import { z } from 'zod';

/** One severity scale, OCSF `severity_id` words: 1 informational … 5 critical. */
export const Severity = z.number().int().min(1).max(5);
export type Severity = z.infer<typeof Severity>;

export const SEVERITY_NAMES = ['informational', 'low', 'medium', 'high', 'critical'] as const;

/** The word for a severity; `severityName(4)` is `high`. */
export function severityName(severity: Severity): string {
  return SEVERITY_NAMES[severity - 1] ?? 'unknown';
}

/** TLP 2.0, https://www.first.org/tlp/ */
export const Tlp = z.enum(['CLEAR', 'GREEN', 'AMBER', 'AMBER+STRICT', 'RED']);
export type Tlp = z.infer<typeof Tlp>;

/** Phases of an incident, in order (NIST SP 800-61; the four classic phases with the ends spelled out). */
export const PHASES = [
  'detected',
  'analysis',
  'containment',
  'eradication',
  'recovery',
  'monitoring',
  'post_incident',
  'closed',
] as const;
export const Phase = z.enum(PHASES);
export type Phase = z.infer<typeof Phase>;

/** plan: predict only. drill: simulated effects, real people. live: real effects. */
export const Mode = z.enum(['plan', 'drill', 'live']);
export type Mode = z.infer<typeof Mode>;

/** `hr`, `legal` and `owner` read, and decide approvals that ask for them. `owner` counts for assets that name the person only. */
export const ROLES = ['viewer', 'analyst', 'lead', 'engineer', 'admin', 'hr', 'legal', 'owner'] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/** JSON values as they survive Temporal's converter and RFC 8785. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export const Json: z.ZodType<Json> = z.json();
export const JsonObject = z.record(z.string(), Json);
export type JsonObject = z.infer<typeof JsonObject>;

const name = z.string().trim().min(1).max(255);

/** A host as an alert or an asset list names it. `name` is the short or the full name as seen; see `hostKey`. */
export const HostRef = z.object({
  name,
  fqdn: name.optional(),
  ips: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(64)
    .optional(),
});
export type HostRef = z.infer<typeof HostRef>;

export const AccountRef = z.object({ name, domain: name.optional(), upn: name.optional() });
export type AccountRef = z.infer<typeof AccountRef>;

/** A set of data that a backup covers: `files` of one host below one path. */
export const DatasetRef = z.object({
  name,
  host: name.optional(),
  path: z.string().min(1).max(4096).optional(),
});
export type DatasetRef = z.infer<typeof DatasetRef>;

export const IpAddress = z.union([z.ipv4(), z.ipv6()]);
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');

/** A domain name in its ASCII form, two labels at least: nobody blocks all of `com`. https://www.rfc-editor.org/rfc/rfc1035 */
export const DomainName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
    'not a domain name',
  );
/** An address on the web. What is longer than a lease's key can hold is not taken. */
export const WebUrl = z.url({ protocol: /^(https?|ftp)$/ }).max(1000);
export const MailAddress = z.email().max(320);

/** One mail, by its Message-ID without angle brackets (RFC 5322): the same in every mailbox that got it. */
export const MessageRef = z.object({
  id: z.string().trim().min(1).max(998),
  sender: MailAddress.optional(),
  subject: z.string().max(998).optional(),
});
export type MessageRef = z.infer<typeof MessageRef>;

const cloudName = z.string().trim().min(1).max(900);

/** An identity of a cloud that calls its APIs: user, role or service account, by its full name (ARN, e-mail, object id). */
export const PrincipalRef = z.object({ name: cloudName, account: name.optional() });
export type PrincipalRef = z.infer<typeof PrincipalRef>;

/** A long-lived credential of a principal, by its public id: never the secret. */
export const CloudKeyRef = z.object({
  id: z.string().trim().min(1).max(255),
  principal: cloudName.optional(),
  account: name.optional(),
});
export type CloudKeyRef = z.infer<typeof CloudKeyRef>;

/** A store of objects in a cloud. */
export const BucketRef = z.object({ name, account: name.optional() });
export type BucketRef = z.infer<typeof BucketRef>;

/** A process as an alert names it: by one of these at least. Numbers are given anew, so a product checks all that it is told. */
export const ProcessRef = z
  .object({
    pid: z.number().int().positive().optional(),
    name: name.optional(),
    path: z.string().min(1).max(900).optional(),
    sha256: Sha256.optional(),
  })
  .refine(
    ({ pid, name: called, path, sha256 }) => [pid, called, path, sha256].some((one) => one !== undefined),
    {
      message: 'names no process: give pid, name, path or sha256',
    },
  );
export type ProcessRef = z.infer<typeof ProcessRef>;

export const TARGET_KINDS = [
  'host',
  'account',
  'ip',
  'file',
  'dataset',
  'person',
  'channel',
  'domain',
  'url',
  'message',
  'sender',
  'key',
  'principal',
  'bucket',
  'process',
  'hash',
  'ticket',
] as const;

/** What an action is done to. `key` is `<kind>:<canonical id>` and is what claims, leases and budgets are keyed by. */
export const Target = z.object({
  kind: z.enum(TARGET_KINDS),
  key: z.string().min(3).max(1024),
  label: z.string().min(1).max(1024),
});
export type Target = z.infer<typeof Target>;
