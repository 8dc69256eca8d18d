import { CordonError } from '../../contracts/errors';
import { verifyJournal } from '../../store/verify-journal';
import { readAudit, requestAudit } from '../../store/lease-audits';
import type { Store } from '../../store/store';
import type { LeaseAuditRow } from '../../contracts/lease';
import {
  item,
  holdFirst,
  kindsOf,
  openIncident,
  runnerOn,
  settled,
  waveOf,
  World,
  worldConfig,
  type Activities,
} from '../support/runner';
import { memoryStore } from '../support/store';

const config = worldConfig({ assets: [{ id: 'fin-ws-1', kind: 'host', aliases: ['ws-1'] }] });
let store: Store;
let world: World;
let activities: Activities;
beforeAll(async () => {
  store = await memoryStore();
}, 60_000);
afterAll(() => store.close());
beforeEach(() => {
  world = new World();
  activities = runnerOn(store, world, config);
});
afterEach(async () => {
  await activities.close();
  expect((await verifyJournal(store.db)).problems).toEqual([]);
  for (const table of ['lease_holders', 'leases', 'lease_locks', 'lease_audits', 'claims'] as const)
    await store.db.deleteFrom(table).execute();
});

const isolate = (name: string) => item({ id: `isolate/${name}`, input: { host: { name } } });
/** What the newest audit found: `finding target here/there`. */
async function found(): Promise<string[]> {
  const rows = (await readAudit(store))?.items ?? [];
  return rows.map(({ finding, target, here, there }) => `${finding} ${target.key} ${here}/${there}`).sort();
}
const rowOf = async (finding: LeaseAuditRow['finding']): Promise<LeaseAuditRow | undefined> =>
  (await readAudit(store))?.items.find((row) => row.finding === finding);
const mismatches = async (incident: string): Promise<number> =>
  (await kindsOf(store, incident)).filter((kind) => kind === 'lease_audit_mismatch').length;

test('what leases and products agree on is said so, and nothing is told to a product', async () => {
  const incident = await openIncident(store, config);
  await settled(activities, waveOf(incident, isolate('ws-1')));
  const calls = world.calls.length;
  expect(await activities.auditLeases({})).toEqual({ leases: 1, lost: 0, unleased: 0, unread: 0 });
  expect(await found()).toEqual(['agrees host:fin-ws-1 in_force/in_force']);
  expect(await mismatches(incident)).toBe(0);
  expect(world.calls).toHaveLength(calls);
});

test('what is contained here and not there is lost: journaled once for each who holds it, and shown', async () => {
  const incidents = [await openIncident(store, config), await openIncident(store, config)] as const;
  for (const incident of incidents) await settled(activities, waveOf(incident, isolate('ws-1')));
  world.inForce.clear();
  for (const _round of [1, 2])
    expect(await activities.auditLeases({})).toEqual({ leases: 1, lost: 1, unleased: 0, unread: 0 });
  expect(await rowOf('lost')).toMatchObject({
    connection: 'edr',
    action: 'endpoint.isolate_host',
    here: 'in_force',
    there: 'gone',
    holders: [...incidents],
  });
  for (const incident of incidents) expect(await mismatches(incident)).toBe(1);
  const { attention } = await store.db
    .selectFrom('incidents')
    .select('attention')
    .where('number', '=', incidents[0])
    .executeTakeFirstOrThrow();
  expect(attention).toMatch(/ws-1 is no longer in force at edr/);
  // Not contained again, and not released: both are decisions.
  expect(world.inForce.size).toBe(0);
  expect(await store.db.selectFrom('leases').select('status').execute()).toEqual([{ status: 'in_force' }]);
});

test('what was lost and is in force again may be lost again', async () => {
  const incident = await openIncident(store, config);
  await settled(activities, waveOf(incident, isolate('ws-1')));
  const counts: number[] = [];
  for (const isThere of [false, true, false]) {
    world.inForce.clear();
    if (isThere) world.inForce.add('endpoint.isolate_host ws-1');
    await activities.auditLeases({});
    counts.push(await mismatches(incident));
  }
  expect(counts).toEqual([1, 1, 2]);
});

