import { z } from 'zod';
import { Severity } from '../../contracts/values';
import { Secret } from '../../contracts/secret';
import { VendorUrl } from '../kit/http';

/** Private and shared networks (RFC 1918, 6598, 4193): whoever attacks from there is a host of ours. */
const PRIVATE_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];

/** Config of one CrowdSec local API. */
export const CrowdsecConfig = z.strictObject({
  url: VendorUrl,
  /** The machine account, `cscli machines add`. */
  machineId: z.string().min(1).max(255),
  password: z.instanceof(Secret),
  /** PEM of the only authority to trust. */
  ca: z.string().optional(),
  timeoutMs: z.number().int().min(10).max(120_000).default(10_000),
  /** How long a ban stands when nobody lifts it. The lease lifts it; this must outlive every lease. */
  banHours: z.number().int().min(1).max(876_000).default(87_600),
  /** How far the first poll looks back. */
  startHours: z.number().min(0).max(168).default(1),
  homeNetworks: z.array(z.union([z.cidrv4(), z.cidrv6()])).default(PRIVATE_NETWORKS),
  /** CrowdSec has no severities: this one for all alerts but those of the scenarios below. */
  severity: Severity.default(3),
  severities: z.record(z.string(), Severity).default({}),
});
export type CrowdsecConfig = z.output<typeof CrowdsecConfig>;

export const LoginReply = z.object({ token: z.string().min(1), expire: z.string() });

/** A list of the API; an empty one is null. */
export const AlertList = z.array(z.unknown()).nullable();

const text = z.string().catch('');

/** One alert as far as polling needs it. Only the id must be right: what else is not costs no alert. */
export const LapiAlert = z.object({
  id: z.number().int().positive(),
  machine_id: text,
  scenario: text,
  message: text,
  created_at: text,
  start_at: text,
  simulated: z.boolean().catch(false),
  source: z.object({ scope: text, value: text }).catch({ scope: '', value: '' }),
  events: z
    .array(
      z
        .object({ meta: z.array(z.object({ key: z.string(), value: z.string() })).catch([]) })
        .catch({ meta: [] }),
    )
    .catch([]),
  decisions: z
    .array(z.object({ origin: text }).catch({ origin: '' }))
    .nullable()
    .catch(null),
});
export type LapiAlert = z.output<typeof LapiAlert>;

/** An alert with its decisions, read to find out what is banned: here nothing may be guessed. */
export const BanAlert = z.object({
  id: z.number().int(),
  machine_id: z.string().default(''),
  decisions: z
    .array(
      z.object({
        id: z.number().int(),
        type: z.string(),
        scope: z.string(),
        value: z.string(),
        scenario: z.string(),
        /** What is left of it, in Go's notation. */
        duration: z.string(),
        simulated: z.boolean().default(false),
      }),
    )
    .nullish(),
});
export type BanAlert = z.output<typeof BanAlert>;

/** Ids of the alerts that were created. */
export const Created = z.array(z.string());

export const Deleted = z.object({ nbDeleted: z.string() });

export const Allowlisted = z.object({ allowlisted: z.boolean().default(false) });

/** How far alerts have been read. */
export const Cursor = z.object({
  /** The highest id taken. */
  id: z.number().int().nonnegative(),
  /** The latest creation time among them. */
  at: z.iso.datetime(),
  /** Ids below it that did not exist yet: their transaction may commit late. With the time they were first missed. */
  missing: z.array(z.tuple([z.number().int(), z.iso.datetime()])),
});
export type Cursor = z.output<typeof Cursor>;
