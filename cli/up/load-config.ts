import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, dirname } from 'node:path';
import type { z } from 'zod';
import { ACTIONS } from '../../contracts/actions';
import type { ChannelKind } from '../../contracts/channel';
import { Config, SecretRef } from '../../contracts/config';
import { Secret } from '../../contracts/secret';
import { policyMistakes, type Authored } from './check-policy';

const MIN_SIGNING_SECRET = 32;

/** The configuration cannot be used. Every mistake is named with its path. */
export class BadConfig extends Error {
  override readonly name = 'BadConfig';
  constructor(
    readonly file: string,
    readonly mistakes: readonly string[],
  ) {
    super(`${file} cannot be used:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`);
  }
}

/** What the references of a configuration are checked against. */
export interface Known {
  /** Integration id → its schema and actions. */
  integrations: ReadonlyMap<string, { config: z.ZodType; actions: readonly string[] }>;
  /** The versions of playbooks that this build has. */
  playbooks?: readonly (Authored & { readonly id: string; readonly version: number })[];
  /** Source id → its schema. */
  sources: ReadonlyMap<string, { config: z.ZodType }>;
  /** Kind of channel → its schema, and what its secrets are for. */
  channels: ReadonlyMap<string, Pick<ChannelKind, 'config' | 'secrets' | 'mistakes'>>;
}

/** What the file exports, unchecked. */
export function readConfigFile(file: string): unknown {
  if (!existsSync(file))
    throw new BadConfig(file, [
      'the file does not exist: copy cordon.config.ts from the repository, or set CORDON_CONFIG',
    ]);
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the name is known at run time only
  return (require(file) as { default?: unknown }).default;
}

/** Checks shape, references and secrets of a configuration. Secrets come back wrapped. */
export function checkConfig(
  value: unknown,
  file: string,
  known: Known,
  env: NodeJS.ProcessEnv = process.env,
): Config {
  const parsed = Config.safeParse(value);
  if (!parsed.success)
    throw new BadConfig(
      file,
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'default export'}: ${issue.message}`),
    );
  const config = parsed.data;
  const mistakes: string[] = [];
  const resolveSecrets = (part: unknown, path: string): unknown => {
    const ref = SecretRef.safeParse(part);
    if (ref.success) return readSecret(ref.data, path, dirname(file), env, mistakes);
    if (Array.isArray(part)) return part.map((one, index) => resolveSecrets(one, `${path}.${String(index)}`));
    if (typeof part === 'object' && part !== null && Object.getPrototypeOf(part) === Object.prototype)
      return Object.fromEntries(
        Object.entries(part).map(([key, inner]) => [key, resolveSecrets(inner, `${path}.${key}`)]),
      );
    return part;
  };
  const resolved = resolveSecrets(config, 'config') as Config;
  mistakes.push(
    ...duplicates(config),
    ...unknownReferences(config),
    ...policyMistakes(config, known.playbooks),
  );
  for (const [index, connection] of resolved.connections.entries()) {
    const at = `connections.${String(index)} (${connection.id})`;
    const integration = known.integrations.get(connection.use);
    if (integration === undefined) {
      mistakes.push(
        `${at}: no integration "${connection.use}"; there are ${[...known.integrations.keys()].join(', ')}`,
      );
      continue;
    }
    for (const action of connection.actions ?? [])
      if (!integration.actions.includes(action))
        mistakes.push(`${at}: ${connection.use} does not offer ${action}`);
    mistakes.push(...issuesOf(integration.config, connection.config, `${at}.config`));
  }
  for (const [index, source] of resolved.sources.entries()) {
    const at = `sources.${String(index)} (${source.id})`;
    const found = known.sources.get(source.use);
    if (found === undefined)
      mistakes.push(`${at}: no source "${source.use}"; there are ${[...known.sources.keys()].join(', ')}`);
    else mistakes.push(...issuesOf(found.config, source.config, `${at}.config`));
  }
  mistakes.push(...channelMistakes(resolved, known));
  if (mistakes.length > 0) throw new BadConfig(file, mistakes);
  return resolved;
}

function channelMistakes({ channels, publicUrl }: Config, known: Known): string[] {
  return channels.flatMap((channel, index) => {
    const at = `channels.${String(index)} (${channel.id})`;
    if (channel.use === 'webhook')
      return Object.keys(channel.config).map((key) => `${at}.config.${key}: a webhook has no such setting`);
    const kind = known.channels.get(channel.use);
    if (kind === undefined)
      return [
        `${at}: no kind of channel "${channel.use}"; there are ${['webhook', ...known.channels.keys()].join(', ')}`,
      ];
    const parsed = kind.config.safeParse(channel.config);
    return [
      ...(parsed.success
        ? (kind.mistakes?.(parsed.data, channel) ?? []).map((mistake) => `${at}.config.${mistake}`)
        : issuesOf(kind.config, channel.config, `${at}.config`)),
      ...(kind.secrets === 'sign the links it sends' && publicUrl === undefined
        ? [`${at}: it sends links to this server: set publicUrl, such as "https://cordon.example.com"`]
        : []),
      ...(kind.secrets === 'sign the links it sends'
        ? channel.secrets.flatMap((secret) =>
            secret instanceof Secret && secret.reveal() !== '' && secret.reveal().length < MIN_SIGNING_SECRET
              ? [
                  `${at}.secrets: a secret that signs links has at least ${String(MIN_SIGNING_SECRET)} characters; make one with openssl rand -base64 32`,
                ]
              : [],
          )
        : []),
    ];
  });
}

function issuesOf(schema: z.ZodType, value: unknown, at: string): string[] {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${[at, ...issue.path].join('.')}: ${issue.message}`);
}

