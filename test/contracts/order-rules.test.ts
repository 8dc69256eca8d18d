import { ACTIONS, type ActionId } from '../../contracts/actions';
import { AssetIndex } from '../../contracts/assets';
import { isOrdered, ORDER_RULES, orderViolation, type Deed } from '../../contracts/order-rules';
import type { JsonObject } from '../../contracts/values';

const host = { name: 'ws-1' };
const account = { name: 'kim' };
const set = { name: 'finance' };
const process = { pid: 7 };
const INPUTS: Partial<Record<ActionId, JsonObject>> = {
  'endpoint.kill_process': { host, process },
  'host.reimage': { host },
  'endpoint.wipe_device': { host },
  'identity.reset_password': { account },
  'identity.remove_inbox_rules': { account },
  'data.restore_backup': { set },
};
const GOOD = { intact: true, clean: true, snapshot: 's1' };
const deed = (action: ActionId, target: string, more: Partial<Deed> = {}): Deed => ({
  action,
  target,
  state: 'done',
  output: GOOD,
  ...more,
});
const TARGETS = { host: 'host:ws-1', account: 'account:kim', set: 'dataset:finance' } as const;
const look = (action: ActionId, deeds: Deed[], input = INPUTS[action] ?? {}) =>
  orderViolation({ action, input }, deeds, new AssetIndex([]));
const cases = ORDER_RULES.flatMap(({ id, actions, before }) =>
  actions.flatMap((action) => before.map((first) => [id, action, first] as const)),
);

test.each(cases)('%s: %s comes after it, on the same target only', (id, action, first) => {
  const target = TARGETS[first.by];
  expect(look(action, [])).toMatchObject({ rule: id, waits: false });
  expect(look(action, [])?.message).toContain('Fix: ');
  expect(look(action, [deed(first.action, target)])).toBeUndefined();
  expect(look(action, [deed(first.action, `${target}0`)])?.rule).toBe(id);
  expect(look(action, [deed(first.action, target, { state: 'not_done' })])).toMatchObject({ waits: false });
  const underWay = look(action, [deed(first.action, target, { state: 'under_way' })]);
  if (first.together === true) expect(underWay).toBeUndefined();
  else expect(underWay).toMatchObject({ rule: id, waits: true });
});

test.each([
  ['is not intact', { ...GOOD, intact: false }],
  ['is dirty', { ...GOOD, clean: false }],
])('a backup that %s is not restored', (_name, output) => {
  expect(look('data.restore_backup', [deed('data.verify_backup', 'dataset:finance', { output })])?.rule).toBe(
    'backup_verified_first',
  );
});

test('what was verified is what is restored', () => {
  const verified = [deed('data.verify_backup', 'dataset:finance')];
  expect(look('data.restore_backup', verified, { set, snapshot: 's1' })).toBeUndefined();
  expect(look('data.restore_backup', verified, { set, snapshot: 's2' })?.rule).toBe('backup_verified_first');
});

test('what no rule speaks of is in order', () => {
  expect(look('endpoint.isolate_host', [], { host })).toBeUndefined();
  expect(isOrdered('endpoint.isolate_host')).toBe(false);
});

test('a cloud key can be deactivated only: no action deletes one', () => {
  expect(Object.keys(ACTIONS).filter((id) => /key/.test(id))).toEqual([
    'cloud.deactivate_key',
    'cloud.activate_key',
  ]);
});
