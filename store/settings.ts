import type { Kysely } from 'kysely';
import type { Schema } from './schema';

/** Whether effects are held. */
export async function isKillSwitchOn(db: Kysely<Schema>): Promise<boolean> {
  const row = await db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', 'kill_switch')
    .executeTakeFirst();
  return (row?.value as { on?: boolean } | undefined)?.on === true;
}
