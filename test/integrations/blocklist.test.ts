import type { BlocklistStore } from '../../contracts/integration';
import blocklist from '../../integrations/blocklist';
import { BlocklistClient } from '../../integrations/blocklist/client';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';

const IP = '203.0.113.9';

const setup = (config: object = { list: 'edge' }) => {
  const tools = fakeConnectTools();
  const store: BlocklistStore = tools.blocklist;
  return Promise.resolve({ store, connection: blocklist.connect(blocklist.config.parse(config), tools) });
};
type World = Awaited<ReturnType<typeof setup>>;

contractSuite<World>({
  integration: blocklist,
  setup: () => setup(),
  teardown: () => Promise.resolve(),
  cases: {
    'network.block_ip': {
      listed: true,
      input: () => ({ ip: IP }),
      inForce: async ({ store }) => (await store.get('edge', IP)) !== null,
      check: async (_output, { store }) =>
        expect(await store.get('edge', IP)).toEqual({
          expiresAt: null,
          reason: 'INC-2026-000042: ransomware on fin-ws-042',
        }),
      faults: [
        {
          name: 'the store can’t be read',
          arrange: ({ store }) => void (store.get = () => Promise.reject(new Error('down'))),
          type: 'unavailable',
          maybeApplied: false,
        },
        {
          name: 'the store does not confirm the entry',
          arrange: ({ store }) => void (store.put = () => Promise.reject(new Error('connection lost'))),
          type: 'unavailable',
          maybeApplied: true,
        },
      ],
    },
  },
});

describe('published block list', () => {
  const context = fakeCallContext();
  const HOUR = 3_600_000;

  test('an entry runs out, and may then be put again with a new expiry', async () => {
    const { store } = await setup();
    let now = Date.parse('2026-01-01T00:00:00Z');
    const client = new BlocklistClient(store, { list: 'edge', expireAfterHours: 2 }, () => now);
    await client.put(IP, context);
    now += 2 * HOUR - 1;
    expect(await client.find(IP, context)).toMatchObject({ expiresAt: '2026-01-01T02:00:00.000Z' });
    now += 1;
    expect(await client.find(IP, context)).toBeNull();
    await client.put(IP, context);
    expect(await client.find(IP, context)).toMatchObject({ expiresAt: '2026-01-01T04:00:00.000Z' });
  });

  test('an entry that stands keeps its expiry and its reason', async () => {
    const { store, connection } = await setup();
    const theirs = { expiresAt: '2999-01-01T00:00:00.000Z', reason: 'somebody else' };
    await store.put('edge', IP, theirs);
    await connection.handlers['network.block_ip']!.act({ ip: IP }, context, undefined);
    expect(await store.get('edge', IP)).toEqual(theirs);
  });

  test('two spellings of one IPv6 address are one entry', async () => {
    const { connection } = await setup();
    await connection.handlers['network.block_ip']!.act({ ip: '2001:DB8:0:0::1' }, context, undefined);
    const probe = await connection.handlers['network.block_ip']!.probe!({ ip: '2001:db8::1' }, context);
    expect(probe.inForce).toBe(true);
    await connection.handlers['network.unblock_ip']!.act({ ip: '2001:db8::1' }, context, undefined);
    expect(
      (await connection.handlers['network.block_ip']!.probe!({ ip: '2001:DB8:0:0::1' }, context)).inForce,
    ).toBe(false);
  });

  test('lists do not mix', async () => {
    const { store, connection } = await setup({ list: 'other' });
    await store.put('edge', IP, { expiresAt: null, reason: 'edge' });
    expect((await connection.handlers['network.block_ip']!.probe!({ ip: IP }, context)).inForce).toBe(false);
  });
});
