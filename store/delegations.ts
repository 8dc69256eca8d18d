import { randomUUID } from 'node:crypto';
import type { DelegationView } from '../contracts/api';
import { SYSTEM_CHAIN } from '../contracts/journal';
import type { Role } from '../contracts/values';
import { appendJournal } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const MAX_LIST = 500;

const viewOf = (row: Row<'delegations'>): DelegationView => ({
  id: row.id,
  from: row.from_person,
  to: row.to_person,
  until: row.until.toISOString(),
  reason: row.reason,
  createdAt: row.created_at.toISOString(),
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

/** Lets one person decide in the seat of another until a time. `by` is the actor that the journal names. */
export async function delegate(
  store: Store,
  wanted: { from: string; to: string; until: Date; reason: string; by: string },
): Promise<DelegationView> {
  const { from, to, until, reason, by } = wanted;
  const created_at = await store.now();
  const row = { id: randomUUID(), from_person: from, to_person: to, until, reason, created_at };
  await inTransaction(store, async (tx) => {
    await tx.insertInto('delegations').values(row).execute();
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at: created_at,
      actor: by,
      kind: 'delegation_made',
      data: { delegation: row.id, from, to, until: until.toISOString(), reason },
    });
  });
  return viewOf({ ...row, revoked_at: null });
}

/** One delegation; undefined when there is none of that id. */
export async function delegationOf({ db }: Store, id: string): Promise<DelegationView | undefined> {
  const row = await db.selectFrom('delegations').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : viewOf(row);
}

/** Delegations, newest first: those in force, or all. */
export async function listDelegations(store: Store, all: boolean): Promise<DelegationView[]> {
  const at = await store.now();
  const rows = await store.db
    .selectFrom('delegations')
    .selectAll()
    .$if(!all, (query) => query.where('revoked_at', 'is', null).where('until', '>', at))
    .orderBy('created_at', 'desc')
    .limit(MAX_LIST)
    .execute();
  return rows.map(viewOf);
}

/** Ends a delegation. What was decided under it stays. Doing it twice changes nothing; undefined when there is none of that id. */
export async function revokeDelegation(
  store: Store,
  id: string,
  by: string,
): Promise<DelegationView | undefined> {
  return inTransaction(store, async (tx) => {
    const row = await tx
      .selectFrom('delegations')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined || row.revoked_at !== null) return row === undefined ? undefined : viewOf(row);
    const at = await store.now();
    await tx.updateTable('delegations').set({ revoked_at: at }).where('id', '=', id).execute();
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at,
      actor: by,
      kind: 'delegation_revoked',
      data: { delegation: id, from: row.from_person, to: row.to_person },
    });
    return viewOf({ ...row, revoked_at: at });
  });
}

/** A seat that somebody lent to a person, with the roles that its owner has now. */
export interface LentSeat {
  person: string;
  roles: readonly Role[];
  /** Why it cannot be used at this moment; undefined while it can. */
  ended: string | undefined;
}

/** The seats that were ever lent to a person, one an owner: the one in force, else the last. In the order of the owners' ids. */
export async function seatsLentTo(tx: Tx, to: string, at: Date): Promise<LentSeat[]> {
  const rows = await tx
    .selectFrom('delegations')
    .innerJoin('people', 'people.id', 'delegations.from_person')
    .select(['from_person', 'roles', 'active', 'until', 'revoked_at'])
    .where('to_person', '=', to)
    .orderBy('from_person')
    .orderBy('created_at')
    .execute();
  const seats = new Map<string, LentSeat>();
  for (const { from_person: person, roles, active, until, revoked_at } of rows) {
    if (seats.has(person) && seats.get(person)?.ended === undefined) continue;
    const ended =
      revoked_at !== null && revoked_at <= at
        ? `was revoked at ${revoked_at.toISOString()}`
        : until <= at
          ? `ended at ${until.toISOString()}`
          : active
            ? undefined
            : 'does not hold: they are not an active person any more';
    seats.set(person, { person, roles: roles as Role[], ended });
  }
  return [...seats.values()];
}
