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

/** What an action is done to. `key` is `<kind>:<canonical id>` and is what claims, leases and budgets are keyed by. */
export const Target = z.object({
  kind: z.enum(['host', 'account', 'ip', 'file', 'dataset', 'person', 'channel']),
  key: z.string().min(3).max(1024),
  label: z.string().min(1).max(1024),
});
export type Target = z.infer<typeof Target>;
