import { z } from 'zod';
import { Asset } from './assets';
import { bare, domainOf, domainOfMail, hostOfUrl } from './names';
import { cronMistake } from './cron';
import { MaintenanceWindow, Zone } from './maintenance';
import { Policy } from './policy';
import { Secret } from './secret';
import { Json, Role } from './values';

/** A secret by reference: never the value itself in the file. */
export const SecretRef = z.union([
  z.object({ $env: z.string().min(1) }).strict(),
  z.object({ $file: z.string().min(1) }).strict(),
  z.instanceof(Secret),
]);
export type SecretRef = z.infer<typeof SecretRef>;

const id = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _');

export const ConnectionConfig = z
  .object({
    id,
    /** Id of the integration that serves it. */
    use: z.string(),
    title: z.string().max(100).optional(),
    tags: z.array(z.string()).default([]),
    /** Only these actions; all that the integration offers when left out. */
    actions: z.array(z.string()).optional(),
    /** Only targets with one of these asset ids or tags; all when left out. */
    targets: z.array(z.string()).optional(),
    /** Calls at the same time to this product. */
    concurrency: z.number().int().min(1).max(100).default(5),
    /** Calls of all processes together: never more than so many in any such time. One step of an action is one call. */
    rateLimit: z
      .object({ calls: z.number().int().min(1).max(1000), perSeconds: z.number().int().min(1).max(3600) })
      .strict()
      .optional(),
    /**
     * After so many calls in a row, within such a time, that the product did not answer, none is made for `openSeconds`; then one
     * tries. For a product that is one server: where each target answers for itself, one that is off would stop all.
     */
    breaker: z
      .object({
        failures: z.number().int().min(2).max(1000).default(5),
        withinSeconds: z.number().int().min(1).max(86_400).default(60),
        openSeconds: z.number().int().min(1).max(86_400).default(30),
      })
      .strict()
      .optional(),
    /** For connections that bring alerts: how often to poll, in seconds. */
    pollSeconds: z.number().int().min(5).max(86_400).optional(),
    config: z.record(z.string(), z.unknown()).default({}),
  })
  .strict();
export type ConnectionConfig = z.output<typeof ConnectionConfig>;

export const SourceConfig = z
  .object({
    id,
    /** generic, wazuh, suricata, alertmanager … */
    use: z.string(),
    /** Secrets, several while rotating. What they mean is the source's own mechanism. */
    secrets: z.array(SecretRef).min(1).max(5),
    config: z.record(z.string(), z.unknown()).default({}),
  })
  .strict();

export const PersonConfig = z
  .object({ id, name: z.string().min(1).max(200), email: z.email().optional(), roles: z.array(Role).min(1) })
  .strict();

/** A way to people: it tells them of approval requests, or answers for them, or both. */
export const ChannelConfig = z
  .object({
    id,
    /** webhook (a system of yours that answers), slack, email, teams, pagerduty. */
    use: z.string().default('webhook'),
    /** Several while rotating: the first one signs, all are accepted. What they are for is the kind's own. */
    secrets: z.array(SecretRef).max(5).default([]),
    /** Ids of the people it may speak for, and roles: only people holding one of them. */
    people: z.array(z.string()).default([]),
    roles: z.array(Role).default([]),
    /** The highest impact it may decide. Irreversible never. */
    maxImpact: z.enum(['low', 'high']).default('low'),
    /** It proves who answered; the kind's own default when left out. Otherwise all its answers together count as one voice. */
    authenticatesPeople: z.boolean().optional(),
    config: z.record(z.string(), z.unknown()).default({}),
  })
  .strict()
  .superRefine(({ use, secrets, people, roles }, context) => {
    // PagerDuty tells and decides nothing; who decides needs all three.
    if (use === 'pagerduty') return;
    for (const [name, list] of Object.entries({ secrets, people, roles }))
      if (list.length === 0)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'needs at least one: it decides for people',
        });
  });
export type ChannelConfig = z.output<typeof ChannelConfig>;

/** A block list that the server serves to firewalls at `/blocklists/<id>`. */
export const ServedBlocklist = z
  .object({
    id,
    /** HTTP Basic: user name, and secrets, several while rotating. The secret alone is also taken as a bearer token. */
    username: z.string().min(1).max(100).default('firewall'),
    secrets: z.array(SecretRef).max(5).default([]),
    /** Anybody who reaches the server may read it. */
    public: z.boolean().default(false),
  })
  .strict()
  .refine((list) => list.public || list.secrets.length > 0, {
    message: 'needs secrets, or public: true',
    path: ['secrets'],
  });

/** Blast-radius budget: at most `limit` effects of these actions in a window. */
export const BudgetConfig = z
  .object({
    id,
    actions: z.array(z.string()).min(1),
    /**
     * What has the limit for itself: the whole estate, each connection, or each `site` of the assets. Targets whose site
     * the assets don't tell share one limit among them.
     */
    per: z.enum(['estate', 'connection', 'site']).default('estate'),
    limit: z.number().int().min(0),
    windowSeconds: z.number().int().min(1),
  })
  .strict();

