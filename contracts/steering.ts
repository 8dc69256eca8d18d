import { z } from 'zod';
import { Entities, type TargetScope } from './alert';
import { Reason } from './api';
import { hostKey, type AssetIndex } from './assets';
import { resolveScope, targetKeys } from './correlation';
import { bare } from './names';
import {
  AccountRef,
  BucketRef,
  CloudKeyRef,
  DatasetRef,
  DomainName,
  HostRef,
  IpAddress,
  MailAddress,
  MessageRef,
  PrincipalRef,
  ProcessRef,
  Sha256,
  WebUrl,
} from './values';

/** One thing that a run can act upon, as a person names it. */
export const TargetInput = z.discriminatedUnion('kind', [
  HostRef.extend({ kind: z.literal('host') }).strict(),
  AccountRef.extend({ kind: z.literal('account') }).strict(),
  z.object({ kind: z.literal('ip'), ip: IpAddress }).strict(),
  DatasetRef.extend({ kind: z.literal('dataset') }).strict(),
  z
    .object({
      kind: z.literal('file'),
      /** Name of the host that it lies on. */
      host: z.string().trim().min(1).max(255),
      path: z.string().min(1).max(512),
      sha256: Sha256.optional(),
    })
    .strict(),
  z
    .object({ kind: z.literal('process'), host: z.string().trim().min(1).max(255), process: ProcessRef })
    .strict(),
  z.object({ kind: z.literal('hash'), sha256: Sha256 }).strict(),
  z.object({ kind: z.literal('domain'), domain: DomainName }).strict(),
  z.object({ kind: z.literal('url'), url: WebUrl }).strict(),
  z.object({ kind: z.literal('sender'), address: MailAddress }).strict(),
  MessageRef.extend({ kind: z.literal('message') }).strict(),
  CloudKeyRef.extend({ kind: z.literal('key') }).strict(),
  PrincipalRef.extend({ kind: z.literal('principal') }).strict(),
  BucketRef.extend({ kind: z.literal('bucket') }).strict(),
]);
export type TargetInput = z.infer<typeof TargetInput>;
export const TargetChange = Reason.extend({ target: TargetInput });

export const AddedTarget = z.object({
  incident: z.string(),
  /** What is in the scope now: a host brings its datasets along. */
  targets: z.array(z.string()),
});
export type AddedTarget = z.infer<typeof AddedTarget>;

export const RemovedTarget = z.object({
  incident: z.string(),
  targets: z.array(z.string()),
  /** Items of approval requests that were taken back. */
  cancelled: z.number().int(),
  /** What the incident had contained there. It stays in force until its lease is released. */
  stillContained: z.array(z.object({ lease: z.string(), action: z.string(), target: z.string() })),
  /** What was told to a product, or about to be, at that moment. */
  underWay: z.array(z.object({ action: z.string(), target: z.string() })),
});
export type RemovedTarget = z.infer<typeof RemovedTarget>;

/** What an alert would have said that names the target. */
export function entitiesOf(target: TargetInput): Entities {
  const { kind, ...rest } = target;
  const named = (): object => {
    switch (target.kind) {
      case 'ip':
        return { ips: [target.ip] };
      case 'file': {
        const { host, path, sha256 } = target;
        return { hosts: [{ name: host }], files: [{ path, ...(sha256 === undefined ? {} : { sha256 }) }] };
      }
      case 'process':
        return { hosts: [{ name: target.host }], processes: [target.process] };
      case 'hash':
        return { files: [{ sha256: target.sha256 }] };
      case 'domain':
        return { domains: [target.domain] };
      case 'url':
        return { urls: [target.url] };
      case 'sender':
        return { messages: [{ id: 'any', sender: target.address }] };
      case 'dataset':
        return {};
      case 'host':
      case 'account':
      case 'message':
      case 'key':
      case 'principal':
      case 'bucket':
        return { [`${kind}s`]: [rest] };
    }
  };
  return Entities.parse(named());
}

const NONE: TargetScope = { hosts: [], accounts: [], datasets: [], ips: [], files: [] };

/** Which parts of what an alert would have brought are the target itself. */
const PARTS: { readonly [K in TargetInput['kind']]?: readonly (keyof TargetScope)[] } = {
  file: ['files'],
  process: ['processes'],
  hash: ['hashes'],
  sender: ['senders'],
  message: ['messages'],
  key: ['keys'],
};

function scopeOfDataset(ref: DatasetRef, assets: AssetIndex): TargetScope | string {
  const asset = assets.dataset(ref);
  if (asset === undefined && (ref.host === undefined || ref.path === undefined))
    return `The assets know no dataset ${ref.name}: give its host and path too.`;
  const { id = ref.name, host = ref.host, path = ref.path, criticality = 3, tags = [] } = asset ?? {};
  const where = { ...(host === undefined ? {} : { host }), ...(path === undefined ? {} : { path }) };
  return { ...NONE, datasets: [{ name: id, key: `dataset:${bare(id)}`, ...where, criticality, tags }] };
}

/**
 * What a person's target is to a run, resolved against the assets as the entities of an alert are: an address of a known host is
 * that host, and a host brings its datasets. Says in words why it is nothing that a run may act upon. Pure.
 */
export function scopeOfTarget(target: TargetInput, assets: AssetIndex): TargetScope | string {
  if (target.kind === 'dataset') return scopeOfDataset(target, assets);
  const whole = resolveScope({ entities: entitiesOf(target) }, assets);
  const parts = PARTS[target.kind];
  const scope =
    parts === undefined
      ? whole
      : { ...NONE, ...Object.fromEntries(parts.map((part) => [part, whole[part] ?? []])) };
  if (target.kind === 'file' && assets.host({ name: target.host })?.ambient !== true)
    scope.files = whole.files.map((file) => ({ ...file, host: hostKey({ name: target.host }, assets) }));
  if (targetKeys(scope).length > 0) return scope;
  return `By the assets this ${target.kind} is our own or shared by many: no run acts upon it.`;
}
