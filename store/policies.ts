import { SYSTEM_CHAIN } from '../contracts/journal';
import type { Policy } from '../contracts/policy';
import type { Json } from '../contracts/values';
import { canonicalHash } from './canonical';
import { appendJournal } from './journal';
import { inTransaction, type Store } from './store';

/** Stores the policy under its version, the first 16 hex digits of its hash; runs are pinned to it. */
export async function savePolicy(store: Store, policy: Policy): Promise<string> {
  const body = JSON.parse(JSON.stringify(policy)) as Json;
  const version = canonicalHash(body).slice(0, 16);
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
