import { randomUUID } from 'node:crypto';
import { updateIncident } from '../../activities/incident';
import { Alert } from '../../contracts/alert';
import { Asset, AssetIndex } from '../../contracts/assets';
import { correlateBatch } from '../../store/correlate';
import { acceptDelivery } from '../../store/intake';
import type { Store } from '../../store/store';

const ASSETS = [
  { id: 'ws-1', kind: 'host', aliases: ['ws-1.corp.example.com'], ips: ['198.51.100.41', '2001:db8::41'] },
  { id: 'scanner', kind: 'network', ips: ['198.51.100.250'], ambient: true },
  {
    id: 'proxy-1',
    kind: 'host',
    aliases: ['proxy-1.corp.example.com'],
    ips: ['198.51.100.3'],
    ambient: true,
  },
  { id: 'svc-scan', kind: 'account', aliases: ['CORP\\svc-scan'], ambient: true },
].map((asset) => Asset.parse(asset));

/** A clock that only the test moves. */
export class Clock {
  time = new Date('2026-05-01T00:00:00Z');
  readonly now = (): Promise<Date> => Promise.resolve(this.time);
  move(ms: number): void {
    this.time = new Date(this.time.getTime() + ms);
  }
}
/** How all of these tests correlate. */
export const options = { assets: new AssetIndex(ASSETS), windowMinutes: 1440, policyVersion: 'p' };

/** What an alert speaks of. */
export interface Seen {
  key?: string;
  hosts?: ({ name: string; fqdn?: string; ips?: string[] } | string)[];
  accounts?: string[];
  ips?: string[];
  files?: string[];
  severity?: number;
  resolved?: boolean;
}
let made = 0;
/** An alert of the source `siem`; with its own key unless it is given one. */
export function alert({
  key,
  hosts = [],
  accounts = [],
  ips = [],
  files = [],
  severity = 3,
  resolved = false,
}: Seen): Alert {
  return Alert.parse({
    alertKey: `siem:${key ?? String(++made)}`,
    source: 'siem',
    product: 'SIEM',
    title: 't',
    severity,
    resolved,
    category: 'malware',
    occurredAt: '2026-05-01T00:00:00Z',
    entities: {
      hosts: hosts.map((host) => (typeof host === 'string' ? { name: host } : host)),
      accounts: accounts.map((name) => ({ name })),
      ips,
      files: files.map((sha256) => ({ sha256 })),
    },
  });
}

/** Takes alerts in as one delivery. */
export async function deliver(store: Store, ...alerts: Alert[]): Promise<void> {
  await acceptDelivery(store, 'siem', Buffer.from(randomUUID()), { alerts }, {});
}
/** Correlates until nothing is left. */
export async function correlate(store: Store): Promise<void> {
  while ((await correlateBatch(store, options)) > 0);
}
/** Delivers and correlates batch after batch; tells in which incident, counted from 1, each alert is. */
export async function batches(store: Store, clock: Clock | undefined, ...all: Seen[][]): Promise<number[]> {
  const keys: string[] = [];
  for (const batch of all) {
    const alerts = batch.map(alert);
    keys.push(...alerts.map(({ alertKey }) => alertKey));
    await deliver(store, ...alerts);
    await correlate(store);
    clock?.move(1000);
  }
  return Promise.all(keys.map((key) => incidentOf(store, key)));
}
/** In which incident an alert is, as a number. */
export async function incidentOf(store: Store, alertKey: string): Promise<number> {
  const row = await store.db
    .selectFrom('alerts')
    .select('incident')
    .where('alert_key', '=', alertKey)
    .executeTakeFirstOrThrow();
  return Number(row.incident?.slice(-6));
}
/** Pairs of linked incidents. */
export const links = (store: Store) =>
  store.db
    .selectFrom('incident_links')
    .select(['incident', 'other'])
    .execute()
    .then((rows) => rows.map(({ incident, other }) => [Number(incident.slice(-6)), Number(other.slice(-6))]));
/** All incidents, by number. */
export const incidents = (store: Store) =>
  store.db
    .selectFrom('incidents')
    .select(['number', 'status', 'reopens', 'alert_seq', 'severity'])
    .orderBy('number')
    .execute();
/** Closes an incident as its run does. */
export const close = (store: Store, number: string, seenAlertSeq: number) =>
  updateIncident({ store } as never, {
    incident: number,
    close: { verdict: 'benign', reason: 'r', seenAlertSeq },
  });
export const numberOf = (n: number): string => `INC-2026-${String(n).padStart(6, '0')}`;

const TABLES = [
  'deliveries',
  'alerts',
  'incidents',
  'incident_counters',
  'incident_links',
  'incident_entities',
  'entities',
  'outbox',
  'journal',
  'journal_heads',
] as const;
/** Takes everything out that correlation writes. */
export async function empty(store: Store): Promise<void> {
  for (const table of TABLES) await store.db.deleteFrom(table).execute();
}
