import { z } from 'zod';
import {
  AccountRef,
  BucketRef,
  CloudKeyRef,
  DatasetRef,
  HostRef,
  IpAddress,
  MailAddress,
  MessageRef,
  PrincipalRef,
  ProcessRef,
  Severity,
  Sha256,
} from './values';

export const FileRef = z.object({
  path: z.string().max(4096).optional(),
  name: z.string().max(1024).optional(),
  sha256: Sha256.optional(),
});
export type FileRef = z.infer<typeof FileRef>;

export const Message = MessageRef.extend({ recipients: z.array(MailAddress).max(1000).optional() });
export type Message = z.infer<typeof Message>;

/** What an alert speaks of. A subset of OCSF observables, grouped by what a playbook can act upon. */
export const Entities = z.object({
  hosts: z.array(HostRef).max(100).default([]),
  accounts: z.array(AccountRef).max(100).default([]),
  /** Addresses outside, as a rule of an attacker. Addresses of hosts belong to the host. */
  ips: z.array(IpAddress).max(100).default([]),
  files: z.array(FileRef).max(100).default([]),
  domains: z.array(z.string().min(1).max(255)).max(100).default([]),
  urls: z.array(z.string().min(1).max(4096)).max(100).default([]),
  // Alerts that were stored before there were such things do not have them.
  messages: z.array(Message).max(100).optional(),
  /** Credentials of a cloud, by their public ids. */
  keys: z.array(CloudKeyRef).max(100).optional(),
  principals: z.array(PrincipalRef).max(100).optional(),
  buckets: z.array(BucketRef).max(100).optional(),
  /** On the alert's host, where it has one only. */
  processes: z.array(ProcessRef).max(100).optional(),
});
export type Entities = z.infer<typeof Entities>;

export const CATEGORIES = [
  'malware',
  'ransomware',
  'credential_attack',
  'account_compromise',
  'phishing',
  'exfiltration',
  'command_and_control',
  'web_attack',
  'policy',
  'availability',
  'insider',
  'lost_device',
  'other',
] as const;

/** One detection, normalised: a subset of OCSF Detection Finding, class 2004, https://schema.ocsf.io/classes/detection_finding */
export const Alert = z.object({
  /** `<source>:<vendor id>`; its identity across updates. */
  alertKey: z.string().min(3).max(512),
  source: z.string().min(1).max(128),
  /** The vendor's product, as it names itself. */
  product: z.string().max(128),
  title: z.string().min(1).max(1000),
  description: z.string().max(10_000).optional(),
  severity: Severity,
  /** 0-100, OCSF `confidence_score`. */
  confidence: z.number().int().min(0).max(100).optional(),
  category: z.enum(CATEGORIES),
  /** ATT&CK technique ids, `T1486` or `T1059.001`. */
  techniques: z
    .array(z.string().regex(/^T\d{4}(\.\d{3})?$/))
    .max(50)
    .default([]),
  occurredAt: z.iso.datetime({ offset: true }),
  rule: z.object({ id: z.string().max(255), name: z.string().max(1000).optional() }).optional(),
  link: z.url().max(2048).optional(),
  entities: Entities,
  /** The vendor says that this is over (`resolved`, `closed`). */
  resolved: z.boolean().default(false),
});
export type Alert = z.infer<typeof Alert>;

/** What a source makes of one HTTP request or poll result. */
export interface ParsedDelivery {
  /** The source's own message id, when it has one. */
  messageId?: string;
  alerts: Alert[];
}

/** A host as a run sees it: resolved against the assets. */
export const ScopeHost = HostRef.extend({
  key: z.string(),
  criticality: z.number().int(),
  tags: z.array(z.string()),
});
export type ScopeHost = z.infer<typeof ScopeHost>;
export const ScopeAccount = AccountRef.extend({
  key: z.string(),
  criticality: z.number().int(),
  tags: z.array(z.string()),
});
export type ScopeAccount = z.infer<typeof ScopeAccount>;
export const ScopeDataset = DatasetRef.extend({
  key: z.string(),
  criticality: z.number().int(),
  tags: z.array(z.string()),
});
export type ScopeDataset = z.infer<typeof ScopeDataset>;

/** A process that can be acted upon: on a known host. */
export const ScopeProcess = z.object({ ...ProcessRef.shape, key: z.string(), host: ScopeHost });
export type ScopeProcess = z.infer<typeof ScopeProcess>;

/** What a run may act upon, resolved against the assets. */
export const TargetScope = z.object({
  hosts: z.array(ScopeHost),
  accounts: z.array(ScopeAccount),
  datasets: z.array(ScopeDataset),
  ips: z.array(z.string()),
  files: z.array(FileRef.extend({ host: z.string().optional() })),
  // Runs from before there were such things do not have them.
  domains: z.array(z.string()).optional(),
  urls: z.array(z.string()).optional(),
  messages: z.array(Message).optional(),
  senders: z.array(z.string()).optional(),
  keys: z.array(CloudKeyRef).optional(),
  principals: z.array(PrincipalRef).optional(),
  buckets: z.array(BucketRef).optional(),
  processes: z.array(ScopeProcess).optional(),
  /** Of files that the alert names. Not of processes: many an attacker uses a tool of the system. */
  hashes: z.array(Sha256).optional(),
});
export type TargetScope = z.infer<typeof TargetScope>;

/** An alert as a run reads it: small, resolved, free of raw vendor data. */
export const AlertView = z.object({
  id: z.string(),
  /** Order of joining the incident; a run asks for what comes after the last it has seen. */
  seq: z.number().int(),
  alertKey: z.string(),
  source: z.string(),
  title: z.string(),
  severity: Severity,
  confidence: z.number().optional(),
  category: z.enum(CATEGORIES),
  techniques: z.array(z.string()),
  occurredAt: z.string(),
  resolved: z.boolean(),
  scope: TargetScope,
});
export type AlertView = z.infer<typeof AlertView>;