test('what is contained there and by no lease of ours is listed, by whatever name the product has for it', async () => {
  const incident = await openIncident(store, config);
  await settled(activities, waveOf(incident, isolate('fin-ws-1')));
  world.inForce.clear();
  for (const name of ['ws-1', 'ws-2']) world.inForce.add(`endpoint.isolate_host ${name}`);
  world.inForce.add('endpoint.isolate_host fin-ws-1');
  world.inForce.add('network.block_ip 203.0.113.9');
  expect(await activities.auditLeases({})).toEqual({ leases: 1, lost: 0, unleased: 2, unread: 0 });
  expect(await found()).toEqual([
    'agrees host:fin-ws-1 in_force/in_force',
    'unleased host:ws-2 none/in_force',
    'unleased ip:203.0.113.9 none/in_force',
  ]);
});

test('what is being contained just now is not called unleased', async () => {
  const { reached, letGo } = holdFirst(world, 'beforeReply');
  const working = activities.runWave(waveOf(await openIncident(store, config), isolate('ws-1')));
  await reached;
  expect(world.inForce.size).toBe(1);
  expect(await activities.auditLeases({})).toEqual({ leases: 0, lost: 0, unleased: 0, unread: 0 });
  letGo();
  await working;
});

test('what is lifted between the list and the look is not called unleased', async () => {
  world.inForce.add('endpoint.isolate_host ws-1');
  world.afterListed = () => world.inForce.clear();
  expect(await activities.auditLeases({})).toMatchObject({ unleased: 0 });
});

test('what is released while the product is asked is not called lost', async () => {
  await settled(activities, waveOf(await openIncident(store, config), isolate('ws-1')));
  const { id } = await store.db.selectFrom('leases').select('id').executeTakeFirstOrThrow();
  world.beforeProbed = async () => {
    world.beforeProbed = () => Promise.resolve();
    await activities.releaseLease({ leaseId: id, by: 'person:lee', reason: 'clean' });
  };
  expect(await activities.auditLeases({})).toMatchObject({ lost: 0 });
  expect(await found()).toEqual(['agrees host:fin-ws-1 none/gone']);
});

test('a product that does not answer is no proof of anything, and is not asked for ever', async () => {
  const incident = await openIncident(store, config);
  for (let n = 0; n < 10; n++) await settled(activities, waveOf(incident, isolate(`ws-${String(n)}`)));
  let probes = 0;
  world.beforeProbed = () => {
    probes++;
    return Promise.reject(new CordonError('unavailable', 'it is off'));
  };
  const { unread, lost } = await activities.auditLeases({});
  expect([unread, lost]).toEqual([10, 0]);
  expect(probes).toBeLessThan(10);
  expect(await rowOf('unread')).toMatchObject({ there: 'unknown', detail: 'it is off' });
});

test('one whose connection is gone is unread, and holds up no other', async () => {
  const incident = await openIncident(store, config);
  for (const name of ['ws-1', 'ws-2']) await settled(activities, waveOf(incident, isolate(name)));
  await store.db
    .updateTable('leases')
    .set({ connection: 'old-edr' })
    .where('target_key', '=', 'host:ws-2')
    .execute();
  expect(await activities.auditLeases({})).toMatchObject({ unread: 1, lost: 0 });
  expect(await found()).toContain('agrees host:fin-ws-1 in_force/in_force');
  expect((await rowOf('unread'))?.detail).toMatch(/old-edr is no longer configured/);
});

test('an audit that a person asked for is theirs, and is read by its id', async () => {
  const id = await requestAudit(store, 'person:lee');
  expect(await readAudit(store, id)).toMatchObject({ askedBy: 'person:lee', finishedAt: null, items: [] });
  expect(await readAudit(store)).toBeUndefined();
  await settled(activities, waveOf(await openIncident(store, config), isolate('ws-1')));
  await activities.auditLeases({ audit: id });
  const done = await readAudit(store, id);
  expect(done).toMatchObject({ askedBy: 'person:lee', items: [{ finding: 'agrees' }] });
  expect(done?.finishedAt).not.toBeNull();
  expect(await readAudit(store)).toEqual(done);
});

test('the oldest audits go', async () => {
  for (let n = 0; n < 103; n++) await activities.auditLeases({});
  expect(await store.db.selectFrom('lease_audits').select('id').execute()).toHaveLength(100);
});
