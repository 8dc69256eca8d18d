import type {
  AlertView,
  FileRef,
  Message,
  ScopeAccount,
  ScopeDataset,
  ScopeHost,
  ScopeProcess,
} from '../../contracts/alert';
import { keyOnHost } from '../../contracts/correlation';
import {
  bucketKey,
  cloudKeyKey,
  domainKey,
  hashKey,
  messageKey,
  principalKey,
  senderKey,
  urlKey,
} from '../../contracts/names';
import { isUnder } from '../../contracts/removed';
import type { BucketRef, CloudKeyRef, PrincipalRef, Target } from '../../contracts/values';

/** Every set of a scope, in the order in which they are looked at. */
export const SET_NAMES = [
  'hosts',
  'accounts',
  'datasets',
  'ips',
  'files',
  'domains',
  'urls',
  'messages',
  'senders',
  'keys',
  'principals',
  'buckets',
  'processes',
  'hashes',
] as const;
export type SetName = (typeof SET_NAMES)[number];

/** An artefact that alerts speak of, with the host it was seen on. */
export type ScopeFile = FileRef & { host?: string | undefined; key: string };

/** One thing in the scope: its canonical key, and the value that a playbook sees. */
export interface ScopeTarget<T = unknown> {
  readonly set: SetName;
  readonly key: string;
  readonly value: T;
}

/** A set that grows while the run lives. A phase given to it is a standing order: it also meets what joins later. */
export class LiveSet<T> {
  readonly #byKey = new Map<string, ScopeTarget<T>>();
  constructor(readonly name: SetName) {}

