import type { PGlite } from '@electric-sql/pglite';
import {
  type CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { PGliteSession } from './pglite-session';

/** PGlite has one session: transactions and queries queue for it, first come first served. */
class PGliteDriver implements Driver {
  readonly #waiting: (() => void)[] = [];
  readonly #connection: PGliteConnection;
  #busy = false;
  constructor(private readonly pglite: PGlite) {
    this.#connection = new PGliteConnection(new PGliteSession(pglite));
  }

  async init(): Promise<void> {
    await this.pglite.waitReady;
  }
  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#busy) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#busy = true;
    return this.#connection;
  }
  releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy = false;
    else next();
    return Promise.resolve();
  }
  beginTransaction(): Promise<void> {
    return this.#connection.session.command('BEGIN');
  }
  commitTransaction(): Promise<void> {
    return this.#connection.session.command('COMMIT');
  }
  rollbackTransaction(): Promise<void> {
    return this.#connection.session.command('ROLLBACK');
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

class PGliteConnection implements DatabaseConnection {
  constructor(readonly session: PGliteSession) {}
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, affectedRows } = await this.session.query<R>(query.sql, query.parameters);
    return { rows, ...(affectedRows === undefined ? {} : { numAffectedRows: BigInt(affectedRows) }) };
  }
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('PGlite has no cursors; page the query instead');
  }
}

/** Kysely on an embedded PGlite. The caller owns the PGlite and closes it. */
export class PGliteDialect implements Dialect {
  constructor(private readonly pglite: PGlite) {}
  createDriver(): Driver {
    return new PGliteDriver(this.pglite);
  }
  createQueryCompiler(): PostgresQueryCompiler {
    return new PostgresQueryCompiler();
  }
  createAdapter(): PostgresAdapter {
    return new PostgresAdapter();
  }
  createIntrospector(db: ConstructorParameters<typeof PostgresIntrospector>[0]): PostgresIntrospector {
    return new PostgresIntrospector(db);
  }
}
