import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { PersonView, TokenView } from '../contracts/api';
import { SYSTEM_CHAIN } from '../contracts/journal';
import type { Role } from '../contracts/values';
import { sha256 } from './canonical';
import { appendJournal } from './journal';
import type { Row } from './schema';
import { inTransaction, type Store, type Tx } from './store';

const MAX_LIST = 500;

/** Who the first start lets in; not in any configuration. */
export const LOCAL_PERSON = 'local';

export interface Person {
  id: string;
  name: string;
  roles: Role[];
}

/** Adds a person or brings name and roles up to date. */
export async function savePerson(
  store: Store,
  person: Person & { email?: string | undefined },
): Promise<void> {
  const at = await store.now();
  const values = {
    name: person.name,
    email: person.email ?? null,
    roles: JSON.stringify(person.roles),
    active: true,
  };
  await inTransaction(store, async (tx) => {
    await onePersonAtATime(tx);
    const before = await tx
      .selectFrom('people')
      .select(['name', 'roles', 'active'])
      .where('id', '=', person.id)
      .executeTakeFirst();
    const same = before?.name === person.name && JSON.stringify(before.roles) === values.roles;
    if (same && before.active) return;
    await tx
      .insertInto('people')
      .values({ id: person.id, ...values })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
      .execute();
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at,
      actor: 'cordon',
      kind: 'person_added',
      data: { person: person.id, roles: person.roles },
    });
  });
}

/** Brings people to what the configuration says. Who is no longer in it becomes inactive: no token and no channel speaks for them. */
export async function savePeople(
  store: Store,
  people: readonly (Person & { email?: string | undefined })[],
): Promise<void> {
  for (const person of people) await savePerson(store, person);
  const at = await store.now();
  await inTransaction(store, async (tx) => {
    await onePersonAtATime(tx);
    const gone = await tx
      .updateTable('people')
      .set({ active: false })
      .where('active', '=', true)
      .where('id', 'not in', [LOCAL_PERSON, ...people.map(({ id }) => id)])
      .returning('id')
      .execute();
    for (const { id } of gone)
      await appendJournal(tx, {
        incident: SYSTEM_CHAIN,
        at,
        actor: 'cordon',
        kind: 'person_deactivated',
        data: { person: id, why: 'no longer in the configuration' },
      });
  });
}

/** Makes an API token. The text is returned once; SQL keeps its hash. */
export async function issueToken(
  store: Store,
  wanted: { person: string; label: string; by: string; lastsMs?: number },
): Promise<TokenView & { token: string }> {
  const token = newToken();
  const { person, label, by, lastsMs } = wanted;
  const at = await store.now();
  const expires = lastsMs === undefined ? null : new Date(at.getTime() + lastsMs);
  const id = await inTransaction(store, (tx) => insertToken(tx, token, { person, label, by, at, expires }));
  const expiresAt = expires?.toISOString() ?? null;
  return { id, person, label, createdAt: at.toISOString(), expiresAt, revokedAt: null, token };
}

/** A token that does not expire, for the first start. */
export async function createToken(
  store: Store,
  person: string,
  label: string,
  by = 'cordon',
): Promise<string> {
  return (await issueToken(store, { person, label, by })).token;
}

const viewOf = (row: Omit<Row<'tokens'>, 'hash'>): TokenView => ({
  id: row.id,
  person: row.person,
  label: row.label,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});
const TOKEN_COLUMNS = ['id', 'person', 'label', 'created_at', 'expires_at', 'revoked_at'] as const;

/** All tokens, newest first, without what would let anybody in. */
export async function listTokens({ db }: Store): Promise<TokenView[]> {
  const rows = await db
    .selectFrom('tokens')
    .select(TOKEN_COLUMNS)
    .orderBy('created_at', 'desc')
    .limit(MAX_LIST)
    .execute();
  return rows.map(viewOf);
}