  get size(): number {
    return this.#byKey.size;
  }
  /** What is in the set now, in order of joining. */
  targets(): readonly ScopeTarget<T>[] {
    return [...this.#byKey.values()];
  }
  /** Adds what is new, and says whether it was. */
  add(key: string, value: T): boolean {
    if (this.#byKey.has(key)) return false;
    this.#byKey.set(key, { set: this.name, key, value });
    return true;
  }
  delete(key: string): void {
    this.#byKey.delete(key);
  }
  get(key: string): ScopeTarget<T> | undefined {
    return this.#byKey.get(key);
  }
}

function fileKey(file: FileRef & { host?: string | undefined }): string | undefined {
  const what = file.path ?? file.sha256 ?? file.name;
  return what === undefined ? undefined : `file:${file.host ?? '?'}${what.startsWith('/') ? '' : '/'}${what}`;
}

/** All that the incident's alerts speak of. */
export class Scope {
  readonly hosts = new LiveSet<ScopeHost>('hosts');
  readonly accounts = new LiveSet<ScopeAccount>('accounts');
  readonly datasets = new LiveSet<ScopeDataset>('datasets');
  readonly ips = new LiveSet<string>('ips');
  readonly files = new LiveSet<ScopeFile>('files');
  /** Names and addresses outside: what the assets know to be ours is not among them. */
  readonly domains = new LiveSet<string>('domains');
  readonly urls = new LiveSet<string>('urls');
  readonly messages = new LiveSet<Message>('messages');
  /** Who the messages say that they are from, outside. */
  readonly senders = new LiveSet<string>('senders');
  readonly keys = new LiveSet<CloudKeyRef>('keys');
  /** Users, roles and service accounts of a cloud, also those whose key it is. */
  readonly principals = new LiveSet<PrincipalRef>('principals');
  readonly buckets = new LiveSet<BucketRef>('buckets');
  /** Each with the host that it runs on. */
  readonly processes = new LiveSet<ScopeProcess>('processes');
  /** sha256 of the files, not of the processes. */
  readonly hashes = new LiveSet<string>('hashes');
  /** Keys of what a person took out: no alert and no finding brings it back. */
  readonly removed = new Set<string>();
  #firstSeen: string | undefined;

  /** When the earliest alert says that it happened: backups from before are what one wants. */
  firstSeen(): string | undefined {
    return this.#firstSeen;
  }

  /** Whether a target is still in the scope. */
  has(target: ScopeTarget): boolean {
    return this[target.set].get(target.key) !== undefined;
  }

  /** Whether a person took it out, itself or with the host that it is on. */
  isRemoved({ set, key, value }: ScopeTarget): boolean {
    if (this.removed.size === 0) return false;
    const kind = /^[^:]*/.exec(key)?.[0] as Target['kind'];
    const { host, path } = value as ScopeFile;
    const isOnHost = set === 'files' && host !== undefined && path !== undefined;
    return isUnder(this.removed, { kind, key: isOnHost ? keyOnHost('file', host, path) : key });
  }

  /** Takes out what a person said; returns what is gone. */
  remove(keys: readonly string[]): ScopeTarget[] {
    for (const key of keys) this.removed.add(key);
    const gone = SET_NAMES.flatMap((name) => this[name].targets().filter((one) => this.isRemoved(one)));
    for (const { set, key } of gone) this[set].delete(key);
    return gone;
  }

  /** Drops what none of these alerts names; returns the keys. */
  keep(alerts: readonly Pick<AlertView, 'occurredAt' | 'scope'>[]): string[] {
    const kept = new Scope();
    for (const key of this.removed) kept.removed.add(key);
    for (const alert of alerts) kept.absorb(alert);
    this.#firstSeen = kept.firstSeen();
    const gone = SET_NAMES.flatMap((name) => this[name].targets().filter((target) => !kept.has(target)));
    for (const { set, key } of gone) this[set].delete(key);
    return gone.map(({ key }) => key);
  }

  /** Takes an alert's entities in. `added` is what no alert named before, `touched` all that this one names. */
  absorb(alert: Pick<AlertView, 'occurredAt' | 'scope'>): { added: ScopeTarget[]; touched: ScopeTarget[] } {
    const at = alert.occurredAt;
    if (this.#firstSeen === undefined || Date.parse(at) < Date.parse(this.#firstSeen)) this.#firstSeen = at;
    const added: ScopeTarget[] = [];
    const touched: ScopeTarget[] = [];
    const take = <T>(set: LiveSet<T>, key: string | undefined, value: T): void => {
      if (key === undefined || this.isRemoved({ set: set.name, key, value })) return;
      const isNew = set.add(key, value);
      const target = set.get(key);
      if (target === undefined) return;
      touched.push(target);
      if (isNew) added.push(target);
    };
    for (const host of alert.scope.hosts) take(this.hosts, host.key, host);
    for (const account of alert.scope.accounts) take(this.accounts, account.key, account);
    for (const dataset of alert.scope.datasets) take(this.datasets, dataset.key, dataset);
    for (const ip of alert.scope.ips) take(this.ips, `ip:${ip.toLowerCase()}`, ip);
    for (const file of alert.scope.files) {
      const key = fileKey(file);
      if (key !== undefined) take(this.files, key, { ...file, key });
    }
    this.#absorbOthers(alert.scope, take);
    return { added, touched };
  }

  #absorbOthers(scope: AlertView['scope'], take: <T>(set: LiveSet<T>, key: string, value: T) => void): void {
    for (const domain of scope.domains ?? []) take(this.domains, domainKey(domain), domain);
    for (const url of scope.urls ?? []) take(this.urls, urlKey(url), url);
    for (const message of scope.messages ?? []) take(this.messages, messageKey(message), message);
    for (const sender of scope.senders ?? []) take(this.senders, senderKey(sender), sender);
    for (const key of scope.keys ?? []) take(this.keys, cloudKeyKey(key), key);
    for (const one of scope.principals ?? []) take(this.principals, principalKey(one.name), one);
    for (const bucket of scope.buckets ?? []) take(this.buckets, bucketKey(bucket.name), bucket);
    for (const process of scope.processes ?? []) take(this.processes, process.key, process);
    for (const hash of scope.hashes ?? []) take(this.hashes, hashKey(hash), hash);
  }
}