function readSecret(
  ref: SecretRef,
  path: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  mistakes: string[],
): Secret {
  if (ref instanceof Secret) return ref;
  if ('$env' in ref) {
    const value = env[ref.$env];
    if (value === undefined || value === '')
      mistakes.push(`${path}: the environment variable ${ref.$env} is not set`);
    return new Secret(value ?? '');
  }
  const file = isAbsolute(ref.$file) ? ref.$file : join(folder, ref.$file);
  if (!existsSync(file)) {
    mistakes.push(`${path}: the file ${file} does not exist`);
    return new Secret('');
  }
  return new Secret(readFileSync(file, 'utf8').trim());
}

function duplicates(config: Config): string[] {
  const mistakes: string[] = [];
  for (const list of [
    'connections',
    'sources',
    'channels',
    'blocklists',
    'people',
    'assets',
    'budgets',
    'maintenance',
    'drills',
  ] as const) {
    const seen = new Set<string>();
    for (const { id } of config[list]) {
      if (seen.has(id)) mistakes.push(`${list}: the id "${id}" occurs twice`);
      seen.add(id);
    }
  }
  return mistakes;
}

function unknownReferences(config: Config): string[] {
  const mistakes: string[] = [];
  const people = new Set(config.people.map(({ id }) => id));
  for (const channel of config.channels)
    for (const person of channel.people)
      if (!people.has(person)) mistakes.push(`channels (${channel.id}): there is no person "${person}"`);
  const named = [
    ...config.policy.rules.flatMap((rule) =>
      (rule.when.actions ?? []).map((action) => [`policy rule "${rule.name}"`, action] as const),
    ),
    ...config.budgets.flatMap((budget) =>
      budget.actions.map((action) => [`budgets (${budget.id})`, action] as const),
    ),
    ...config.maintenance.flatMap(({ id, actions = [] }) =>
      actions.map((action) => [`maintenance (${id})`, action] as const),
    ),
  ];
  const assets = new Set(config.assets.flatMap(({ id, tags }) => [id, ...tags]));
  for (const { id, targets = [] } of config.maintenance)
    for (const target of targets)
      if (!assets.has(target)) mistakes.push(`maintenance (${id}): no asset has the id or tag "${target}"`);
  for (const [where, action] of named)
    if (!(action in ACTIONS)) mistakes.push(`${where}: there is no action "${action}"`);
  return mistakes;
}
