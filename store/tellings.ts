import type { Tx } from './store';

/** Notes that a run has told these; gives those that it had not told before. */
export async function newTellings(
  tx: Tx,
  incident: string,
  numbers: readonly number[],
): Promise<ReadonlySet<number>> {
  if (numbers.length === 0) return new Set();
  const rows = await tx
    .insertInto('run_tellings')
    .values(numbers.map((n) => ({ incident, n })))
    .onConflict((conflict) => conflict.doNothing())
    .returning('n')
    .execute();
  return new Set(rows.map(({ n }) => n));
}
