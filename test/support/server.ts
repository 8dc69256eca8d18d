import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import axios, { type AxiosResponse } from 'axios';
import { AssetIndex } from '../../contracts/assets';
import { Config, type ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { Role } from '../../contracts/values';
import { createApp, type AppDeps } from '../../server/app';
import { connectChannels } from '../../channels';
import { Notifier } from '../../server/notifier';
import { createGraphs } from '../../planner';
import { SOURCES } from '../../sources';
import { createToken, savePerson } from '../../store/people';
import { savePolicy } from '../../store/policies';
import type { Store } from '../../store/store';
import { PLAYBOOKS } from '../../workflows/registry';
import { exploreHere } from './planner';
import { memoryStore } from './store';

/** Everybody that the tests let in, by id; each has the role of the same name unless said otherwise. */
const PEOPLE: Readonly<Record<string, readonly Role[]>> = {
  vera: ['viewer'],
  ana: ['analyst'],
  bo: ['analyst'],
  lea: ['lead'],
  adam: ['admin'],
};

/** The real application on a port, over a real store; without Temporal, which only hears of what is in SQL. */
export interface TestServer {
  readonly store: Store;
  readonly config: Config;
  readonly url: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly logged: { data: object; message: string }[];
  /** What tells people; runs where the configuration has channels for that. */
  readonly notifier: Notifier;
  /** How often the dispatcher was woken. */
  wakes(): number;
  /** One request; `as` is the person whose token is sent. */
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    options?: { as?: string | null; body?: unknown; headers?: Record<string, string> },
  ): Promise<AxiosResponse<T>>;
  stop(): Promise<void>;
}

/** Starts it. */
export async function startTestServer(
  input: Partial<ConfigInput> = {},
  store?: Store,
  planner: (store: Store, config: Config) => AppDeps['plan'] = () => () =>
    Promise.reject(new Error('this test makes no plans')),
): Promise<TestServer> {
  const config = Config.parse({
    policy: DEFAULT_POLICY,
    assets: [
      { id: 'fin-ws-042', kind: 'host', ips: ['198.51.100.42'] },
      { id: 'm.okafor', kind: 'account' },
    ],
    ...input,
  });
  const own = store ?? (await memoryStore());
  await savePolicy(own, config.policy);
  const tokens: Record<string, string> = {};
  for (const [id, roles] of Object.entries(PEOPLE)) {
    await savePerson(own, { id, name: id, roles: [...roles] });
    tokens[id] = await createToken(own, id, 'test');
  }
  const logged: TestServer['logged'] = [];
  let woken = 0;
  const note = (data: object, message: string): void => {
    logged.push({ data, message });
  };
  const log = { info: note, warn: note };
  const connected = connectChannels(config);
  const { publicUrl } = config;
  const notifier = new Notifier({ store: own, channels: connected, publicUrl, log });
  if (connected.size > 0) notifier.start();
  const app = createApp({
    store: own,
    config,
    sources: SOURCES,
    playbooks: [
      { id: 'ransomware', version: 1, title: 'Ransomware' },
      { id: 'malware_on_endpoint', version: 1, title: 'Malware' },
    ],
    plan: planner(own, config),
    graph: createGraphs(PLAYBOOKS, exploreHere),
    nextDrillAt: () => Promise.resolve('2026-07-01T07:00:00.000Z'),
    witness: () => undefined,
    connected,
    notifier,
    wake: () => {
      woken += 1;
      notifier.wake();
    },
    log,
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    store: own,
    config,
    url,
    tokens,
    logged,
    notifier,
    wakes: () => woken,
    call: (method, path, { as = 'lea', body, headers = {} } = {}) =>
      axios.request({
        method,
        url: url + path,
        data: body,
        headers: { ...(as === null ? {} : { Authorization: `Bearer ${tokens[as] ?? as}` }), ...headers },
        validateStatus: () => true,
        maxRedirects: 0,
      }),
    stop: async () => {
      await notifier.stop();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      if (store === undefined) await own.close();
    },
  };
}

/** How the server correlates, for tests that do it by hand. */
export const correlationOf = (config: Config, policyVersion = 'p') => ({
  assets: new AssetIndex(config.assets),
  windowMinutes: config.correlation.windowMinutes,
  policyVersion,
});

export interface AskedItem {
  action: string;
  target: string;
  requirement?: object;
}

/** An approval request as the guard files it. */
export async function fileRequest(
  store: Store,
  incident: string,
  items: readonly AskedItem[],
  extra: { title?: string; reason?: string; expires_at?: Date } = {},
): Promise<string> {
  const id = randomUUID();
  const at = await store.now();
  await store.db
    .insertInto('approval_requests')
    .values({
      id,
      incident,
      group_id: 'contain/hosts',
      phase: 'containment',
      title: 'Cut the hosts off',
      reason: 'ransomware@1',
      plan_hash: 'plan-1',
      policy_version: 'p',
      status: 'open',
      created_at: at,
      expires_at: new Date(at.getTime() + 3_600_000),
      ...extra,
    })
    .execute();
  for (const { action, target, requirement } of items)
    await store.db
      .insertInto('approval_items')
      .values({
        request_id: id,
        item_hash: `${action}:${target}`,
        action_key: randomUUID(),
        action,
        connection: 'edr',
        simulated: true,
        target_kind: 'host',
        target_key: `host:${target}`,
        target_label: target,
        input: JSON.stringify({ host: { name: target } }),
        lease_seconds: 3600,
        requirement: JSON.stringify(
          requirement ?? {
            kind: 'approvals',
            groups: [{ roles: ['analyst', 'lead'], count: 1 }],
            timeoutSeconds: 3600,
            noSelfApproval: false,
            why: 'low impact: one analyst',
          },
        ),
        status: 'pending',
      })
      .execute();
  return id;
}

/** An open incident without a run. */
export async function fileIncident(store: Store, number: string, startedBy = 'source:edr'): Promise<string> {
  const at = await store.now();
  await store.db
    .insertInto('incidents')
    .values({
      number,
      title: 'Trojan on fin-ws-042',
      status: 'open',
      mode: 'live',
      phase: 'containment',
      severity: 4,
      policy_version: 'p',
      playbook: 'ransomware@1',
      started_by: startedBy,
      opened_at: at,
      updated_at: at,
      last_alert_at: at,
      verdict: null,
      attention: null,
      reopens: null,
      alert_seq: 0,
      signalled_seq: 0,
      summary: '{}',
    })
    .execute();
  return number;
}
