import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../package.json';
import { Secret } from '../../contracts/secret';
import { appendJournal } from '../../store/journal';
import { openSealer, sealJournal } from '../../store/seals';
import { inTransaction, openStore } from '../../store/store';
import { startFakePagerDuty } from '../support/fake-channels';
import { fileIncident, fileRequest, startTestServer, type TestServer } from '../support/server';

const BIN = join(__dirname, '..', '..', 'cli', 'bin.cjs');
const HOSTILE = 'Trojan\u001b[2J\u202egnp.exe\nFAKE LINE';
let server: TestServer;
let request: string;
let pager: Awaited<ReturnType<typeof startFakePagerDuty>>;
beforeAll(async () => {
  pager = await startFakePagerDuty();
  server = await startTestServer({
    channels: [
      { id: 'chat', secrets: [new Secret('s')], people: ['ana'], roles: ['analyst'] },
      { id: 'oncall', use: 'pagerduty', config: { routingKey: pager.key, baseUrl: pager.server.url } },
    ],
  });
  await fileIncident(server.store, 'INC-2026-900001');
  await server.store.db.updateTable('incidents').set({ title: HOSTILE }).execute();
  request = await fileRequest(server.store, 'INC-2026-900001', [
    { action: 'endpoint.isolate_host', target: 'ws-1' },
  ]);
});
afterAll(async () => {
  await server.stop();
  await pager.server.stop();
});

