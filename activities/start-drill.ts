import { CordonError } from '../contracts/errors';
import { SOURCES } from '../sources';
import { alertsOf } from '../sources/alerts-of';
import { openDrillOf, startDrill } from '../store/drills';
import { savePolicy } from '../store/policies';
import type { RunnerDeps } from './runner-types';

/**
 * Starts a drill of the configuration, as `POST /api/v1/drills` does: in SQL, from where the dispatcher starts its run. The same `key` is
 * the same drill. While the one before it is open no other begins. Throws a CordonError that names the drill.
 */
export async function startScheduledDrill(
  { store, config, assets, log }: Pick<RunnerDeps, 'store' | 'config' | 'assets' | 'log'>,
  { drill: id, key }: { drill: string; key: string },
): Promise<{ incident: string | null }> {
  const drill = config.drills.find((one) => one.id === id);
  if (drill === undefined)
    throw new CordonError('not_found', `drills: there is no "${id}" in the configuration.`);
  const { playbook, source, startedBy = null, reason, alert = null } = drill;
  const open = await openDrillOf(store, id, key);
  if (open !== undefined) {
    log.info({ drill: id, incident: open }, 'a scheduled drill is skipped: the one before it is open');
    return { incident: null };
  }
  const policyVersion = await savePolicy(store, config.policy);
  const alerts = alertsOf({ alert, source }, config.sources, SOURCES, (await store.now()).getTime());
  const requested = { person: startedBy, playbook, reason, schedule: id };
  const answer = await startDrill(
    store,
    { alerts, raw: alert, requested, key },
    { assets, windowMinutes: config.correlation.windowMinutes, policyVersion },
  );
  if (answer.kind === 'reused')
    throw new CordonError('invalid_input', `drills (${id}): its key ${key} stands for another drill.`);
  return { incident: answer.incident };
}
