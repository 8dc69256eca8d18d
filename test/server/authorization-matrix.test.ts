import { ROLES, type Role } from '../../contracts/values';
import { createToken, savePerson } from '../../store/people';
import { startTestServer, type TestServer } from '../support/server';

/**
 * Who may call what, written down a second time on purpose: a route that is not here fails, and so does one whose permission is
 * widened. `everybody` is whoever has a good token.
 */
const everybody: readonly Role[] = ROLES;
const deciders: readonly Role[] = ['analyst', 'lead', 'hr', 'legal', 'owner'];
const handlers: readonly Role[] = ['analyst', 'lead'];
const MAY: Readonly<Record<string, readonly Role[]>> = {
  me: everybody,
  readEvents: everybody,
  listIncidents: everybody,
  getIncident: everybody,
  getTimeline: everybody,
  listApprovals: everybody,
  getApproval: everybody,
  listReviews: everybody,
  listChannels: everybody,
  listContainments: everybody,
  getContainmentAudit: everybody,
  getDrillReport: everybody,
  listDrills: everybody,
  listDelegations: everybody,
  listPeople: everybody,
  listPlaybooks: everybody,
  listActions: everybody,
  makePlan: everybody,
  getPlaybookGraph: everybody,
  explainPolicy: everybody,
  getKillSwitch: everybody,
  verifyJournal: everybody,
  decide: deciders,
  breakGlass: [...deciders, 'engineer', 'admin'],
  listQuestions: everybody,
  getQuestion: everybody,
  answerQuestion: [...deciders, 'engineer', 'admin'],
  closeReview: ['lead'],
  giveVerdict: handlers,
  resolveItem: handlers,
  closeIncident: handlers,
  pauseIncident: handlers,
  resumeIncident: handlers,
  extendWatch: handlers,
  startIncident: handlers,
  detachAlert: handlers,
  addTarget: handlers,
  removeTarget: handlers,
  auditContainments: handlers,
  rollBack: ['lead'],
  releaseContainment: ['lead'],
  releaseContainments: ['lead'],
  extendContainment: ['lead'],
  transferContainment: ['lead'],
  startDrill: ['lead', 'admin'],
  turnKillSwitch: ['lead', 'admin'],
  delegate: [...deciders, 'admin'],
  revokeDelegation: [...deciders, 'admin'],
  testChannel: ['admin'],
  listTokens: ['admin'],
  createToken: ['admin'],
  revokeToken: ['admin'],
};

interface Operation {
  operationId: string;
  security?: unknown[];
}

let server: TestServer;
let operations: { id: string; method: string; url: string }[];
/** What the document says needs no token. */
let open: string[];
const tokens = new Map<Role, string>();
beforeAll(async () => {
  server = await startTestServer({ api: { failuresPerMinute: 1_000 } });
  const { data } = await server.call<{ paths: Record<string, Record<string, Operation>> }>(
    'GET',
    '/api/v1/openapi.json',
    { as: null },
  );
  const all = Object.entries(data.paths).flatMap(([path, methods]) =>
    path.startsWith('/api/v1/')
      ? Object.entries(methods).map(([method, { operationId: id, security }]) => ({
          id,
          method,
          url: path.replace(/\{\w+\}/g, 'nothing-of-this-name'),
          isOpen: security?.length === 0,
        }))
      : [],
  );
  operations = all.filter(({ isOpen }) => !isOpen);
  open = all.filter(({ isOpen }) => isOpen).map(({ id }) => id);
  for (const role of ROLES) {
    await savePerson(server.store, { id: `only-${role}`, name: role, roles: [role] });
    tokens.set(role, await createToken(server.store, `only-${role}`, 'matrix'));
  }
});
afterAll(() => server.stop());

/** What a caller is told who sends nothing that makes sense: 403 only where the role is what is missing. */
async function status(method: string, url: string, authorization?: string): Promise<number> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  // This answer has no end.
  if (url.endsWith('/events')) {
    const stop = new AbortController();
    const answer = await fetch(server.url + url, { headers, signal: stop.signal });
    stop.abort();
    return answer.status;
  }
  return (await server.call(method, url, { as: null, headers, body: {} })).status;
}

test('every operation of the document has a rule here, and every rule an operation', () => {
  expect(operations.map(({ id }) => id).sort()).toEqual(Object.keys(MAY).sort());
  expect(open).toEqual(['openapi']);
});

test.each(ROLES)('%s is let through exactly where the rules say so', async (role) => {
  const bearer = `Bearer ${tokens.get(role) ?? ''}`;
  const letThrough: string[] = [];
  for (const { id, method, url } of operations)
    if ((await status(method, url, bearer)) !== 403) letThrough.push(id);
  const rules = Object.entries(MAY).filter(([, roles]) => roles.includes(role));
  expect(letThrough.sort()).toEqual(rules.map(([id]) => id).sort());
});

test.each([
  ['no token', undefined],
  ['a token of nobody', 'Bearer cordon_unknown'],
  ['a good token by another scheme', 'Basic'],
])('%s is let through nowhere', async (_what, scheme) => {
  const authorization = scheme === 'Basic' ? `Basic ${tokens.get('admin') ?? ''}` : scheme;
  for (const { id, method, url } of operations)
    expect([id, await status(method, url, authorization)]).toEqual([id, 401]);
});
