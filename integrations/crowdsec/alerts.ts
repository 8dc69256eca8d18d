import { BlockList, isIP, isIPv6 } from 'node:net';
import { Alert } from '../../contracts/alert';
import { canonicalIp } from './client';
import type { CrowdsecConfig, LapiAlert } from './schemas';

const COMMUNITY_SCOPE = /^(lists:|crowdsecurity\/community-blocklist$)/;
const COMMUNITY_ORIGINS = new Set(['CAPI', 'lists']);
const MANUAL_ORIGINS = new Set(['cscli', 'cscli-import', 'console']);

/** Why an alert is no detection of this CrowdSec; undefined when it is one. */
export function noNews(alert: LapiAlert): string | undefined {
  const origins = (alert.decisions ?? []).map(({ origin }) => origin);
  if (alert.simulated) return 'its scenario is in simulation mode';
  if (COMMUNITY_SCOPE.test(alert.source.scope) || origins.some((one) => COMMUNITY_ORIGINS.has(one)))
    return 'it is a blocklist';
  if (origins.length > 0 && origins.every((one) => MANUAL_ORIGINS.has(one)))
    return 'somebody decided it by hand';
  return undefined;
}

const KINDS: readonly (readonly [RegExp, Alert['category'], string[]])[] = [
  [/(^|[-_])(bf|bruteforce|user[-_]?enum)([-_]|$)/, 'credential_attack', ['T1110']],
  [/cve-\d{4}|log4j|spring4shell|rce|sqli|xss|path-traversal|open-proxy/, 'web_attack', ['T1190']],
  [/scan|probing|crawl/, 'other', ['T1595']],
  [/(^|[-_])http/, 'web_attack', []],
];

/** Category and techniques by the name of the scenario: the API gives nothing else. */
function kindOf(scenario: string): { category: Alert['category']; techniques: string[] } {
  const name = scenario.replace(/^[^/]*\//, '').toLowerCase();
  const [, category, techniques] = KINDS.find(([pattern]) => pattern.test(name)) ?? [];
  return { category: category ?? 'other', techniques: techniques ?? [] };
}

/** Cordon's alert of a CrowdSec alert. Throws a ZodError when it cannot be one. */
export function toAlert(
  given: LapiAlert,
  sourceId: string,
  config: Pick<CrowdsecConfig, 'homeNetworks' | 'severity' | 'severities'>,
): Alert {
  const scenario = clip(given.scenario, 255) || 'unknown scenario';
  const { scope, value } = given.source;
  const { category, techniques } = kindOf(scenario);
  return Alert.parse({
    // Ids begin again when the database is replaced; the time keeps two alerts apart.
    alertKey: `${sourceId}:${clip(given.start_at, 40)}/${String(given.id)}`,
    source: sourceId,
    product: 'CrowdSec',
    title: clip(`${scenario} by ${value === '' ? 'an unknown source' : value}`, 1000),
    ...(given.message === '' ? {} : { description: clip(given.message, 10_000) }),
    severity: config.severities[scenario] ?? config.severity,
    category,
    techniques,
    occurredAt: timeOf(given.start_at) ?? timeOf(given.created_at),
    rule: { id: scenario },
    entities: entitiesOf(scope, value, given, config.homeNetworks),
  });
}

/**
 * The attacker and the machines that saw it. Accounts that were tried are not named: whoever attacks chooses them, and
 * would have them disabled.
 */
function entitiesOf(scope: string, value: string, given: LapiAlert, homeNetworks: readonly string[]): object {
  const machines = given.events.flatMap(({ meta }) =>
    meta
      .filter(({ key }) => key === 'machine')
      .map(({ value: name }) => clip(name.trim().toLowerCase(), 255)),
  );
  const names = [...new Set(machines)].filter((name) => name !== '');
  const hosts: object[] = names.slice(0, 99).map((name) => ({ name }));
  const isAddress = scope.toLowerCase() === 'ip' && isIP(value) !== 0;
  if (!isAddress) return { hosts };
  const ip = canonicalIp(value);
  if (within(ip, homeNetworks)) return { hosts: [...hosts, { name: ip, ips: [ip] }] };
  return { hosts, ips: [ip] };
}

function within(ip: string, networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

/** A time of the API in UTC; undefined when it is none. */
export function timeOf(text: string): string | undefined {
  const time = new Date(text);
  const year = time.getUTCFullYear();
  return year >= 1970 && year <= 9999 ? time.toISOString() : undefined;
}

const clip = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max - 1)}…` : text);
