import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LeaseAuditRow } from '../../contracts/lease';
import { finishAudit } from '../../store/lease-audits';
import { inTransaction } from '../../store/store';
import { until } from '../support/cordon-process';
import { fileIncident, startTestServer, type TestServer } from '../support/server';

const BIN = join(__dirname, '..', '..', 'cli', 'bin.cjs');
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
}, 60_000);
afterAll(() => server.stop());

async function cordon(args: string[], as = 'lea') {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'], CORDON_URL: server.url, CORDON_TOKEN: server.tokens[as] },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

const row = (finding: LeaseAuditRow['finding'], host: string): LeaseAuditRow => ({
  connection: 'edr',
  simulated: true,
  action: 'endpoint.isolate_host',
  target: { kind: 'host', key: `host:${host}`, label: host },
  lease: 'lease-1',
  here: 'in_force',
  there: finding === 'lost' ? 'gone' : 'in_force',
  finding,
  detail: null,
  holders: ['INC-2026-000001'],
});

describe('an audit', () => {
  const asked = () =>
    server.store.db.selectFrom('lease_audits').selectAll().where('finished_at', 'is', null).execute();
  /** What a worker does with the audit that waits. */
  async function finish(rows: LeaseAuditRow[]): Promise<void> {
    await until('an audit to be asked for', async () => (await asked()).length > 0);
    const [{ id } = { id: '' }] = await asked();
    const [message] = await server.store.db
      .selectFrom('outbox')
      .selectAll()
      .where('kind', '=', 'audit_leases')
      .where('key', '=', id)
      .execute();
    expect(message?.payload).toEqual({ audit: id });
    const at = await server.store.now();
    await inTransaction(server.store, (tx) => finishAudit(tx, id, rows, { startedAt: at, at }));
  }

  test('is asked for by an analyst, waited for, and shows what differs', async () => {
    const [{ code, out, err }] = await Promise.all([
      cordon(['containments', 'audit'], 'ana'),
      finish([row('agrees', 'ws-1'), row('lost', 'ws-2')]),
    ]);
    expect([code, err]).toEqual([1, '']);
    expect(out).toMatch(
      /lost.*isolate_host \(simulated\).*ws-2.*edr.*in_force \(lease-1\).*gone.*INC-2026-000001/,
    );
    expect(out).not.toContain('ws-1');
    expect(out).toContain('1 agree, 1 do not.');
  }, 60_000);
  test('is not asked for by a viewer, who may read the newest', async () => {
    expect(await cordon(['containments', 'audit'], 'vera')).toMatchObject({ code: 1 });
    const { out } = await cordon(['containments', 'audit', '--latest', '--json'], 'vera');
    expect(JSON.parse(out)).toMatchObject({ askedBy: 'person:ana', items: [{}, { finding: 'lost' }] });
  }, 60_000);
  test('that finds all as it should be ends with 0', async () => {
    const [{ code, out }] = await Promise.all([
      cordon(['containments', 'audit', '--all']),
      finish([row('agrees', 'ws-1')]),
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/agrees.*ws-1/);
  }, 60_000);
  test('that there is not is 404', async () => {
    expect((await server.call('GET', '/api/v1/containments/audits/none')).status).toBe(404);
  });
});

test('a lead extends, hands over and releases; what is meant is said clearly', async () => {
  const at = await server.store.now();
  for (const number of ['INC-2026-900001', 'INC-2026-900002']) await fileIncident(server.store, number);
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
      target_key: 'host:ws-1',
      target_label: 'ws-1',
      status: 'in_force',
      we_did_it: true,
      expires_at: at,
      created_at: at,
      last_error: null,
    })
    .execute();
  await server.store.db
    .insertInto('lease_holders')
    .values({ lease_id: 'lease-1', incident: 'INC-2026-900001', acquired_at: at, reason: 'r' })
    .execute();
  const because = ['--reason', 'forensics'];
  const extended = await cordon(['containments', 'extend', 'lease-1', '--for', '8h', ...because, '--json']);
  const { changed, expiresAt } = JSON.parse(extended.out) as { changed: boolean; expiresAt: string };
  expect(changed).toBe(true);
  expect(Math.abs(Date.parse(expiresAt) - at.getTime() - 8 * 3_600_000)).toBeLessThan(60_000);
  expect(await cordon(['containments', 'extend', 'lease-1', '--for', 'soon', ...because])).toMatchObject({
    code: 2,
  });
  const to = ['--to', 'INC-2026-900002'];
  expect(await cordon(['containments', 'transfer', 'lease-1', ...to, ...because])).toMatchObject({
    code: 0,
    out: 'Held by INC-2026-900002.\n',
  });
  expect(await cordon(['containments', 'transfer', 'lease-1', ...to, ...because], 'ana')).toMatchObject({
    code: 1,
  });
  expect(await cordon(['containments', 'release', 'lease-1', '--all', ...because])).toMatchObject({
    code: 2,
  });
  for (const which of [['--target', 'ws-1'], ['--all']])
    expect(await cordon(['containments', 'release', ...which, ...because])).toMatchObject({
      code: 0,
      out: 'The release of 1 containment(s) is under way.\n',
    });
  await cordon(['containments', 'release', '--incident', 'INC-2026-900002', ...because]);
  const sent = await server.store.db
    .selectFrom('outbox')
    .select(['kind', 'payload'])
    .where('kind', 'in', ['release_lease', 'roll_back'])
    .orderBy('id')
    .execute();
  expect(sent).toEqual([
    { kind: 'release_lease', payload: { leaseId: 'lease-1', by: 'person:lea', reason: 'forensics' } },
    {
      kind: 'roll_back',
      payload: { incident: 'INC-2026-900002', by: 'person:lea', reason: 'forensics' },
    },
  ]);
}, 120_000);
