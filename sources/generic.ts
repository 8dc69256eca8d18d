import { z } from 'zod';
import { Alert, CATEGORIES, Message } from '../contracts/alert';
import { messageId } from '../contracts/names';
import { defineSource } from '../contracts/source';
import {
  AccountRef,
  BucketRef,
  CloudKeyRef,
  HostRef,
  IpAddress,
  PrincipalRef,
  ProcessRef,
  Severity,
} from '../contracts/values';
import { namingAddress } from './kit/addresses';
import { header } from './kit/authentication';
import { categoryOfTechniques } from './kit/category';
import {
  accountOf,
  alertKey,
  clip,
  compact,
  hostOf,
  linkOf,
  mergeHosts,
  nameOf,
  sha256Of,
  stableId,
  techniquesOf,
  unique,
  VendorTime,
} from './kit/normalise';
import { severityFromWord } from './kit/severity';
import { verifyStandardWebhook } from './kit/standard-webhooks';

const Level = z.union([
  Severity,
  z.string().transform((word, context) => {
    const severity = severityFromWord(word);
    if (severity !== undefined) return severity;
    context.addIssue({
      code: 'custom',
      message: 'expected 1 to 5, or informational, low, medium, high, critical',
    });
    return z.NEVER;
  }),
]);
const File = z.object({
  path: z.string().optional(),
  name: z.string().optional(),
  sha256: z.string().optional(),
});
const listOf = <T extends z.ZodType>(item: T) => z.array(item).default([]);
const EMPTY = {
  ...{ hosts: [], accounts: [], ips: [], files: [], domains: [], urls: [] },
  ...{ messages: [], keys: [], principals: [], buckets: [], processes: [] },
};

/** One alert in Cordon's own words. Only `title` is required; the sender gives an `id` when updates are to find it again. */
const GenericAlert = z.object({
  id: z.union([z.string().min(1), z.number()]).optional(),
  title: z.string().trim().min(1),
  description: z.string().optional(),
  severity: Level.default(3),
  confidence: z.number().int().min(0).max(100).optional(),
  category: z.enum(CATEGORIES).optional(),
  techniques: listOf(z.string()),
  occurredAt: VendorTime.optional(),
  product: z.string().optional(),
  rule: z.object({ id: z.string(), name: z.string().optional() }).optional(),
  link: z.string().optional(),
  resolved: z.boolean().default(false),
  entities: z
    .object({
      hosts: listOf(z.union([z.string(), HostRef])),
      accounts: listOf(z.union([z.string(), AccountRef])),
      ips: listOf(IpAddress),
      files: listOf(File),
      domains: listOf(z.string()),
      urls: listOf(z.string()),
      messages: listOf(Message),
      keys: listOf(z.union([z.string(), CloudKeyRef])),
      principals: listOf(z.union([z.string(), PrincipalRef])),
      buckets: listOf(z.union([z.string(), BucketRef])),
      processes: listOf(ProcessRef),
    })
    .default(EMPTY),
});
type GenericAlert = z.output<typeof GenericAlert>;

const named = <T extends object>(one: string | T): T | { name: string } =>
  typeof one === 'string' ? { name: one } : one;

/** Without the lists that are empty. */
const some = <T extends Record<string, unknown[]>>(lists: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(lists)
      .map(([name, list]): [string, unknown[]] => [name, unique(list)])
      .filter(([, list]) => list.length > 0),
  ) as Partial<T>;

function entitiesOf(given: GenericAlert['entities']): Alert['entities'] {
  const accounts = given.accounts.map((account) => {
    if (typeof account === 'string') return accountOf(account);
    const parsed = accountOf(account.name, account.domain);
    return parsed && compact({ ...parsed, upn: nameOf(account.upn)?.toLowerCase() ?? parsed.upn });
  });
  const hosts = given.hosts.map((host) => {
    if (typeof host === 'string') return hostOf(host);
    const parsed = hostOf(host.name, host.ips);
    return parsed && compact({ ...parsed, fqdn: nameOf(host.fqdn)?.toLowerCase() ?? parsed.fqdn });
  });
  return {
    hosts: mergeHosts(hosts),
    accounts: unique<Alert['entities']['accounts'][number]>(accounts),
    ips: unique(given.ips.map(namingAddress)),
    files: unique(
      given.files.map((file) =>
        compact({
          path: nameOf(file.path, 4096),
          name: nameOf(file.name, 1024),
          sha256: sha256Of(file.sha256),
        }),
      ),
    ).filter((file) => Object.keys(file).length > 0),
    domains: unique(given.domains.map((domain) => nameOf(domain)?.toLowerCase())),
    urls: unique(given.urls.map((url) => nameOf(url, 4096))),
    ...some({
      messages: given.messages.map((message) => ({ ...message, id: messageId(message.id) })),
      keys: given.keys.map((key) => (typeof key === 'string' ? { id: key } : key)),
      principals: given.principals.map(named),
      buckets: given.buckets.map(named),
      processes: given.processes.map((process) => compact({ ...process, sha256: sha256Of(process.sha256) })),
    }),
  };
}

function toAlert(given: GenericAlert, sourceId: string, now: number): Alert {
  const techniques = techniquesOf(given.techniques);
  const entities = entitiesOf(given.entities);
  const id = given.id ?? stableId(given.title, given.rule?.id, given.occurredAt, entities);
  return Alert.parse({
    alertKey: alertKey(sourceId, String(id)),
    source: sourceId,
    product: nameOf(given.product, 128) ?? 'generic',
    title: clip(given.title, 1000),
    description: given.description === undefined ? undefined : clip(given.description, 10_000),
    severity: given.severity,
    confidence: given.confidence,
    category: given.category ?? categoryOfTechniques(techniques) ?? 'other',
    techniques,
    occurredAt: given.occurredAt ?? new Date(now).toISOString(),
    rule: given.rule && compact({ id: clip(given.rule.id, 255), name: nameOf(given.rule.name, 1000) }),
    link: linkOf(given.link),
    entities,
    resolved: given.resolved,
  });
}

/** Cordon's own JSON, for whatever can send a request: one alert, or `{ "alerts": [ … ] }`. */
export const generic = defineSource({
  id: 'generic',
  title: 'Generic JSON',
  docs: 'https://www.standardwebhooks.com',
  config: z.object({}).strict(),
  authenticate: verifyStandardWebhook,
  parse(body, request, sourceId) {
    const many = typeof body === 'object' && body !== null && 'alerts' in body;
    const given = many
      ? z.object({ alerts: z.array(GenericAlert) }).parse(body).alerts
      : [GenericAlert.parse(body)];
    const messageId = header(request, 'webhook-id');
    return {
      ...(messageId === undefined ? {} : { messageId }),
      alerts: given.map((one) => toAlert(one, sourceId, request.now)),
    };
  },
});
