import type { z } from 'zod';
import { KillSwitch } from '../contracts/api';
import { SYSTEM_CHAIN } from '../contracts/journal';
import { appendJournal } from './journal';
import { enqueue } from './outbox';
import { inTransaction, type Store } from './store';

/** The kill switch as it is. */
export async function readKillSwitch({ db }: Store): Promise<z.infer<typeof KillSwitch>> {
  const row = await db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', 'kill_switch')
    .executeTakeFirst();
  return row === undefined ? { on: false } : KillSwitch.parse(row.value);
}

/** Turns it, journaled. Lifting it wakes every open run: what was held is done. */
export function turnKillSwitch(
  store: Store,
  input: { on: boolean; reason: string },
  by: string,
): Promise<z.infer<typeof KillSwitch>> {
  return inTransaction(store, async (tx) => {
    const at = await store.now();
    const state = { ...input, by, at: at.toISOString() };
    const value = JSON.stringify(state);
    await tx
      .insertInto('settings')
      .values({ key: 'kill_switch', value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute();
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at,
      actor: `person:${by}`,
      kind: input.on ? 'kill_switch_on' : 'kill_switch_off',
      data: { reason: input.reason },
    });
    if (!input.on) {
      const open = await tx.selectFrom('incidents').select('number').where('status', '=', 'open').execute();
      for (const { number } of open) await enqueue(tx, 'wake', number, {}, at);
    }
    return state;
  });
}
