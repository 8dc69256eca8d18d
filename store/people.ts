import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { SYSTEM_CHAIN } from '../contracts/journal';
import type { Role } from '../contracts/values';
import { sha256 } from './canonical';
import { appendJournal } from './journal';
import { inTransaction, type Store, type Tx } from './store';

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
      .select(['name', 'roles'])
      .where('id', '=', person.id)
      .executeTakeFirst();
    if (before !== undefined && before.name === person.name && JSON.stringify(before.roles) === values.roles)
      return;
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

/** Makes an API token. The text is returned once; SQL keeps its hash. */
export async function createToken(
  store: Store,
  person: string,
  label: string,
  by = 'cordon',
): Promise<string> {
  const token = newToken();
  const at = await store.now();
  await inTransaction(store, (tx) => insertToken(tx, token, { person, label, by, at }));
  return token;
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
    await insertToken(tx, token, { person: person.id, label: 'made at first start', by: 'cordon', at });
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
  { person, label, by, at }: { person: string; label: string; by: string; at: Date },
): Promise<void> {
  const id = randomUUID();
  await tx
    .insertInto('tokens')
    .values({ id, person, hash: sha256(token), label, created_at: at })
    .execute();
  await appendJournal(tx, {
    incident: SYSTEM_CHAIN,
    at,
    actor: by,
    kind: 'token_created',
    data: { token: id, person, label },
  });
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
