import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import axios from 'axios';
import { z } from 'zod';
import { ConnectionRegistry } from '../../activities/connections';
import { createActivities } from '../../activities/create-activities';
import type { ActionId } from '../../contracts/actions';
import { AssetIndex } from '../../contracts/assets';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Handlers, type Integration } from '../../contracts/integration';
import type { ItemStatus, WaveInput } from '../../contracts/messages';
import { openStore } from '../../store/store';
import { item, waveOf, worldConfig } from './runner';

/** What a process is started with, as JSON in BUDGET_WORK. */
export interface Work {
  databaseUrl: string;
  productUrl: string;
  limit: number;
  incidents: { incident: string; name: string; blind: boolean }[];
}
/** What it says after each round: how often each status occurred. */
export type Round = Partial<Record<ItemStatus, number>>;

export const BUDGET = 'isolations';
const ACTIONS: ActionId[] = ['endpoint.isolate_host', 'identity.disable_account'];

/** Both processes and the test mean the same by it. */
export const budgetConfig = (limit: number) =>
  worldConfig({
    connections: [{ id: 'edr', use: 'remote', tags: ['lab'], concurrency: 100 }],
    budgets: [{ id: BUDGET, actions: ACTIONS, limit, windowSeconds: 3600 }],
  });

/** A product behind HTTP. What it does to an account can't be read afterwards. */
function remote(url: string): Integration {
  const call = async (name: string, verb: string): Promise<boolean> => {
    const { status, data } = await axios.post<{ on: boolean }>(
      `${url}/${verb}/${name}`,
      {},
      { validateStatus: () => true },
    );
    if (status === 409) throw new CordonError('rejected', 'it will not');
    if (status === 504) throw new CordonError('timeout', 'no reply', { maybeApplied: true });
    return data.on;
  };
  const handlers: Handlers = {
    'endpoint.isolate_host': {
      permissions: [],
      probe: async ({ host }) => ({ inForce: await call(host.name, 'read'), state: {} }),
      act: async (input, context) => {
        await context.fence();
        await call(input.host.name, 'apply');
        return { status: 'done', output: input };
      },
      output: (input) => input,
    },
    'identity.disable_account': {
      permissions: [],
      act: async (input, context) => {
        await context.fence();
        await call(input.account.name, 'apply');
        return { status: 'done', output: input };
      },
    },
  };
  return defineIntegration({
    id: 'remote',
    title: 'Remote',
    docs: 'https://example.com/',
    simulated: false,
    config: z.object({}),
    actions: ACTIONS,
    connect: () => ({
      handlers,
      check: () => Promise.resolve({ ok: true, detail: 'remote' }),
      close: () => Promise.resolve(),
    }),
  });
}

const waveFor = ({ incident, name, blind }: Work['incidents'][number]): WaveInput =>
  waveOf(
    incident,
    blind
      ? item({ id: `disable/${name}`, action: 'identity.disable_account', input: { account: { name } } })
      : item({ id: `isolate/${name}`, input: { host: { name } } }),
  );

async function main(work: Work): Promise<void> {
  const store = await openStore({ databaseUrl: work.databaseUrl });
  const config = budgetConfig(work.limit);
  const quiet = { info: () => undefined, warn: () => undefined };
  const connections = new ConnectionRegistry(
    config,
    new Map([['remote', remote(work.productUrl)]]),
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
  const activities = createActivities({
    store,
    config,
    assets: new AssetIndex([]),
    connections,
    owner: randomUUID(),
    dataDir: tmpdir(),
    log: quiet,
  });
  const settle = async (wave: WaveInput): Promise<ItemStatus> => {
    for (;;) {
      const [result] = (await activities.runWave(wave)).items;
      if (result === undefined) throw new Error('the wave had no item');
      if (result.status !== 'running') return result.status;
      await new Promise((resolve) => setTimeout(resolve, Math.min(result.againInMs ?? 100, 200)));
    }
  };
  process.stdout.write('"ready"\n');
  // One round a line on stdin; the end of stdin is the end.
  for await (const _line of createInterface({ input: process.stdin })) {
    const statuses = await Promise.all(work.incidents.map((one) => settle(waveFor(one))));
    const round: Round = {};
    for (const status of statuses) round[status] = (round[status] ?? 0) + 1;
    process.stdout.write(`${JSON.stringify(round)}\n`);
  }
  await activities.close();
  await store.close();
}

const given = process.env['BUDGET_WORK'];
if (given !== undefined) void main(JSON.parse(given) as Work);