/** Ends a token. Doing it twice changes nothing; undefined when there is none of that id. */
export async function revokeToken(store: Store, id: string, by: string): Promise<TokenView | undefined> {
  return inTransaction(store, async (tx) => {
    const row = await tx
      .selectFrom('tokens')
      .select(TOKEN_COLUMNS)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined || row.revoked_at !== null) return row === undefined ? undefined : viewOf(row);
    const at = await store.now();
    await tx.updateTable('tokens').set({ revoked_at: at }).where('id', '=', id).execute();
    await appendJournal(tx, {
      incident: SYSTEM_CHAIN,
      at,
      actor: by,
      kind: 'token_revoked',
      data: { token: id, person: row.person, label: row.label },
    });
    return viewOf({ ...row, revoked_at: at });
  });
}

/** Everybody, with their roles. */
export async function listPeople({ db }: Store): Promise<PersonView[]> {
  const rows = await db
    .selectFrom('people')
    .select(['id', 'name', 'roles', 'active'])
    .orderBy('id')
    .limit(MAX_LIST)
    .execute();
  return rows.map(({ id, name, roles, active }) => ({ id, name, roles: roles as Role[], active }));
}

/** A person who may act; undefined when there is none of that id, or who was made inactive. */
export async function activePerson(store: Store, id: string): Promise<Person | undefined> {
  const row = await store.db
    .selectFrom('people')
    .select(['id', 'name', 'roles'])
    .where('id', '=', id)
    .where('active', '=', true)
    .executeTakeFirst();
  return row === undefined ? undefined : { id: row.id, name: row.name, roles: row.roles as Role[] };
}

/**
 * Makes the first token of an installation, for a person who is added with it; undefined when there is one already. `keep` gets it
 * before it is valid, so that a crash cannot leave a valid token that nobody has. Of several processes one makes it.
 */
export async function createFirstToken(
  store: Store,
  person: Person,
  keep: (token: string) => void,
): Promise<string | undefined> {
  const at = await store.now();
  const isThere = async (tx: Store['db']): Promise<boolean> =>
    (await tx.selectFrom('tokens').select('id').limit(1).executeTakeFirst()) !== undefined;
  if (await isThere(store.db)) return undefined;
  await savePerson(store, person);
  return inTransaction(store, async (tx) => {
    await onePersonAtATime(tx);
    if (await isThere(tx)) return undefined;
    const token = newToken();
    keep(token);
    await insertToken(tx, token, {
      person: person.id,
      label: 'made at first start',
      by: 'cordon',
      at,
      expires: null,
    });
    return token;
  });
}

const newToken = (): string => `cordon_${randomBytes(24).toString('base64url')}`;

/** Processes that start together would each find nobody and add everybody. */
async function onePersonAtATime(tx: Tx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('cordon:people'))`.execute(tx);
}

async function insertToken(
  tx: Tx,
  token: string,
  {
    person,
    label,
    by,
    at,
    expires,
  }: { person: string; label: string; by: string; at: Date; expires: Date | null },
): Promise<string> {
  const id = randomUUID();
  await tx
    .insertInto('tokens')
    .values({ id, person, hash: sha256(token), label, created_at: at, expires_at: expires })
    .execute();
  await appendJournal(tx, {
    incident: SYSTEM_CHAIN,
    at,
    actor: by,
    kind: 'token_created',
    data: { token: id, person, label, expiresAt: expires?.toISOString() ?? null },
  });
  return id;
}

/** Whose token it is; undefined when it is unknown, expired or revoked. */
export async function personOfToken(store: Store, token: string): Promise<Person | undefined> {
  const row = await store.db
    .selectFrom('tokens')
    .innerJoin('people', 'people.id', 'tokens.person')
    .select(['people.id', 'people.name', 'people.roles', 'tokens.expires_at'])
    .where('hash', '=', sha256(token))
    .where('revoked_at', 'is', null)
    .where('active', '=', true)
    .executeTakeFirst();
  if (row === undefined || (row.expires_at !== null && row.expires_at <= (await store.now())))
    return undefined;
  return { id: row.id, name: row.name, roles: row.roles as Role[] };
}
