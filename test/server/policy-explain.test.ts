import type { PolicyExplanation } from '../../contracts/api';
import { APPROVALS_OFF_FOR_LAB } from '../../contracts/policy';
import { startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    connections: [{ id: 'edr', use: 'fake', tags: ['lab'] }],
    budgets: [{ id: 'isolations', actions: ['endpoint.isolate_host'], limit: 20, windowSeconds: 3600 }],
    assets: [
      { id: 'fin-ws-042', kind: 'host', tags: ['finance'], owner: 'vera' },
      { id: 'dc-01', kind: 'host', protected: true },
      { id: 'web.a.example.com', kind: 'host' },
      { id: 'web.b.example.com', kind: 'host', tags: ['finance'], owner: 'bo' },
    ],
    policy: {
      rules: [
        APPROVALS_OFF_FOR_LAB,
        {
          name: 'finance by night: lead and owner',
          when: {
            targetTags: ['finance'],
            minSeverity: 3,
            time: [{ zone: 'Europe/Berlin', from: '18:00', to: '08:00' }],
          },
          require: {
            groups: [
              { roles: ['lead'], count: 1 },
              { roles: ['owner'], count: 1 },
            ],
            timeoutSeconds: { 5: 900, default: 7200 },
            noSelfApproval: true,
            veto: ['admin'],
            escalation: [{ afterSeconds: 600, people: ['adam'] }],
          },
        },
        {
          name: 'isolate unless somebody objects',
          when: { actions: ['endpoint.isolate_host'] },
          require: {
            groups: [{ roles: ['analyst', 'lead'], count: 1 }],
            timeoutSeconds: 3600,
            silence: 'allow',
          },
        },
      ],
    },
  });
});
afterAll(() => server.stop());

const ask = async (query: string): Promise<PolicyExplanation> => {
  const { status, data } = await server.call<PolicyExplanation>(
    'GET',
    `/api/v1/policy/explain?action=endpoint.isolate_host&${query}`,
    { as: 'vera' },
  );
  expect([query, status, status === 200 ? '' : data]).toEqual([query, 200, '']);
  return data;
};
const NIGHT = 'at=2026-05-02T03:00:00%2B02:00';
const DAY = 'at=2026-05-01T12:00:00Z';
const whys = (found: PolicyExplanation) => found.rules.map(({ whyNot }) => whyNot);

test('which rule decides, why those before it do not, who is asked, and what is told to whom', async () => {
  const found = await ask(`target=fin-ws-042&severity=5&${NIGHT}`);
  expect(found).toMatchObject({ target: 'host:fin-ws-042', asset: 'fin-ws-042', mayBe: [], protected: null });
  expect(whys(found)).toEqual(["the connection's tags are none; it wants one of lab, simulated", null]);
  expect(found.requirement).toMatchObject({
    kind: 'approvals',
    timeoutSeconds: 900,
    owners: ['vera'],
    escalation: [{ afterSeconds: 600, people: ['adam'] }],
    why: 'finance by night: lead and owner',
  });
  expect(found.seats.map(({ people }) => people.map(({ id }) => id))).toEqual([['lea'], ['vera']]);
  expect(found.veto).toEqual([{ id: 'adam', name: 'adam' }]);
  expect(found.budgets).toEqual([{ id: 'isolations', used: 0, limit: 20, windowSeconds: 3600 }]);
});

test('the hour, the severity, and tags, one line each', async () => {
  expect(whys(await ask(`target=fin-ws-042&${DAY}`))).toEqual([
    expect.any(String),
    'it is fri 14:00 in Europe/Berlin; it holds daily 18:00–08:00 in Europe/Berlin',
    null,
  ]);
  expect(whys(await ask(`target=fin-ws-042&severity=2&${NIGHT}`))[1]).toBe('the severity is 2, below 3');
  const stranger = await ask(`target=ws-9&${NIGHT}`);
  expect([stranger.asset, whys(stranger)[1]]).toEqual([
    null,
    "the target's tags are none; it wants one of finance",
  ]);
  expect(stranger.requirement).toMatchObject({ silence: 'allow', timeoutSeconds: 3600 });
  expect(stranger.seats[0]?.people.map(({ id }) => id)).toEqual(['ana', 'bo', 'lea']);
});

test('a name that may be several assets is asked about as the strictest of them', async () => {
  const found = await ask(`target=web&${NIGHT}`);
  expect(found).toMatchObject({ asset: null, mayBe: ['web.a.example.com', 'web.b.example.com'] });
  expect(found.requirement).toMatchObject({ owners: ['bo'] });
});

test('the tags of a connection, what is protected, and what cannot be answered', async () => {
  expect((await ask('target=host:dc-01&connection=edr')).requirement).toEqual({
    kind: 'none',
    why: 'a lab or simulated connection: approvals are switched off',
  });
  expect((await ask('target=dc-01')).protected).toContain('dc-01 is protected');
  const refused = async (query: string) => {
    const { status, data } = await server.call('GET', `/api/v1/policy/explain?${query}`);
    return [status, JSON.stringify(data)];
  };
  expect(await refused('action=endpoint.isolate_host&target=x&connection=siem')).toEqual([
    422,
    expect.stringContaining('there is no connection \\"siem\\"; there are edr'),
  ]);
  expect(await refused('action=endpoint.explode&target=x')).toEqual([422, expect.stringContaining('action')]);
  expect(await refused('action=endpoint.isolate_host&target=x&at=noon')).toEqual([
    422,
    expect.stringContaining('at'),
  ]);
});

test('what it says is what no rule allows', async () => {
  const { data } = await server.call<PolicyExplanation>(
    'GET',
    '/api/v1/policy/explain?action=identity.disable_account&target=kim',
  );
  expect(data).toMatchObject({ target: 'account:kim', seats: [], requirement: { kind: 'never' } });
  expect(whys(data)).toEqual([expect.any(String), expect.any(String), 'it is about endpoint.isolate_host']);
});
