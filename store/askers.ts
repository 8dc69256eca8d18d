import type { Store, Tx } from './store';

/** Notes that a person brought something into an incident by hand. It stays true whatever becomes of what they brought. */
export async function noteAsker(tx: Tx, incident: string, person: string, at: Date): Promise<void> {
  await tx
    .insertInto('incident_askers')
    .values({ incident, person, at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Who asks for what is done in an incident: who started it, and whoever added an alert to it by hand. Where the policy has `noSelfApproval`, none of them approves in it.
 */
export async function askersOf(db: Store['db'] | Tx, incident: string): Promise<string[]> {
  const { started_by } = await db
    .selectFrom('incidents')
    .select('started_by')
    .where('number', '=', incident)
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom('incident_askers')
    .select('person')
    .where('incident', '=', incident)
    .orderBy('person')
    .execute();
  const starter = starterIn(started_by);
  return [...new Set([...(starter === undefined ? [] : [starter]), ...rows.map(({ person }) => person)])];
}

/** The person that a `started_by` names; undefined where it was a source. */
export function starterIn(startedBy: string): string | undefined {
  return /^person:(.*)$/s.exec(startedBy)?.[1];
}
