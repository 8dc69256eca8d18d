import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  RootOperationNode,
} from 'kysely';
import { Config } from '../../contracts/config';
import { Assumption, type PlanInput } from '../../contracts/plan';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { INTEGRATIONS } from '../../integrations';
import { policyVersionOf } from '../../store/policies';
import { planState } from '../../store/plan-facts';
import type { Store } from '../../store/store';
import { PLAYBOOKS } from '../../workflows/registry';
import { doorsOpenedBy } from '../support/doors';
import { plannerHere } from '../support/planner';
import { startTestServer } from '../support/server';
import { memoryStore } from '../support/store';

const alert = {
  title: 'Mass file encryption',
  severity: 5,
  techniques: ['T1486'],
  entities: {
    hosts: ['fin-fs-01'],
    accounts: ['m.okafor'],
    ips: ['203.0.113.9'],
    files: [{ path: '/tmp/x' }],
  },
};
const assets = [
  { id: 'fin-fs-01', kind: 'host' as const },
  { id: 'share', kind: 'dataset' as const, host: 'fin-fs-01', path: '/srv' },
];
const inputs: PlanInput[] = PLAYBOOKS.flatMap(({ ref }) =>
  [[], ...Assumption.options.map((one) => [one])].map((assume) => ({ playbook: ref, alert, assume })),
);

/** Each integration is once the first of all that serve an action; what they would connect to is not there. */
const configs = [...INTEGRATIONS.keys()].map((first) =>
  Config.parse({
    policy: DEFAULT_POLICY,
    assets,
    connections: [first, ...[...INTEGRATIONS.keys()].filter((id) => id !== first)].map((use) => ({
      id: use.replaceAll('_', '-'),
      use,
      config: { url: 'http://192.0.2.1:9', host: '192.0.2.1', port: 9, token: 't' },
    })),
  }),
);

let store: Store;
beforeAll(async () => {
  store = await memoryStore();
});
afterAll(() => store.close());

test('the doors that are watched are the ones that lead out', async () => {
  expect(await doorsOpenedBy(() => fetch('http://192.0.2.1:80').catch(() => undefined))).toHaveLength(1);
  expect(
    await doorsOpenedBy(async () => {
      expect(() => execFile('true')).toThrow('refused');
      const socket = dgram.createSocket('udp4');
      expect(() => socket.send('x', 9, '192.0.2.1')).toThrow('refused');
      socket.close();
    }),
  ).toEqual(['execFile', 'datagram']);
});

test('no plan of any playbook opens a way out, whichever integration would serve it', async () => {
  expect(configs.length).toBeGreaterThan(8);
  const served = new Set<string>();
  const asked = new Set<string>();
  const opened = await doorsOpenedBy(async () => {
    for (const config of configs) {
      const plan = plannerHere(store, config);
      for (const input of inputs)
        for (const { action, connection } of (await plan(input)).steps) {
          asked.add(action);
          served.add(connection?.integration ?? '');
        }
    }
  });
  expect(opened).toEqual([]);
  // Every product that can do something of what the playbooks ask for was the one to do it, once.
  const able = [...INTEGRATIONS.values()].filter(({ actions }) =>
    actions.some((action) => asked.has(action)),
  );
  expect(able.length).toBeGreaterThan(8);
  expect([...served].sort()).toEqual(able.map(({ id }) => id).sort());
  // Every playbook with every integration: it grows with both.
}, 300_000);

/** Kinds of all statements that go through a store. */
function listening(to: Store): { store: Store; kinds: string[] } {
  const kinds: string[] = [];
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }: PluginTransformQueryArgs): RootOperationNode => {
      kinds.push(
        node.kind === 'RawNode' && node.sqlFragments.join('') === 'SET TRANSACTION READ ONLY'
          ? 'read only from here'
          : node.kind,
      );
      return node;
    },
    transformResult: async ({ result }: PluginTransformResultArgs) => result,
  };
  return { store: { ...to, db: to.db.withPlugin(plugin) }, kinds };
}

test('POST /api/v1/plans writes nothing and connects to nothing', async () => {
  const { store: heard, kinds } = listening(store);
  const server = await startTestServer({ assets, connections: configs[0]!.connections }, heard, plannerHere);
  const rows = async (): Promise<unknown[]> => {
    const tables = await store.db.introspection.getTables();
    return Promise.all(
      tables.map(async ({ name }) => [
        name,
        await store.db
          .selectFrom(name as 'settings')
          .selectAll()
          .execute(),
      ]),
    );
  };
  const before = await rows();
  const port = Number(new URL(server.url).port);
  kinds.length = 0;
  const opened = await doorsOpenedBy(async () => {
    for (const body of inputs) {
      const { status, data } = await server.call('POST', '/api/v1/plans', { body });
      expect([status, data['policyVersion']]).toEqual([200, policyVersionOf(server.config.policy)]);
    }
  }, port);
  const heardKinds = new Set(kinds);
  const after = await rows();
  await server.stop();
  expect(opened).toEqual([]);
  expect(heardKinds).toEqual(new Set(['SelectQueryNode', 'read only from here']));
  expect(after).toEqual(before);
}, 60_000);

test('what reads for a plan could not write if it wanted to', async () => {
  // The least of all writes: a lock on rows.
  const write = store.db.selectFrom('people').selectAll().forUpdate().toOperationNode();
  const turned = store.db.withPlugin({
    transformQuery: ({ node }) => (JSON.stringify(node).includes('"people"') ? write : node),
    transformResult: async ({ result }) => result,
  });
  const reading = planState({ ...store, db: turned }, { budgets: [], keys: [], windowMinutes: 1 });
  await expect(reading).rejects.toThrow('read-only transaction');
});
