import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import type { RunnerDeps } from '../../activities/runner-types';
import type { WaveCall } from '../../activities/run-wave';
import { ACTIONS, actionSpec, type ActionId } from '../../contracts/actions';
import { AssetIndex } from '../../contracts/assets';
import { Config, type ConfigInput } from '../../contracts/config';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Handler, type Integration } from '../../contracts/integration';
import type { ItemResult, WaveInput, WaveItem } from '../../contracts/messages';
import { APPROVALS_OFF_FOR_LAB, DEFAULT_POLICY } from '../../contracts/policy';
import { processName } from '../../contracts/names';
import { simulatedOutput } from '../../contracts/simulated';
import type { JsonObject } from '../../contracts/values';
import { savePolicy } from '../../store/policies';
import type { Store } from '../../store/store';

type Input = { host?: { name: string }; path?: string; account?: { name: string; upn?: string } } & {
  ip?: string;
  set?: { name: string };
  process?: { pid?: number; name?: string; path?: string; sha256?: string };
} & Outside;
interface Outside {
  domain?: string;
  url?: string;
  sender?: string;
  sha256?: string;
  message?: { id: string };
  key?: { id: string };
  principal?: { name: string };
  bucket?: { name: string };
}

/** What a product makes of an input: hosts by name, accounts by upn where there is one. */
function meant({ host, path, process, account, ip, set, ...others }: Input): string {
  if (host !== undefined && process !== undefined) return `${host.name}:${processName(process)}`;
  if (host !== undefined) return path === undefined ? host.name : `${host.name}:${path}`;
  return account?.upn ?? account?.name ?? ip ?? set?.name ?? meantOutside(others);
}

/** What is no machine, account or dataset of ours. */
function meantOutside({ domain, url, sender, sha256, ...named }: Outside): string {
  const { message, key, principal, bucket } = named;
  return (
    domain ?? url ?? sender ?? message?.id ?? key?.id ?? principal?.name ?? bucket?.name ?? sha256 ?? '?'
  );
}

export type Fault = 'lost_reply' | 'refused' | 'offline' | 'ignored' | 'garbled' | 'unsupported';
const SHA = 'c'.repeat(64);

/** One product that offers every action, with state, counts of what it applied, and gates that a test opens. */
export class World {
  /** Effects in force: `endpoint.isolate_host ws-1`. */
  readonly inForce = new Set<string>();
  /** Every state change that came about, in order. */
  readonly applied: string[] = [];
  /** Every call of `act`, in order. */
  readonly calls: string[] = [];
  /** How many calls of `act` have ended, also those that nobody waits for any more. */
  ended = 0;
  /** Taken from the front, one a call of `act`. */
  faults: Fault[] = [];
  clean = true;
  /** What the first scan of each host finds; the next ones are clean. */
  infected: { path: string; signature: string } | undefined;
  readonly #scanned = new Set<string>();
  /** Actions whose state can't be read. */
  readonly blind = new Set<ActionId>();
  /** How long one call may take. */
  timeoutMs: number | undefined;
  /** What happens in `act` before the product is told; a test may wait here. */
  beforeTold: (call: string) => Promise<void> = () => Promise.resolve();
  /** The product accepts what it is told and is at it for as long as this is so. */
  accepts = false;
  /** What happens before the product says whether something is in force. */
  beforeProbed: () => Promise<void> = () => Promise.resolve();
  /** What happens once the product has listed what is in force. */
  afterListed: () => void = () => undefined;
  /** What happens after the product was told and before it answers. */
  beforeReply: (call: string) => Promise<void> = () => Promise.resolve();