async function cordon(
  args: string[],
  { as = 'lea', env = {} }: { as?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'], CORDON_URL: server.url, CORDON_TOKEN: server.tokens[as], ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}
const json = async (args: string[], as?: string): Promise<Record<string, unknown>> => {
  const { code, out, err } = await cordon([...args, '--json'], as === undefined ? {} : { as });
  expect([args, code, err]).toEqual([args, 0, '']);
  return JSON.parse(out) as Record<string, unknown>;
};
// eslint-disable-next-line no-control-regex -- these are what must not be there
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

test('the exit code is 0 when it worked, 1 when it did not, 2 when it was called wrongly', async () => {
  expect(await cordon(['--version'])).toMatchObject({ code: 0, out: `${packageJson.version}\n` });
  expect(await cordon(['playbooks', 'list'])).toMatchObject({ code: 0 });
  expect(await cordon(['incidents', 'show', 'INC-2026-000009'])).toMatchObject({
    code: 1,
    err: 'Not found: There is no such incident.\n',
  });
  expect(await cordon(['frob'])).toMatchObject({ code: 2 });
  expect(await cordon(['incidents', 'close', 'x'])).toMatchObject({ code: 2 });
  expect(await cordon(['incidents', 'resolve', 'x', '--item', 'i', '--reason', 'r'])).toMatchObject({
    code: 2,
    err: 'Give either --retry or --skip.\n',
  });
  expect(await cordon(['kill-switch', 'maybe'])).toMatchObject({ code: 2 });
  const away = await cordon(['incidents', 'list'], { env: { CORDON_URL: 'http://127.0.0.1:9' } });
  expect([away.code, away.err]).toEqual([1, expect.stringContaining('Is Cordon running?')]);
}, 60_000);

test('what an attacker wrote steers no terminal, in tables and in JSON', async () => {
  for (const args of [
    ['incidents', 'list'],
    ['approvals', 'list'],
    ['incidents', 'list', '--json'],
  ]) {
    const { out } = await cordon(args);
    expect(out).not.toMatch(STEERS);
    expect(out.split('\n').some((line) => line.startsWith('FAKE LINE'))).toBe(false);
  }
  const { items } = (await json(['incidents', 'list'])) as { items: { title: string }[] };
  expect(items[0]?.title).toBe(HOSTILE);
}, 60_000);

test('a person starts, detaches, decides and watches; each verb answers JSON', async () => {
  const started = await json([
    'incidents',
    'start',
    '--title',
    'Odd',
    '--reason',
    'a call',
    '--host',
    'ws-5',
    '--playbook',
    'ransomware@1',
    '--key',
    'k1',
  ]);
  expect(started).toMatchObject({ joined: false, playbook: 'ransomware@1', startedBy: 'person:lea' });
  const number = String(started['incident']);
  const more = await json([
    'incidents',
    'start',
    '--title',
    'More',
    '--reason',
    'r',
    '--host',
    'ws-5',
    '--account',
    'bob',
  ]);
  expect(more).toMatchObject({ incident: number, joined: true });
  const detached = await json([
    'incidents',
    'detach',
    number,
    String(more['alert']),
    '--reason',
    'another case',
  ]);
  expect(detached).toMatchObject({ targets: ['account:bob'] });
  expect(await json(['incidents', 'resolve', number, '--item', 'x', '--retry', '--reason', 'r'])).toEqual({
    accepted: true,
  });
  for (const verb of [['pause'], ['resume'], ['extend-watch', '--hours', '24']])
    expect(await json(['incidents', ...verb, number, '--reason', 'we look first'])).toEqual({
      accepted: true,
    });
  expect(
    await cordon(['incidents', 'extend-watch', number, '--hours', '1.5', '--reason', 'r']),
  ).toMatchObject({ code: 2 });
  const commands = await server.store.db
    .selectFrom('outbox')
    .select('payload')
    .where('kind', '=', 'command')
    .where('key', '=', number)
    .orderBy('id')
    .execute();
  expect(commands.slice(-3).map(({ payload }) => payload)).toMatchObject([
    { kind: 'pause', by: 'person:lea', reason: 'we look first' },
    { kind: 'resume' },
    { kind: 'extend_watch', hours: 24 },
  ]);
  const decided = await json(['approvals', 'approve', request, '--reason', 'r']);
  expect(decided).toMatchObject({ items: [{ status: 'recorded' }] });
  const byIncident = await cordon(['approvals', 'withdraw', 'INC-2026-900001', '--reason', 'r']);
  expect(byIncident.out).toMatch(/ {2}withdraw: .+ on .+\nwithdraw: 1 item\(s\)\.\n$/);
  expect(await cordon(['approvals', 'deny', number, '--item', 'x'])).toMatchObject({ code: 2 });
  const token = await json(['tokens', 'create', 'ana', '--label', 'laptop'], 'adam');
  expect((await cordon(['tokens', 'list'], { as: 'adam' })).out).toContain('laptop');
  const { out } = await cordon(['tokens', 'revoke', String(token['id'])], { as: 'adam' });
  expect(out).toBe('The token laptop of ana is revoked.\n');
  expect(await cordon(['tokens', 'create', 'ana', '--label', 'x'])).toMatchObject({ code: 1 });

  const watching = cordon(['incidents', 'watch', number]);
  const at = await server.store.now();
  await inTransaction(server.store, async (tx) => {
    await appendJournal(tx, {
      incident: number,
      at,
      actor: 'cordon',
      kind: 'incident_closed',
      data: { verdict: 'benign' },
    });
    await tx
      .updateTable('incidents')
      .set({ status: 'closed', verdict: 'benign', closed_at: at })
      .where('number', '=', number)
      .execute();
  });
  const watched = await watching;
  expect(watched).toMatchObject({ code: 0, out: expect.stringContaining('incident_opened') as string });
  expect(watched.out.trim().split('\n').at(-1)).toBe(`${number} is closed: benign.`);
}, 90_000);

test('one person alone has it done at once, and the review is another lead’s', async () => {
  const asked = await fileRequest(server.store, 'INC-2026-900001', [
    {
      action: 'endpoint.isolate_host',
      target: 'ws-8',
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
  const { code, out } = await cordon(['approvals', 'break-glass', asked, '--reason', 'it spreads']);
  expect([code, out]).toEqual([0, 'break-glass: 1 item(s); a review is open.\n']);
  const { items } = (await json(['reviews', 'list'])) as { items: { id: string; person: string }[] };
  expect(items).toEqual([expect.objectContaining({ person: 'lea', closedAt: null })]);
  const own = await cordon(['reviews', 'close', items[0]?.id ?? '', '--note', 'fine']);
  expect([own.code, own.err]).toEqual([1, expect.stringContaining('another lead')]);
  expect(await cordon(['approvals', 'break-glass', asked])).toMatchObject({ code: 2 });
}, 60_000);

test('the policy is explained in lines, and as JSON', async () => {
  const args = ['policy', 'explain', 'endpoint.isolate_host', 'fin-ws-042'];
  const { code, out } = await cordon([...args, '--severity', '5', '--at', '2026-05-01T03:00:00+02:00'], {
    as: 'vera',
  });
  expect([code, out.trim().split('\n')]).toEqual([
    0,
    [
      'host:fin-ws-042: the asset fin-ws-042',
      '  passed    reading changes nothing: the action changes something',
      '  passed    no impact: the impact is high, not none',
      '  passed    insider, irreversible: two people, one of them a lead, and HR or legal: the impact is high, not irreversible',
      "  passed    insider, high impact: one lead, and HR or legal: the incident's alerts are about other, not insider",
      '  passed    insider, low impact: one analyst, and HR or legal: the impact is high, not low',
      '  passed    irreversible: two people, one of them a lead: the impact is high, not irreversible',
      '  decides   high impact: one lead',
      'Asked: 1 of lead: lea',
      'After 4 h silence denies.',
    ],
  ]);
  expect(await json(args, 'vera')).toMatchObject({ asset: 'fin-ws-042', requirement: { kind: 'approvals' } });
  expect(await cordon([...args, '--severity', 'high'])).toMatchObject({ code: 2 });
}, 60_000);

test('a person lends their seat, another decides in it, and it is taken back', async () => {
  const asked = await fileRequest(server.store, 'INC-2026-900001', [
    {
      action: 'endpoint.isolate_host',
      target: 'ws-9',
      requirement: {
        kind: 'approvals',
        groups: [{ roles: ['lead'], count: 1 }],
        timeoutSeconds: 3600,
        noSelfApproval: false,
        why: 'one lead',
      },
    },
  ]);
  const lend = ['people', 'delegate', 'bo', '--reason', 'on leave'];
  const lent = await json([...lend, '--until', '8h']);
  expect(lent).toMatchObject({ from: 'lea', to: 'bo', reason: 'on leave', revokedAt: null });
  const length = Date.parse(String(lent['until'])) - Date.parse(String(lent['createdAt']));
  expect(Math.abs(length - 8 * 3_600_000)).toBeLessThan(60_000);
  const id = String(lent['id']);
  expect((await cordon(['people', 'delegations'], { as: 'vera' })).out).toMatch(/lea +│ bo +│ .+ on leave/);
  const explained = await cordon(['policy', 'explain', 'endpoint.isolate_host', 'fin-ws-042'], {
    as: 'vera',
  });
  expect(explained.out).toContain(`Asked: 1 of lead: lea; bo for lea until ${String(lent['until'])}\n`);
  const alone = await cordon(['approvals', 'approve', asked, '--for', 'bo'], { as: 'bo' });
  expect(alone.out).toBe(
    'approve: 1 item(s). Recorded; 1 of them do not count: this needs 1 lead; bo is analyst.\n',
  );
  const approve = ['approvals', 'approve', asked, '--for', 'lea'];
  expect(await cordon(approve, { as: 'bo' })).toMatchObject({ code: 0, out: 'approve: 1 item(s).\n' });
  expect((await cordon(['approvals', 'show', asked])).out).toContain('bo for lea: approve (api)');
  const undone = await cordon(['people', 'undelegate', id]);
  expect([undone.code, undone.out]).toEqual([0, 'bo does not decide for lea any more.\n']);
  expect((await cordon(['people', 'delegations'])).out).toBe('Nothing.\n');
  expect((await cordon(['people', 'delegations', '--all'])).out).toContain(id);
  const refused = await cordon(approve, { as: 'bo' });
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('was revoked at')]);
  for (const until of ['tomorrow', '2026-05-01T18:00', '8'])
    expect(await cordon([...lend, '--until', until])).toMatchObject({ code: 2 });
  const past = await cordon([...lend, '--until', '2026-05-01T18:00:00+02:00']);
  expect([past.code, past.err]).toEqual([
    1,
    expect.stringContaining('until: 2026-05-01T16:00:00.000Z is past'),
  ]);
  expect(await cordon(['approvals', 'withdraw', asked, '--for', 'lea'], { as: 'bo' })).toMatchObject({
    code: 2,
  });
}, 90_000);

test('channels are listed with what became of their messages, and tested by an admin', async () => {
  const table = await cordon(['channels', 'list']);
  expect(table.out).toMatch(/chat .*webhook .*only answers/);
  expect(table.out).toMatch(/oncall .*pagerduty .*decides nothing .*never/);
  expect(await cordon(['channels', 'test', 'oncall'])).toMatchObject({ code: 1 });
  const tested = await cordon(['channels', 'test', 'oncall'], { as: 'adam' });
  expect(tested).toMatchObject({ code: 0, out: 'The test went out by oncall.\n' });
  expect(pager.server.state().events).toHaveLength(2);
  pager.server.faults.add({ mode: 'forbidden' });
  const failed = await cordon(['channels', 'test', 'oncall'], { as: 'adam' });
  expect(failed).toMatchObject({ code: 1, out: 'It did not: pagerduty: trigger: answered 403\n' });
  expect(await cordon(['channels', 'test', 'chat'], { as: 'adam' })).toMatchObject({ code: 1 });
  const { items } = (await json(['channels', 'list'])) as { items: Record<string, unknown>[] };
  expect(items[1]).toMatchObject({
    id: 'oncall',
    waiting: 0,
    failed: 1,
    lastSent: { event: 'test' },
    lastError: { error: 'pagerduty: trigger: answered 403' },
  });
  const { data } = await server.call<string>('GET', '/metrics', { as: null });
  expect(data).toContain('cordon_notices_total{channel="oncall",event="test",outcome="failed"} 1');
  expect(data).toContain('cordon_notices_waiting{channel="oncall"} 0');
}, 60_000);

test('the journal is verified without a server, on the folder of a stopped Cordon', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-offline-'));
  const store = await openStore({ dataDir });
  const entry = {
    incident: 'INC-2026-000001',
    at: await store.now(),
    actor: 'cordon',
    kind: 'note_added' as const,
  };
  await inTransaction(store, (tx) =>
    appendJournal(tx, { ...entry, data: { text: 'a' } }, { ...entry, data: { text: 'b' } }),
  );
  await sealJournal(store, openSealer(dataDir));
  const locked = await cordon(['journal', 'verify', '--data-dir', dataDir]);
  expect([locked.code, locked.err]).toEqual([1, expect.stringContaining(`process ${String(process.pid)}`)]);
  await store.close();
  const good = await cordon(['journal', 'verify', '--data-dir', dataDir]);
  expect([good.code, JSON.parse(good.out)]).toEqual([
    0,
    expect.objectContaining({ ok: true, entries: 2, seals: 1 }),
  ]);
  const again = await openStore({ dataDir });
  await again.db.updateTable('journal').set({ data: '{"text":"c"}' }).where('seq', '=', 2).execute();
  await again.close();
  const bad = await cordon(['journal', 'verify', '--data-dir', dataDir]);
  expect([bad.code, bad.out]).toEqual([1, expect.stringContaining('"changed"')]);
  expect(await cordon(['journal', 'verify', '--data-dir', join(dataDir, 'none')])).toMatchObject({ code: 1 });
  rmSync(dataDir, { recursive: true });
}, 90_000);
