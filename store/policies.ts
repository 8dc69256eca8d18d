import { SYSTEM_CHAIN } from '../contracts/journal';
import type { Policy } from '../contracts/policy';
import type { Json } from '../contracts/values';
import { canonicalHash } from './canonical';
import { appendJournal } from './journal';
import { inTransaction, type Store } from './store';

const bodyOf = (policy: Policy): Json => JSON.parse(JSON.stringify(policy)) as Json;

/** The version of a policy: the first 16 hex digits of its hash. */
export const policyVersionOf = (policy: Policy): string => canonicalHash(bodyOf(policy)).slice(0, 16);

/** Stores the policy under its version; runs are pinned to it. */
export async function savePolicy(store: Store, policy: Policy): Promise<string> {
  const body = bodyOf(policy);
  const version = policyVersionOf(policy);
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('policies')
      .values({ version, body: JSON.stringify(body), loaded_at: at })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 1n)
      await appendJournal(tx, {
        incident: SYSTEM_CHAIN,
        at,
        actor: 'cordon',
        kind: 'policy_loaded',
        data: { version },
      });
  });
  return version;
}
