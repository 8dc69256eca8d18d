import { request, type IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import { appendJournal } from '../../store/journal';
import { revokeToken } from '../../store/people';
import { inTransaction, type Store, type Tx } from '../../store/store';
import { until } from '../support/cordon-process';
import { startTestServer, type TestServer } from '../support/server';
import { startPostgres } from '../support/store';

interface Event {
  id: string;
  event: string;
  changes: { incident: string; seq: number; kinds: string[] }[];
}

/** A client that keeps what it is told. */
class Line {
  readonly events: Event[] = [];
  text = '';
  status = 0;
  ended = false;
  #response: IncomingMessage | undefined;
  readonly #request;

  constructor(url: string, token: string | undefined, headers: Record<string, string> = {}) {
    this.#request = request(`${url}/api/v1/events`, {
      headers: { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...headers },
    });
    this.#request.on('error', () => (this.ended = true));
    this.#request.on('response', (response: IncomingMessage) => {
      this.#response = response;
      this.status = response.statusCode ?? 0;
      response.on('data', (chunk: Buffer) => {
        this.text += chunk.toString('utf8');
        this.#parse();
      });
      response.on('close', () => (this.ended = true));
    });
    this.#request.end();
  }

  #parse(): void {
    this.events.length = 0;
    for (const [, id = '', event = '', data = ''] of this.text.matchAll(
      /id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n/g,
    ))
      this.events.push({ id, event, ...(JSON.parse(data) as Pick<Event, 'changes'>) });
  }

  get incidents(): string[] {
    return this.events.flatMap(({ changes }) => changes.map(({ incident }) => incident));
  }

  get lastId(): string {
    return this.events.at(-1)?.id ?? '';
  }

  close(): void {
    this.#response?.destroy();
    this.#request.destroy();
  }
}

const entry = (incident: string) => ({
  incident,
  at: new Date(),
  actor: 'person:lea',
  kind: 'note_added' as const,
  data: { text: 'a secret of this incident' },
});
const note = (store: Store, incident: string) =>
  inTransaction(store, (tx) => appendJournal(tx, entry(incident)));
const told = (line: Line, incident: string) =>
  until(`word of ${incident}`, () => line.incidents.includes(incident), 10_000);
const begun = (line: Line) => until('the first position', () => line.events.length > 0, 10_000);

describe('on the embedded database', () => {
  let server: TestServer;
  const lines: Line[] = [];
  const open = (as: string | undefined, headers: Record<string, string> = {}): Line => {
    const line = new Line(server.url, as === undefined ? undefined : server.tokens[as], headers);
    lines.push(line);
    return line;
  };
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterEach(() => {
    for (const line of lines.splice(0)) line.close();
  });
  afterAll(() => server.stop());

  test('says which incident changed and how, and nothing of its content', async () => {
    const line = open('vera');
    await begun(line);
    await note(server.store, 'INC-2026-000001');
    await told(line, 'INC-2026-000001');
    expect(line.events.at(-1)).toMatchObject({
      event: 'changes',
      changes: [{ incident: 'INC-2026-000001', seq: 1, kinds: ['note_added'] }],
    });
    expect(line.text).not.toContain('secret');
  });

  test('goes on where a line broke off, and tells nothing twice that was told', async () => {
    const first = open('vera');
    await begun(first);
    await note(server.store, 'INC-2026-000002');
    await told(first, 'INC-2026-000002');
    first.close();
    await note(server.store, 'INC-2026-000003');
    const second = open('vera', { 'Last-Event-ID': first.lastId });
    await told(second, 'INC-2026-000003');
    expect(second.incidents).toEqual(['INC-2026-000003']);
  });

  test('a position that was never given, or too far back, means: look at everything again', async () => {
    for (const id of ['9999999999999999999', 'x']) {
      const line = open('vera', { 'Last-Event-ID': id });
      await begun(line);
      expect(line.events[0]?.event).toBe('lost');
    }
    const before = open('vera');
    await begun(before);
    for (let n = 0; n <= 500; n += 1) await note(server.store, 'INC-2026-000004');
    const line = open('vera', { 'Last-Event-ID': before.lastId });
    await begun(line);
    expect(line.events[0]?.event).toBe('lost');
  });

  test('who may not read gets nothing, and who may no longer is cut off', async () => {
    const nobody = open(undefined);
    await until('an answer', () => nobody.status > 0);
    expect(nobody.status).toBe(401);
    const line = open('bo');
    await begun(line);
    const { id } = await server.store.db
      .selectFrom('tokens')
      .select('id')
      .where('person', '=', 'bo')
      .executeTakeFirstOrThrow();
    await revokeToken(server.store, id, 'person:adam');
    await until('the end of the line', () => line.ended, 20_000);
  });

  test('a person has a limited number of lines', async () => {
    const many = Array.from({ length: 13 }, () => open('ana'));
    await until('all answers', () => many.every(({ status }) => status > 0));
    expect(many.filter(({ status }) => status === 429)).toHaveLength(1);
  });
});

test('two servers on PostgreSQL: what one writes the other tells, also what commits later than it began', async () => {
  const postgres = await startPostgres();
  const store = await postgres.newStore();
  const [here, there] = [await startTestServer({}, store), await startTestServer({}, store)];
  const line = new Line(there.url, there.tokens['vera']);
  let later: Line | undefined;
  try {
    await begun(line);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let began = (): void => undefined;
    const isBegun = new Promise<void>((resolve) => (began = resolve));
    const slow = inTransaction(here.store, async (tx: Tx) => {
      await appendJournal(tx, entry('INC-2026-000010'));
      began();
      await held;
    });
    await isBegun;
    await note(here.store, 'INC-2026-000011');
    // Who comes now is told where to begin by a look that the other line had too.
    later = new Line(there.url, there.tokens['ana']);
    await begun(later);
    release();
    await slow;
    await note(here.store, `INC-${randomUUID()}`);
    await told(line, 'INC-2026-000010');
    await told(line, 'INC-2026-000011');
  } finally {
    line.close();
    later?.close();
    await Promise.all([here.stop(), there.stop()]);
    await store.close();
    postgres.remove();
  }
});
