import { ACTIONS, actionSpec } from '../../contracts/actions';

test('what takes an action back', () => {
  const pairs = Object.values(ACTIONS).map(({ id, inverse }) => [id, inverse]);
  expect(Object.fromEntries(pairs.filter(([, inverse]) => inverse !== null))).toEqual({
    'endpoint.isolate_host': 'endpoint.release_host',
    'endpoint.quarantine_file': 'endpoint.restore_file',
    'identity.disable_account': 'identity.enable_account',
    'network.block_ip': 'network.unblock_ip',
    'data.restore_backup': 'data.revert_restore',
  });
});

test('what may be blocked for a while only lapses; nothing else is ever lifted by silence', () => {
  const lapsing = Object.values(ACTIONS).filter(({ mayLapse }) => mayLapse);
  expect(lapsing.map(({ id }) => id)).toEqual(['network.block_ip']);
});

test('only what reads is free of impact, and what stops somebody’s work is high', () => {
  const of = (impact: string): string[] =>
    Object.values(ACTIONS)
      .filter((spec) => spec.impact === impact)
      .map(({ id }) => id);
  expect(of('none').filter((id) => !actionSpec(id as never).readOnly)).toEqual(['notify.send']);
  expect(of('high')).toEqual([
    'endpoint.isolate_host',
    'endpoint.restore_file',
    'identity.disable_account',
    'data.restore_backup',
    'data.revert_restore',
  ]);
});