/**
 * Domains that are surely ours, as assets that nothing of ours may be cut off from: where Cordon is reached, and where its people and
 * the accounts among the assets have their mail addresses. One that the assets name themselves is left to them.
 */
function ownDomains({ publicUrl, people, assets }: Pick<Ours, 'publicUrl' | 'people' | 'assets'>): Asset[] {
  const accounts = assets.filter(({ kind }) => kind === 'account');
  const addresses = [
    ...people.flatMap(({ email }) => email ?? []),
    ...accounts.flatMap(({ id: name, aliases }) => [name, ...aliases]),
  ].filter((address) => address.includes('@'));
  const found = [
    ...(publicUrl === undefined ? [] : [hostOfUrl(publicUrl) ?? '']),
    ...addresses.map(domainOfMail),
  ];
  const named = new Set(assets.flatMap(({ id: name, aliases }) => [name, ...aliases].map(bare)));
  return [...new Set(found.flatMap((domain) => domainOf(domain) ?? []))]
    .filter((domain) => !named.has(domain))
    .map((domain) => Asset.parse({ id: domain, kind: 'domain', ambient: true }));
}

/** A drill that Temporal starts by the clock; see docs/safe-response.md. */
export const ScheduledDrill = z
  .object({
    id,
    /** `ransomware`, the newest version, or `ransomware@1`. */
    playbook: z.string().min(1).max(200),
    /** As `cordon drill` takes it; or a JSON file, by its path beside this configuration. */
    alert: Json.optional(),
    alertFile: z.string().min(1).optional(),
    /** Id of a configured source, whose parser reads the alert. */
    source: z.string().min(1).max(63).optional(),
    /** Minute, hour, day of the month, month, day of the week. */
    cron: z.string().superRefine((line, context) => {
      const message = cronMistake(line);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    }),
    /** Of the cron line: `Europe/Berlin`. */
    zone: Zone.default('UTC'),
    /** The person in whose name it starts, who then is its starter; the schedule itself when left out. */
    startedBy: z.string().min(1).max(63).optional(),
    reason: z.string().trim().min(1).max(2000).default('a scheduled drill'),
  })
  .strict()
  .refine(({ alert, alertFile }) => (alert === undefined) !== (alertFile === undefined), {
    message: 'needs either alert or alertFile',
    path: ['alert'],
  });

const Ours = z
  .object({
    connections: z.array(ConnectionConfig).default([]),
    sources: z.array(SourceConfig).default([]),
    channels: z.array(ChannelConfig).default([]),
    /** Where people reach this server from outside, for the links in messages: `https://cordon.example.com`. */
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional(),
    api: z
      .object({
        /** Calls of one person in a minute, in each server process; more are answered 429. */
        callsPerMinute: z.number().int().min(10).max(1_000_000).default(1200),
        /** Calls from one address in a minute that have no good token. */
        failuresPerMinute: z.number().int().min(5).max(1_000_000).default(100),
        /**
         * Proxies in front of the server whose `X-Forwarded-For` is believed: how many, or their addresses.
         * https://expressjs.com/en/guide/behind-proxies.html
         */
        trustProxy: z.union([z.number().int().min(0).max(10), z.array(z.string().min(1)).min(1)]).default(0),
      })
      .strict()
      .prefault({}),
    blocklists: z.array(ServedBlocklist).default([]),
    people: z.array(PersonConfig).default([]),
    assets: z.array(Asset).default([]),
    policy: Policy,
    budgets: z.array(BudgetConfig).default([]),
    maintenance: z.array(MaintenanceWindow).default([]),
    drills: z.array(ScheduledDrill).max(50).default([]),
    leases: z
      .object({
        /** People are asked so long before a lease is due; by default an hour, or a tenth of its length where that is less. */
        askBeforeSeconds: z
          .number()
          .int()
          .min(60)
          .max(30 * 86_400)
          .optional(),
        /** From so many extensions by silence on, each one is escalated. */
        escalateAfter: z.number().int().min(1).max(1000).default(3),
      })
      .strict()
      .default({ escalateAfter: 3 }),
    correlation: z
      .object({
        windowMinutes: z
          .number()
          .int()
          .min(1)
          .max(60 * 24 * 30)
          .default(24 * 60),
      })
      .strict()
      .default({ windowMinutes: 1440 }),
  })
  .strict();
type Ours = z.output<typeof Ours>;

/** What `cordon.config.ts` says, checked. Its assets also hold the domains that are ours by what else it says. */
export const Config = Ours.transform((config) => ({
  ...config,
  assets: [...config.assets, ...ownDomains(config)],
}));
export type Config = z.output<typeof Config>;
export type ConfigInput = z.input<typeof Config>;

/** Types `cordon.config.ts`. Nothing is checked until Cordon loads it; then every mistake is named with its path. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
