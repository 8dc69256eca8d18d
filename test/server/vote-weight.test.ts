import { randomUUID } from 'node:crypto';
import { whyNoWeight } from '../../contracts/vote-weight';
import type { Requirement, Vote } from '../../contracts/policy';
import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
}, 60_000);
afterAll(() => server.stop());

const LEAD: Requirement & { kind: 'approvals' } = {
  kind: 'approvals',
  groups: [{ roles: ['lead'], count: 1 }],
  timeoutSeconds: 3600,
  noSelfApproval: false,
  why: 'one lead',
};
let count = 0;
async function file(requirement: Requirement, startedBy?: string): Promise<string> {
  const incident = await fileIncident(
    server.store,
    `INC-2026-7${String(++count).padStart(5, '0')}`,
    startedBy,
  );
  return fileRequest(server.store, incident, [
    { action: 'endpoint.isolate_host', target: 'ws-1', requirement },
    { action: 'endpoint.release_host', target: 'ws-2' },
  ]);
}
const say = (request: string, as: string, decisionId: string = randomUUID(), verdict = 'approve') =>
  server.call<{ items: { itemHash: string; status: string; doesNotCount?: string }[] }>(
    'POST',
    `/api/v1/approvals/${request}/decisions`,
    { as, body: { decisionId, verdict } },
  );

test('the API records a vote without the role, and says that it does not count and why; a repeat says it too', async () => {
  const request = await file(LEAD);
  const id = randomUUID();
  const first = await say(request, 'ana', id);
  expect([first.status, first.data.items]).toEqual([
    202,
    [
      {
        itemHash: 'endpoint.isolate_host:ws-1',
        status: 'recorded',
        doesNotCount: 'this needs 1 lead; ana is analyst',
      },
      { itemHash: 'endpoint.release_host:ws-2', status: 'recorded' },
    ],
  ]);
  expect((await say(request, 'ana', id)).data.items[0]).toMatchObject({
    status: 'repeated',
    doesNotCount: 'this needs 1 lead; ana is analyst',
  });
  const counts = (await say(request, 'lea')).data.items;
  expect(counts.map(({ doesNotCount }) => doesNotCount)).toEqual([undefined, undefined]);
});

test('who may not approve because they started it is told so', async () => {
  const request = await file({ ...LEAD, noSelfApproval: true }, 'person:lea');
  expect((await say(request, 'lea')).data.items[0]?.doesNotCount).toBe(
    'lea started this incident, or added to it by hand, and may not approve',
  );
});

describe('in words', () => {
  const vote = (extra: Partial<Vote> = {}): Vote => ({
    person: 'ana',
    roles: ['analyst'],
    verdict: 'approve',
    ...extra,
  });
  test.each<[string, Requirement, Vote, string | undefined, string | undefined]>([
    ['has the role', LEAD, vote({ roles: ['lead'] }), undefined, undefined],
    ['takes it back', LEAD, vote({ verdict: 'withdraw' }), undefined, undefined],
    [
      'several groups',
      { ...LEAD, groups: [...LEAD.groups, { roles: ['hr', 'legal'], count: 1 }] },
      vote(),
      undefined,
      'this needs 1 lead and 1 hr or legal; ana is analyst',
    ],
    [
      'a deny, where others have a veto',
      { ...LEAD, veto: ['legal'] },
      vote({ verdict: 'deny' }),
      undefined,
      'this needs 1 lead, or a veto of legal; ana is analyst',
    ],
    [
      'a veto',
      { ...LEAD, veto: ['legal'] },
      vote({ verdict: 'deny', roles: ['legal'] }),
      undefined,
      undefined,
    ],
    [
      'an author',
      { ...LEAD, authors: ['ana'] },
      vote({ roles: ['lead'] }),
      undefined,
      'ana wrote this playbook and may not approve',
    ],
    [
      'a channel that proves nothing, where somebody is barred',
      { ...LEAD, noSelfApproval: true },
      vote({ roles: ['lead'], voice: 'channel:chat' }),
      'lea',
      'a channel that does not prove who answers may not approve this: answer in Cordon',
    ],
  ])('%s', (_what, requirement, said, startedBy, expected) => {
    expect(whyNoWeight(requirement, said, startedBy === undefined ? [] : [startedBy])).toBe(expected);
  });
});
