import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { Express } from 'express';
import { QuestionForm } from '../../contracts/question';
import { Secret } from '../../contracts/secret';
import { PERMISSIONS } from '../../server/auth/authenticate';
import { createApp } from '../../server/app';
import { apiRoutes } from '../../server/routes/api';
import { SOURCES } from '../../sources';
import { askQuestion } from '../../store/questions';
import { inTransaction } from '../../store/store';
import { plannerHere } from '../support/planner';
import {
  fileIncident,
  fileRequest,
  correlationOf,
  startTestServer,
  type TestServer,
} from '../support/server';

interface Operation {
  operationId: string;
  description?: string;
  security?: unknown[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

let server: TestServer;
let document: Document;
beforeAll(async () => {
  server = await startTestServer(
    {
      blocklists: [{ id: 'blocked', public: true }],
      channels: [
        { id: 'chat', secrets: [new Secret('s')], people: ['ana'], roles: ['analyst'] },
        {
          id: 'oncall',
          use: 'pagerduty',
          config: {
            routingKey: new Secret('R0123456789abcdefghijklmnopqrstu'),
            baseUrl: 'http://127.0.0.1:9',
          },
        },
      ],
    },
    undefined,
    plannerHere,
  );
  document = (await server.call<Document>('GET', '/api/v1/openapi.json', { as: null })).data;
});
afterAll(() => server.stop());

const noPlan = (): Promise<never> => Promise.reject(new Error('no plan'));

/** What is for people in a browser, and therefore not in the document. */
const PAGES = [
  'get /',
  'get /plain',
  'get /style.css',
  'post /plain/login',
  'post /plain/logout',
  'post /plain/decide',
  'post /plain/answer',
  'get /confirm',
  'post /confirm',
];

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
}
function walk(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ route, handle }) =>
    route === undefined
      ? walk(handle.stack ?? [])
      : Object.keys(route.methods).map((method) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`),
  );
}

test('every route of the application is in the document, and nothing else is', () => {
  const app: Express = createApp({
    store: server.store,
    config: server.config,
    sources: SOURCES,
    playbooks: [],
    plan: noPlan,
    graph: noPlan,
    witness: () => undefined,
    wake: () => undefined,
    log: { info: () => undefined, warn: () => undefined },
  });
  const routes = walk((app as unknown as { router: { stack: Layer[] } }).router.stack);
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(routes.length).toBeGreaterThan(25);
  expect(routes.sort()).toEqual([...documented, ...PAGES].sort());
});

test('the document is valid OpenAPI 3.1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-openapi-'));
  const file = join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));
  const main = require.resolve('@seriousme/openapi-schema-validator');
  const answer = execFileSync(process.execPath, [join(dirname(main), 'bin', 'validate-api-cli.js'), file], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect(answer).toContain('"valid": true');
});

test('each route names its permission and refuses without a token, and without the role', async () => {
  const routes = apiRoutes({
    store: server.store,
    config: server.config,
    playbooks: [],
    correlation: correlationOf(server.config),
    plan: noPlan,
    graph: noPlan,
    readAlerts: () => [],
    witness: () => undefined,
    channels: [],
    wake: () => undefined,
  });
  for (const { method, path, permission, id } of routes) {
    const url = `/api/v1${path.replace(/\{\w+\}/g, 'x')}`;
    const outsider = ['vera', 'ana', 'lea', 'adam'].find(
      (person) =>
        !(PERMISSIONS[permission] as readonly string[]).includes(
          { vera: 'viewer', ana: 'analyst', lea: 'lead', adam: 'admin' }[person] ?? '',
        ),
    );
    const without = await server.call(method, url, { as: null, body: {} });
    expect([id, without.status, without.headers['content-type']]).toEqual([
      id,
      401,
      expect.stringContaining('application/problem+json'),
    ]);
    if (outsider !== undefined)
      expect([id, (await server.call(method, url, { as: outsider, body: {} })).status]).toEqual([id, 403]);
    expect(document.paths[`/api/v1${path}`]?.[method]?.description).toContain(PERMISSIONS[permission][0]);
  }
});

test('real answers fit the schemas that the document declares', async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: 'doc', ...document });
  const seen = new Set<string>();
  const check = async (
    method: string,
    path: string,
    url: string,
    options = {},
  ): Promise<Record<string, unknown>> => {
    const { status, data } = await server.call(method, url, options);
    const operation = document.paths[path]?.[method];
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    expect([method, url, status, Object.keys(operation?.responses ?? {})]).toEqual([
      method,
      url,
      status,
      expect.arrayContaining([String(status)]),
    ]);
    const pointer = ['paths', path, method, 'responses', String(status), 'content', type, 'schema']
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const validate = ajv.getSchema(`doc#/${pointer}`);
    expect([pointer, validate?.(data), validate?.errors]).toEqual([pointer, true, null]);
    if (status < 400) seen.add(operation?.operationId ?? '');
    return data;
  };
  const api = (method: string, path: string, params: Record<string, string> = {}, options = {}) =>
    check(
      method,
      `/api/v1${path}`,
      `/api/v1${path.replace(/\{(\w+)\}/g, (_all, name: string) => params[name] ?? '')}`,
      options,
    );

  const start = {
    title: 'Odd log-ins',
    severity: 3,
    reason: 'a call from the bank',
    entities: { hosts: [{ name: 'fin-ws-042' }] },
  };
  const drilled = await api(
    'post',
    '/drills',
    {},
    {
      body: {
        playbook: 'ransomware',
        reason: 'r',
        alert: { title: 'Drilled', severity: 3, entities: { hosts: ['ws-drill'] } },
      },
    },
  );
  await api('get', '/drills/{number}/report', { number: drilled['incident'] as string });
  const started = await api('post', '/incidents', {}, { body: start });
  const number = String(started['incident']);
  const second = await api(
    'post',
    '/incidents',
    {},
    {
      body: {
        ...start,
        title: 'More of it',
        entities: { hosts: [{ name: 'fin-ws-042' }], accounts: [{ name: 'm.okafor' }] },
      },
    },
  );
  expect(second['incident']).toBe(number);
  await api('post', '/incidents', {}, { body: { ...start, playbook: 'none@1' } });
  const plan = {
    playbook: 'malware_on_endpoint',
    alert: { title: 'x', entities: { hosts: ['fin-ws-042'] } },
  };
  await api('post', '/plans', {}, { body: plan });
  await api('post', '/plans', {}, { body: { ...plan, playbook: 'none' } });
  await fileIncident(server.store, 'INC-2026-900001');
  const request = await fileRequest(server.store, number, [
    { action: 'endpoint.isolate_host', target: 'fin-ws-042' },
  ]);
  await api('get', '/approvals');
  await api(
    'post',
    '/approvals/{id}/decisions',
    { id: request },
    { body: { decisionId: '7d6f2b6e-7a55-4a53-8f0b-3f3e8f6f1a10', verdict: 'approve' } },
  );
  await api('get', '/approvals/{id}', { id: request });
  await api('get', '/approvals/{id}', { id: 'none' });
  const form = QuestionForm.parse({
    name: 'entry',
    title: 'How did it get in?',
    why: 'w',
    fields: { ok: { type: 'boolean', label: 'ok' } },
    roles: ['lead'],
    withinSeconds: 60,
    default: null,
  });
  const asked = await inTransaction(server.store, async (tx) =>
    askQuestion(tx, { incident: number, form, about: '', occurrence: 1 }, await server.store.now()),
  );
  await api('get', '/drills');
  await api('get', '/questions');
  await api('get', '/questions/{id}', { id: asked.id });
  for (const answerId of ['a1', 'a1', 'a2'])
    await api(
      'post',
      '/questions/{id}/answers',
      { id: asked.id },
      { body: { answerId, answer: { ok: true } } },
    );
  await api('get', '/questions/{id}', { id: asked.id });
  await server.store.db
    .insertInto('leases')
    .values({
      id: 'lease-1',
      connection: 'edr',
      integration: 'simulated_edr',
      simulated: true,
      action: 'endpoint.isolate_host',
      inverse: 'endpoint.release_host',
      inverse_input: '{}',
      target_kind: 'host',
      target_key: 'host:fin-ws-042',
      target_label: 'fin-ws-042',
      status: 'in_force',
      we_did_it: true,
      created_at: await server.store.now(),
      last_error: null,
    })
    .execute();
  await server.store.db
    .insertInto('lease_holders')
    .values({ lease_id: 'lease-1', incident: number, acquired_at: await server.store.now(), reason: 'r' })
    .execute();
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await api('get', '/containments');
  await api('get', '/containments/audits/{id}', { id: 'latest' });
  const audit = await api('post', '/containments/audits');
  await api('get', '/containments/audits/{id}', { id: String(audit['id']) });
  await api('post', '/containments/{id}/extend', { id: 'lease-1' }, { body: { until: later, reason: 'r' } });
  await api('post', '/containments/{id}/transfer', { id: 'lease-1' }, { body: { to: number, reason: 'r' } });
  await api('post', '/containments/release', {}, { body: { target: 'nobody', reason: 'r' } });
  await api('post', '/containments/{id}/release', { id: 'lease-1' }, { body: { reason: 'clean' } });
  await api(
    'post',
    '/incidents/{number}/alerts/{id}/detach',
    { number, id: String(second['alert']) },
    { body: { reason: 'another case' } },
  );
  for (const [path, body] of [
    ['verdict', { verdict: 'benign', reason: 'r' }],
    ['items', { item: 'x', resolution: 'skip', reason: 'r' }],
    ['targets/add', { target: { kind: 'host', name: 'ws-9' }, reason: 'r' }],
    ['targets/remove', { target: { kind: 'host', name: 'ws-9' }, reason: 'r' }],
    ['pause', { reason: 'r' }],
    ['resume', { reason: 'r' }],
    ['extend-watch', { hours: 24, reason: 'r' }],
    ['close', { reason: 'r' }],
    ['rollback', { reason: 'r' }],
  ] as const)
    await api('post', `/incidents/{number}/${path}`, { number }, { body });
  await api('post', '/incidents/{number}/close', { number }, { body: { reason: '' } });
  await api('get', '/incidents');
  await api('get', '/incidents/{number}', { number });
  await api('get', '/incidents/{number}/timeline', { number });
  const emergency = await fileRequest(server.store, number, [
    {
      action: 'endpoint.isolate_host',
      target: 'ws-7',
      requirement: {
        kind: 'approvals',
        groups: [{ roles: ['lead'], count: 2 }],
        timeoutSeconds: 3600,
        noSelfApproval: false,
        breakGlass: ['lead'],
        why: 'two leads',
      },
    },
  ]);
  const body = { decisionId: '7b0e8a36-7a0c-4a52-9d5c-0b8d7d1f5a11', reason: 'nobody answers' };
  await api('post', '/approvals/{id}/break-glass', { id: emergency }, { as: 'ana', body });
  await api('post', '/approvals/{id}/break-glass', { id: emergency }, { body });
  const { items: open } = (await api('get', '/reviews')) as unknown as { items: { id: string }[] };
  await api('post', '/reviews/{id}/close', { id: open[0]?.id ?? '' }, { body: { note: 'mine' } });
  await server.store.db.updateTable('reviews').set({ person: 'lou' }).execute();
  await api('post', '/reviews/{id}/close', { id: open[0]?.id ?? '' }, { body: { note: 'it was right' } });
  await check(
    'get',
    '/api/v1/policy/explain',
    '/api/v1/policy/explain?action=endpoint.isolate_host&target=fin-ws-042',
  );
  await api('get', '/drills');
  await api('get', '/playbooks/{playbook}/graph', { playbook: 'ransomware' });
  await api('get', '/playbooks/{playbook}/graph', { playbook: 'nothing' });
  for (const path of ['/me', '/playbooks', '/actions', '/people', '/kill-switch', '/journal/verify'])
    await api('get', path);
  await api('post', '/channels/{id}/test', { id: 'oncall' }, { as: 'adam' });
  await api('post', '/channels/{id}/test', { id: 'chat' }, { as: 'adam' });
  await api('get', '/channels');
  await api('put', '/kill-switch', {}, { body: { on: true, reason: 'r' } });
  await api('get', '/kill-switch');
  await api('put', '/kill-switch', {}, { body: { on: false, reason: 'r' } });
  const token = await api('post', '/tokens', {}, { as: 'adam', body: { person: 'ana', label: 'laptop' } });
  await api('get', '/tokens', {}, { as: 'adam' });
  await api('delete', '/tokens/{id}', { id: String(token['id']) }, { as: 'adam' });
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const lent = await api('post', '/delegations', {}, { body: { to: 'bo', until, reason: 'r' } });
  await api('get', '/delegations');
  await api('delete', '/delegations/{id}', { id: String(lent['id']) });
  const logIn = { as: null, body: { token: server.tokens['lea'] } };
  const { session } = (await check('post', '/session', '/session', logIn)) as { session: { csrf: string } };
  await check('get', '/session', '/session', { as: null });
  const headers = { Cookie: `cordon_token=${server.tokens['lea'] ?? ''}`, 'X-Cordon-Csrf': session.csrf };
  await check('delete', '/session', '/session', { as: null, headers });
  await check('get', '/healthz', '/healthz', { as: null });
  await check('get', '/readyz', '/readyz', { as: null });
  await check('get', '/api/v1/openapi.json', '/api/v1/openapi.json', { as: null });

  const declared = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map((one) => one.operationId),
  );
  const elsewhere = ['readEvents', 'deliverAlerts', 'decideThroughChannel', 'readBlocklist', 'metrics'];
  expect([...seen].sort()).toEqual(declared.filter((id) => !elsewhere.includes(id)).sort());
});
