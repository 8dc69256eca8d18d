import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Store } from '../../store/store';
import { openStore } from '../../store/store';
import { verifyJournal } from '../../store/verify-journal';
import { BUDGET, budgetConfig, type Round, type Work } from '../support/budget-worker';
import { until } from '../support/cordon-process';
import { openIncident } from '../support/runner';
import { startPostgres, type Postgres } from '../support/store';

/** How often the whole is done; ten before a release. */
const ROUNDS = Number(process.env['CORDON_BUDGET_ROUNDS'] ?? '1');
const LIMIT = 10;
const INCIDENTS = 100;
const KILL_AFTER = 4;

/** The product: what it applied, in order. It refuses some by name, and loses the reply of others after it has done them. */
class Product {
  readonly applied: string[] = [];
  readonly #inForce = new Set<string>();
  #server: Server | undefined;
  onApplied: () => void = () => undefined;

  async start(): Promise<string> {
    const server = createServer((request, response) => {
      const [, verb, name = ''] = (request.url ?? '').split('/');
      const answer = (status: number): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ on: this.#inForce.has(name) }));
      };
      if (verb === 'read') {
        answer(200);
        return;
      }
      if (name.startsWith('refused')) {
        answer(409);
        return;
      }
      this.applied.push(name);
      this.#inForce.add(name);
      this.onApplied();
      answer(name.startsWith('lost') ? 504 : 200);
    });
    this.#server = server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #lines: unknown[] = [];
  #read = 0;
  #errors = '';

  constructor(work: Work) {
    const root = join(__dirname, '..', '..');
    this.#child = spawn(
      process.execPath,
      ['-r', 'tsx/cjs', join(root, 'test', 'support', 'budget-worker.ts')],
      { cwd: root, env: { ...process.env, BUDGET_WORK: JSON.stringify(work) } },
    );
    // A killed process closes its end.
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString('utf8')));
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#lines.push(JSON.parse(line)));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The next thing that it says; undefined when it has ended without. */
  async next(): Promise<unknown> {
    await until('the process to answer', () => this.#lines.length > this.#read || !this.isRunning, 120_000);
    if (this.#lines.length <= this.#read) {
      if (this.#child.signalCode === null) throw new Error(`it ended by itself:\n${this.#errors}`);
      return undefined;
    }
    return this.#lines[this.#read++];
  }

  round(): Promise<Round | undefined> {
    this.#child.stdin?.write('go\n');
    return this.next() as Promise<Round | undefined>;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }
}

let postgres: Postgres;
let store: Store;
let product: Product;
let processes: WorkerProcess[] = [];
beforeAll(async () => {
  postgres = await startPostgres();
}, 120_000);
afterAll(() => {
  postgres.remove();
});
afterEach(async () => {
  for (const one of processes) one.kill();
  processes = [];
  product.stop();
  await store.close();
});

const unitsInUse = async (): Promise<number> =>
  (
    await store.db
      .selectFrom('budget_uses')
      .select('action_key')
      .where('budget', '=', BUDGET)
      .where('returned', '=', false)
      .execute()
  ).length;

/** Both do rounds until none of them settles anything new. */
async function toTheEnd(pair: readonly WorkerProcess[]): Promise<Round> {
  for (let last = ''; ;) {
    const rounds = await Promise.all(pair.map((one) => one.round()));
    const sum: Record<string, number> = {};
    for (const [status, n] of rounds.flatMap((round) => Object.entries(round ?? {})))
      sum[status] = (sum[status] ?? 0) + n;
    const now = JSON.stringify(Object.entries(sum).sort());
    if (now === last) return sum;
    last = now;
  }
}

test.each(Array.from({ length: ROUNDS }, (_, n) => n + 1))(
  'a hundred incidents in two processes against ten units, one process killed and replaced: ten are applied (round %i)',
  async () => {
    const databaseUrl = await postgres.newDatabase();
    store = await openStore({ databaseUrl });
    product = new Product();
    const productUrl = await product.start();
    const config = budgetConfig(LIMIT);
    // Two of a hundred lose their reply and can't be read; of the others, some are refused by the product.
    const all = await Promise.all(
      Array.from({ length: INCIDENTS }, async (_, n) => ({
        incident: await openIncident(store, config),
        name: n < 2 ? `lost-${String(n)}` : n < 4 || n % 5 === 0 ? `refused-${String(n)}` : `ws-${String(n)}`,
        blind: n < 2,
      })),
    );
    const work = (incidents: Work['incidents']): Work => ({
      databaseUrl,
      productUrl,
      limit: LIMIT,
      incidents,
    });
    const share = (rest: number) => all.slice(4).filter((_, n) => n % 2 === rest);

    // They come first, so that they surely get a unit.
    const early = new WorkerProcess(work(all.slice(0, 4)));
    const [one, two] = [new WorkerProcess(work(share(0))), new WorkerProcess(work(share(1)))];
    processes = [early, one, two];
    await Promise.all(processes.map((process) => process.next()));
    expect(await early.round()).toEqual({ unknown: 2, failed: 2 });
    await early.stop();
    expect(await unitsInUse()).toBe(2);

    // Killed with an effect under way: the product has done it, and the reply reaches nobody.
    product.onApplied = () => {
      if (product.applied.length === KILL_AFTER) one.kill();
    };
    const [killed] = await Promise.all([one.round(), two.round()]);
    expect(killed).toBeUndefined();
    const replacement = new WorkerProcess(work(share(0)));
    processes.push(replacement);
    await replacement.next();
    const end = await toTheEnd([replacement, two]);

    expect(product.applied).toHaveLength(LIMIT);
    expect(new Set(product.applied).size).toBe(LIMIT);
    expect(await unitsInUse()).toBe(LIMIT);
    const done = LIMIT - 2;
    const { failed = 0 } = end;
    expect({ ...end, failed }).toEqual({ succeeded: done, failed, held: INCIDENTS - 4 - done - failed });
    const leases = await store.db.selectFrom('leases').select('we_did_it').execute();
    expect(leases).toEqual(Array.from({ length: done }, () => ({ we_did_it: true })));
    expect((await verifyJournal(store.db)).problems).toEqual([]);
  },
  180_000,
);