  #handler(id: ActionId): Handler<ActionId> {
    const spec = actionSpec(id);
    const forward = Object.values(ACTIONS).find(({ inverse }) => inverse === id);
    const effect = forward?.id ?? id;
    const wanted = forward === undefined;
    const read = (input: Input): boolean => this.inForce.has(`${effect} ${meant(input)}`) === wanted;
    const tell: Handler<ActionId>['act'] = async (input, context) => {
      const call = `${id} ${meant(input as Input)}`;
      this.calls.push(call);
      await this.beforeTold(call);
      await context.fence();
      const fault = this.faults.shift();
      if (fault === 'refused') throw new CordonError('rejected', 'no');
      if (fault === 'offline') throw new CordonError('unavailable', 'it is offline');
      if (this.accepts) return { status: 'pending', token: call, againInMs: 60_000 };
      if (fault === 'unsupported') throw new CordonError('unsupported', 'not this model');
      if (fault !== 'ignored' && fault !== 'garbled') {
        this.applied.push(call);
        if (wanted) this.inForce.add(`${effect} ${meant(input as Input)}`);
        else this.inForce.delete(`${effect} ${meant(input as Input)}`);
      }
      await this.beforeReply(call);
      if (fault === 'lost_reply') throw new CordonError('timeout', 'no reply', { maybeApplied: true });
      if (fault === 'garbled') throw new CordonError('unexpected_reply', 'not what was promised');
      return { status: 'done', output: this.#output(id, input as JsonObject) as never };
    };
    const act: Handler<ActionId>['act'] = (input, context, first) =>
      tell(input, context, first).finally(() => {
        this.ended += 1;
      });
    const limits = {
      permissions: [],
      ...(this.timeoutMs === undefined ? {} : { timeoutMs: this.timeoutMs }),
    };
    if (spec.delivery !== 'probe' || this.blind.has(id)) return { ...limits, act };
    return {
      ...limits,
      probe: async (input) => {
        await this.beforeProbed();
        return { inForce: read(input as Input), state: { read: true } };
      },
      ...(wanted ? { inForce: async () => this.#listed(id) as never } : {}),
      act,
      poll: async (token, input) =>
        this.accepts
          ? { status: 'pending', token, againInMs: 60_000 }
          : { status: 'done', output: this.#output(id, input as JsonObject) as never },
      output: (input) => this.#output(id, input as JsonObject) as never,
    };
  }

  /** Hosts and addresses on which it is in force, as inputs; for files and accounts the product has no list. */
  #listed(id: ActionId): object[] {
    const names = [...this.inForce].flatMap((one) =>
      one.startsWith(`${id} `) ? [one.slice(id.length + 1)] : [],
    );
    this.afterListed();
    if (id === 'network.block_ip') return names.map((ip) => ({ ip }));
    return id === 'endpoint.isolate_host' ? names.map((name) => ({ host: { name } })) : [];
  }

  #output(id: ActionId, input: JsonObject): JsonObject {
    switch (id) {
      case 'endpoint.scan_av':
        return { ...input, ...this.#scan(meant(input)), errors: [], engine: 'world' };
      case 'endpoint.quarantine_file':
        return { sha256: SHA, ...input };
      case 'endpoint.collect_triage':
        return { ...input, evidence: [] };
      case 'data.verify_backup':
        return {
          ...input,
          snapshot: 's1',
          takenAt: '2026-02-28T00:00:00Z',
          intact: true,
          clean: true,
          findings: [],
        };
      case 'data.restore_backup':
        return { ...input, snapshot: 's1', files: 1 };
      default:
        return simulatedOutput({ action: id, input }, '2026-02-28T00:00:00Z');
    }
  }

  #scan(host: string): JsonObject {
    const isFirst = !this.#scanned.has(host);
    this.#scanned.add(host);
    return this.infected !== undefined && isFirst
      ? { clean: false, findings: [this.infected] }
      : { clean: this.clean, findings: [] };
  }

  integration(without: readonly ActionId[] = []): Integration {
    const actions = (Object.keys(ACTIONS) as ActionId[]).filter((id) => !without.includes(id));
    const handlers = Object.fromEntries(actions.map((id) => [id, this.#handler(id)]));
    return defineIntegration({
      id: 'world',
      title: 'World',
      docs: 'https://example.com/',
      simulated: false,
      config: z.object({}),
      actions,
      connect: () => ({
        handlers,
        check: () => Promise.resolve({ ok: true, detail: 'world' }),
        close: () => Promise.resolve(),
      }),
    });
  }
}

/** Approvals are off for the one connection, which is a lab, unless the policy is given. */
export function worldConfig(extra: Partial<ConfigInput> = {}): Config {
  return Config.parse({
    connections: [{ id: 'edr', use: 'world', tags: ['lab'], concurrency: 100 }],
    policy: { rules: [APPROVALS_OFF_FOR_LAB, ...DEFAULT_POLICY.rules] },
    ...extra,
  });
}

export type Activities = ReturnType<typeof createActivities>;

/** A runner, as one process has it. `owner` tells processes apart. */
export function runnerOn(
  store: Store,
  world: World,
  config: Config,
  extra: Partial<RunnerDeps> = {},
  callOf?: () => WaveCall,
): Activities {
  const quiet = { info: () => undefined, warn: () => undefined };
  const connections = new ConnectionRegistry(
    config,
    new Map([['world', world.integration()]]),
    (connectionId) => ({
      connectionId,
      dataDir: tmpdir,
      log: quiet,
      blocklist: {
        get: () => Promise.resolve(null),
        entries: () => Promise.resolve([]),
        put: () => Promise.resolve(),
        remove: () => Promise.resolve(false),
      },
    }),
  );
  return createActivities(
    {
      store,
      config,
      assets: new AssetIndex(config.assets),
      connections,
      owner: randomUUID(),
      dataDir: tmpdir(),
      log: quiet,
      ...extra,
    },
    callOf,
  );
}

let made = 0;

/** Opens an incident under the configuration's policy. */
export async function openIncident(
  store: Store,
  config: Config,
  extra: { severity?: number; started_by?: string; mode?: 'live' | 'drill' } = {},
): Promise<string> {
  const at = await store.now();
  const number = `INC-2026-${String(++made).padStart(6, '0')}`;
  await store.db
    .insertInto('incidents')
    .values({
      number,
      title: 't',
      status: 'open',
      mode: 'live',
      phase: 'containment',
      severity: 4,
      policy_version: await savePolicy(store, config.policy),
      playbook: null,
      started_by: 'source:siem',
      opened_at: at,
      updated_at: at,
      last_alert_at: at,
      verdict: null,
      attention: null,
      reopens: null,
      alert_seq: 0,
      signalled_seq: 0,
      summary: '{}',
      ...extra,
    })
    .execute();
  return number;
}

/** An item of a wave; `isolate ws-1` unless told otherwise. */
export function item(extra: Partial<WaveItem> = {}): WaveItem {
  return {
    id: 'isolate/ws-1',
    occurrence: 1,
    action: 'endpoint.isolate_host',
    input: { host: { name: 'ws-1' } },
    release: false,
    onlyWhenClean: false,
    leaseSeconds: 3600,
    ...extra,
  };
}

export function waveOf(incident: string, ...items: WaveItem[]): WaveInput {
  return {
    incident,
    group: { id: 'contain-1', phase: 'containment', title: 'Cut the hosts off', reason: 'ransomware' },
    ask: true,
    items,
  };
}

export const releaseOf = (extra: Partial<WaveItem> = {}): WaveItem =>
  item({ id: 'release/ws-1', release: true, leaseSeconds: null, ...extra });

/** Runs one item until the runner has nothing more to do with it now. */
export async function settled(activities: Activities, wave: WaveInput): Promise<ItemResult> {
  for (let looks = 0; looks < 200; looks++) {
    const [result] = (await activities.runWave(wave)).items;
    if (result === undefined) throw new Error('the wave had no item');
    if (result.status !== 'running') return result;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never settled');
}

/** Sets or lifts the kill switch. */
export async function killSwitch(store: Store, on: boolean): Promise<void> {
  const value = JSON.stringify({ on });
  await store.db
    .insertInto('settings')
    .values({ key: 'kill_switch', value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}

/** Writes a person's decision about every item of a request, as the server does. */
export async function decide(
  store: Store,
  request: string,
  person: string,
  verdict: 'approve' | 'deny' = 'approve',
): Promise<void> {
  const at = await store.now();
  const items = await store.db
    .selectFrom('approval_items')
    .select('item_hash')
    .where('request_id', '=', request)
    .execute();
  for (const { item_hash } of items)
    await store.db
      .insertInto('decisions')
      .values({
        decision_id: randomUUID(),
        request_id: request,
        item_hash,
        person,
        roles: JSON.stringify(['lead']),
        verdict,
        reason: null,
        channel: 'api',
        at,
      })
      .execute();
}

/** Kinds of an incident's journal, in order. */
export async function kindsOf(store: Store, incident: string): Promise<string[]> {
  const rows = await store.db
    .selectFrom('journal')
    .select('kind')
    .where('incident', '=', incident)
    .orderBy('seq')
    .execute();
  return rows.map(({ kind }) => kind);
}

/** Something that waits until a test lets it go on. */
export function gate(): { closed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open };
}

/** The first call that reaches the product waits there until it is let go; the next ones pass. */
export function holdFirst(
  world: World,
  at: 'beforeTold' | 'beforeReply',
): { reached: Promise<void>; letGo: () => void } {
  const [reached, letGo] = [gate(), gate()];
  let first = true;
  world[at] = async () => {
    if (!first) return;
    first = false;
    reached.open();
    await letGo.closed;
  };
  return { reached: reached.closed, letGo: letGo.open };
}

/** As if the owner of these rows had not been heard of; asked until another takes over, because the owner still lives. */
export async function takeOver(
  store: Store,
  table: 'claims' | 'lease_locks',
  other: Activities,
  wave: WaveInput,
): Promise<ItemResult> {
  for (let tries = 0; tries < 50; tries++) {
    await store.db
      .updateTable(table)
      .set({ heartbeat_at: new Date(0) })
      .execute();
    const [result] = (await other.runWave(wave)).items;
    if (result !== undefined && result.status !== 'running') return result;
  }
  throw new Error('nobody took over');
}
