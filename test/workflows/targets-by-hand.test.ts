import { data, endpoint } from '../../contracts/actions';
import { category, definePlaybook } from '../../workflows/kit/define-playbook';
import { runVirtually, type Script } from '../../workflows/kit/virtual-host';
import { alertView, host, incidentInput } from '../support/incident-fixtures';

const HOUR = 3_600_000;
const A = host('a1');
const B = host('b2');

const full = definePlaybook(
  { id: 'full', version: 1, title: 'Full', answers: [category('ransomware')] },
  async ({ scope, collect, contain, eradicate, recover, release, watch }) => {
    await collect('Triage', scope.hosts, (one) => endpoint.collectTriage({ host: one }));
    await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '72h' });
    await eradicate('Clean', scope.hosts, (one) => endpoint.scanAv({ host: one }), {
      onFind: 'quarantine',
      lease: '30d',
    });
    await recover('Restore', scope.datasets, (set) => data.restoreBackup({ set }), { verify: 'first' });
    await release(scope.hosts, { when: 'clean' });
    await watch('72h', { onRecurrence: 'contain' });
  },
);
describe('targets by a person', () => {
  const words = { by: 'person:ana', reason: 'r' };
  const ofB = (items: readonly string[]) => [...new Set(items.filter((one) => one.includes('host:b2')))];
  const add = (atMs: number, seq = 1) => ({
    atMs,
    command: {
      kind: 'add_target',
      id: `t${String(seq)}`,
      seq,
      scope: alertView(1, { hosts: [B] }).scope,
      ...words,
    },
  });
  const remove = (atMs: number, seq = 1) => ({
    atMs,
    command: { kind: 'remove_target', id: `t${String(seq)}`, seq, targets: ['host:b2'], ...words },
  });
  const slow: NonNullable<Script['answer']> = (item, { atMs }) =>
    item.action === 'endpoint.isolate_host' && atMs < 4 * HOUR
      ? { status: 'pending', againInMs: 60_000 }
      : undefined;

  test('what is added meets every standing order', async () => {
    const run = await runVirtually(incidentInput([alertView(1, { hosts: [A] })]), [full], {
      commands: [add(HOUR)] as NonNullable<Script['commands']>,
      answer: slow,
    });
    expect(ofB(run.items)).toContain('contain/cut_off isolate_host/host:b2#1');
    expect(ofB(run.items)).toContain('release/release_hosts release/isolate_host/host:b2#1');
    expect(run.stuck).toBeNull();
  });
  test('what is taken out is in no later order, and no alert brings it back', async () => {
    const run = await runVirtually(incidentInput([alertView(1, { hosts: [A, B] })]), [full], {
      commands: [remove(HOUR)] as NonNullable<Script['commands']>,
      alerts: [{ atMs: 2 * HOUR, alert: alertView(2, { hosts: [B] }) }],
      answer: slow,
    });
    expect(ofB(run.items)).toEqual([
      'collect/triage collect_triage/host:b2#1',
      'contain/cut_off isolate_host/host:b2#1',
    ]);
    expect(run.stuck).toBeNull();
  });
  test('what rode in the start input is not obeyed again', async () => {
    const targets = { seq: 2, added: [{ seq: 2, scope: alertView(1, { hosts: [B] }).scope }], removed: [] };
    const run = await runVirtually(incidentInput([alertView(1, { hosts: [A] })], { targets }), [full], {
      commands: [remove(HOUR, 1)] as NonNullable<Script['commands']>,
      answer: slow,
    });
    expect(ofB(run.items)).toContain('release/release_hosts release/isolate_host/host:b2#1');
  });
});
