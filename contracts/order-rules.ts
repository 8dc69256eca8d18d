import type { ActionCall, ActionId } from './actions';
import type { AssetIndex } from './assets';
import { identify } from './identity';
import type { JsonObject } from './values';

/** One thing that has to come before an action, on what the same part of its input names. */
interface Before {
  readonly action: ActionId;
  /** The part of the input that both have: `host`, `account`, `set`. */
  readonly by: 'host' | 'account' | 'set';
  /** It may also be under way: asked for in the same breath. */
  readonly together?: true;
  /** What its output must say. */
  readonly says?: (output: JsonObject, input: JsonObject) => boolean;
}

/** An order in which things are done, that no playbook may turn round. */
export interface OrderRule {
  readonly id: string;
  readonly why: string;
  readonly actions: readonly ActionId[];
  /** One of these. */
  readonly before: readonly Before[];
  readonly fix: string;
}

/**
 * What comes before what. Sources: NIST SP 800-86 (what is lost first is collected first), CERT Société Générale IRM-7 and IRM-22,
 * CISA ransomware checklist (backups are checked before they are restored). Two orders need no rule here: a cloud key can only be
 * deactivated, the catalogue has no action that deletes one; and who approves what cannot be taken back is the policy's to say.
 */
export const ORDER_RULES: readonly OrderRule[] = [
  {
    id: 'memory_first',
    why: 'what is in memory is lost with it',
    actions: ['endpoint.kill_process', 'host.reimage'],
    before: [{ action: 'endpoint.collect_memory', by: 'host' }],
    fix: 'collect the memory of the host first (endpoint.collectMemory)',
  },
  {
    id: 'memory_or_lock_first',
    why: 'what is on the device is lost with it; of a device that is away no memory can be had, but it can be locked',
    actions: ['endpoint.wipe_device'],
    before: [
      { action: 'endpoint.collect_memory', by: 'host' },
      { action: 'endpoint.lock_device', by: 'host' },
    ],
    fix: 'collect its memory (endpoint.collectMemory), or lock the lost device (endpoint.lockDevice), first',
  },
  {
    id: 'sessions_with_password',
    why: 'sessions that are open outlive a new password',
    actions: ['identity.reset_password'],
    before: [{ action: 'identity.revoke_sessions', by: 'account', together: true }],
    fix: 'revoke the sessions before or with it (identity.revokeSessions)',
  },
  {
    id: 'rules_exported_first',
    why: 'the rules are evidence of what the attacker was after',
    actions: ['identity.remove_inbox_rules'],
    before: [{ action: 'identity.export_inbox_rules', by: 'account' }],
    fix: 'export the rules first (identity.exportInboxRules)',
  },
  {
    id: 'backup_verified_first',
    why: 'a backup may hold what is to be got rid of',
    actions: ['data.restore_backup'],
    before: [
      {
        action: 'data.verify_backup',
        by: 'set',
        says: (output, { snapshot }) =>
          output['intact'] === true &&
          output['clean'] !== false &&
          (snapshot === undefined || output['snapshot'] === snapshot),
      },
    ],
    fix: "verify the backup first, and restore what was verified (recover with { verify: 'first' })",
  },
];

/** What an incident has done, or is at, to a target. */
export interface Deed {
  readonly action: ActionId;
  readonly target: string;
  readonly state: 'under_way' | 'done' | 'not_done';
  readonly output: JsonObject | null;
}

/** That something has to come first. `waits`: it is under way, so that it is only a matter of time. */
export interface OrderViolation {
  readonly rule: string;
  readonly waits: boolean;
  readonly message: string;
}

/** Every action that some rule wants first. */
export const PREREQUISITES: readonly ActionId[] = [
  ...new Set(ORDER_RULES.flatMap(({ before }) => before.map(({ action }) => action))),
];

/** Whether any rule speaks of an action. */
export const isOrdered = (action: ActionId): boolean =>
  ORDER_RULES.some(({ actions }) => actions.includes(action));

/** The rule that a call would break after these deeds; undefined when there is none. Pure. */
export function orderViolation(
  call: { action: ActionId; input: JsonObject },
  deeds: readonly Deed[],
  assets: AssetIndex,
): OrderViolation | undefined {
  for (const rule of ORDER_RULES) {
    if (!rule.actions.includes(call.action)) continue;
    const states = rule.before.map((before) => stateOf(before, call.input, deeds, assets));
    if (states.includes('done')) continue;
    const waits = states.includes('under_way');
    const message = `${call.action} ${waits ? 'waits' : 'comes too early'} (rule ${rule.id}): ${rule.why}. ${
      waits ? 'It goes on once that is done' : `Fix: ${rule.fix}; or a lead has it retried with a reason`
    }.`;
    return { rule: rule.id, waits, message };
  }
  return undefined;
}

function stateOf(
  { action, by, together, says }: Before,
  input: JsonObject,
  deeds: readonly Deed[],
  assets: AssetIndex,
): Deed['state'] {
  const { target } = identify({ action, input: { [by]: input[by] } } as unknown as ActionCall, assets);
  const own = deeds.filter((deed) => deed.action === action && deed.target === target.key);
  const isEnough = ({ state, output }: Deed): boolean =>
    (state === 'done' && (says === undefined || says(output ?? {}, input))) ||
    (state === 'under_way' && together === true);
  if (own.some(isEnough)) return 'done';
  return own.some(({ state }) => state === 'under_way') ? 'under_way' : 'not_done';
}
