import { randomUUID } from 'node:crypto';
import type { QuestionForm, QuestionView } from '../../contracts/question';
import { savePerson, createToken } from '../../store/people';
import { openStore, type Store } from '../../store/store';
import { openIncident, runnerOn, World, worldConfig, type Activities } from '../support/runner';
import { startTestServer, type TestServer } from '../support/server';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-05-01T12:00:00Z');
let now = new Date(NOON);
let store: Store;
let server: TestServer;
let activities: Activities;
let hanna: string;
let incident: string;
const config = worldConfig();

beforeAll(async () => {
  store = await openStore({ memory: true, now: () => Promise.resolve(now) });
  server = await startTestServer({}, store);
  await savePerson(store, { id: 'hanna', name: 'Hanna', roles: ['hr'] });
  hanna = await createToken(store, 'hanna', 'test');
  activities = runnerOn(store, new World(), config);
}, 60_000);
afterAll(async () => {
  await activities.close();
  await server.stop();
  await store.close();
});
beforeEach(async () => {
  now = new Date(NOON);
  incident = await openIncident(store, config);
});

const form: QuestionForm = {
  name: 'entry',
  title: 'How did it get in?',
  why: 'The way in is closed first.',
  fields: {
    way: { type: 'choice', label: 'Way in', options: ['mail', 'service'] },
    hosts: { type: 'number', label: 'Hosts', min: 1, required: false },
    seen: { type: 'date', label: 'First seen', required: false },
  },
  roles: ['analyst', 'lead'],
  withinSeconds: 3600,
  default: null,
};
const ask = (extra: Partial<QuestionForm> = {}, about = '', occurrence = 1) =>
  activities.askQuestion({ incident, form: { ...form, ...extra }, about, occurrence });
const answer = (id: string, body: object, as = 'ana') =>
  server.call<{ status?: string; detail?: string; errors?: { field: string }[] }>(
    'POST',
    `/api/v1/questions/${id}/answers`,
    { as, body: { answerId: randomUUID(), ...body } },
  );
const kinds = async (): Promise<string[]> =>
  (
    await store.db
      .selectFrom('journal')
      .select(['kind', 'actor'])
      .where('incident', '=', incident)
      .where('kind', 'like', 'question%')
      .orderBy('seq')
      .execute()
  ).map(({ kind, actor }) => `${kind} ${actor}`);
const wakes = () =>
  store.db
    .selectFrom('outbox')
    .select('payload')
    .where('kind', '=', 'wake')
    .where('key', '=', incident)
    .execute();

describe('a question', () => {
  test('is asked once however often the run asks, and is there for everybody to read', async () => {
    const [first, again] = [await ask(), await ask()];
    expect(again).toEqual(first);
    expect(first).toMatchObject({ status: 'open', expiresAt: '2026-05-01T13:00:00.000Z' });
    expect(await kinds()).toEqual([`question_asked run:${incident}`]);
    const { data } = await server.call<{ items: QuestionView[] }>(
      'GET',
      `/api/v1/questions?incident=${incident}`,
      { as: 'vera' },
    );
    expect(data.items).toMatchObject([{ id: first.id, incident, title: form.title, fields: form.fields }]);
  });

  test('about another matter, or asked anew, is another one', async () => {
    const ids = [await ask(), await ask({}, 'kim'), await ask({}, '', 2)].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });

  test('without an answer gets what silence gives, when its time is over and not before; then no other counts', async () => {
    const silence = { default: { way: 'mail' } };
    const { id } = await ask(silence);
    now = new Date(NOON + HOUR - 1);
    expect((await ask(silence)).status).toBe('open');
    now = new Date(NOON + HOUR);
    expect(await ask(silence)).toMatchObject({ status: 'lapsed', answer: { way: 'mail' } });
    const late = await answer(id, { answer: { way: 'service' } });
    expect([late.status, late.data.detail]).toEqual([409, expect.stringContaining('Its time was over')]);
    expect(await ask(silence)).toMatchObject({ status: 'lapsed', answer: { way: 'mail' } });
    expect(await kinds()).toEqual([`question_asked run:${incident}`, 'question_lapsed cordon']);
  });

  test('whose silence means to wait is answered days later', async () => {
    const { id } = await ask();
    now = new Date(NOON + 72 * HOUR);
    expect((await ask()).status).toBe('open');
    expect((await answer(id, { answer: { way: 'service' } })).status).toBe(202);
    expect(await ask()).toMatchObject({ status: 'answered', answer: { way: 'service' } });
  });

  test('ends with its incident', async () => {
    const { id } = await ask();
    await activities.updateIncident({
      incident,
      close: { verdict: 'benign', reason: 'r', seenAlertSeq: 1000 },
    });
    const late = await answer(id, { answer: { way: 'mail' } });
    expect([late.status, late.data.detail]).toEqual([409, expect.stringContaining(`${incident} is closed`)]);
  });
});

describe('an answer', () => {
  test('is kept with its person while Temporal is away, and a message waits to wake the run', async () => {
    const { id } = await ask();
    const sent = await answer(id, { answer: { way: 'mail', hosts: 3, seen: '2026-04-30' } });
    expect([sent.status, sent.data.status]).toEqual([202, 'recorded']);
    expect(await wakes()).toEqual([{ payload: { question: id } }]);
    expect(await kinds()).toEqual([`question_asked run:${incident}`, 'question_answered person:ana']);
    const { data } = await server.call<QuestionView>('GET', `/api/v1/questions/${id}`);
    expect(data).toMatchObject({ status: 'answered', answeredBy: 'person:ana', answer: { hosts: 3 } });
  });

  test('that is sent again counts once; the same id for another one, and a second one, are refused with the reason', async () => {
    const { id } = await ask();
    const body = { answerId: randomUUID(), answer: { way: 'mail' } };
    expect((await answer(id, body)).data.status).toBe('recorded');
    expect((await answer(id, body)).data.status).toBe('repeated');
    const reused = await answer(id, { ...body, answer: { way: 'service' } });
    expect([reused.status, reused.data.detail]).toEqual([409, expect.stringContaining('answerId')]);
    const second = await answer(id, { answer: { way: 'service' } }, 'bo');
    expect(second.status).toBe(409);
    expect(second.data.detail).toContain(
      'person:ana answered it at 2026-05-01T12:00:00.000Z with {"way":"mail"}',
    );
    expect(await wakes()).toHaveLength(1);
  });

  test('two at once: one counts', async () => {
    const { id } = await ask();
    const both = await Promise.all([
      answer(id, { answer: { way: 'mail' } }),
      answer(id, { answer: { way: 'service' } }, 'bo'),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([202, 409]);
  });

  test.each([
    ['a choice that is none', { way: 'phone' }, ['way']],
    ['a field that is missing', {}, ['way']],
    ['a number below the least', { way: 'mail', hosts: 0 }, ['hosts']],
    ['a date that is none', { way: 'mail', seen: 'yesterday' }, ['seen']],
    ['a field that nobody asked for', { way: 'mail', approve: true }, ['body']],
  ])('%s is refused and names the field', async (_name, given, fields) => {
    const { id } = await ask();
    const { status, data } = await answer(id, { answer: given });
    expect([status, data.errors?.map(({ field }) => field)]).toEqual([422, fields]);
    expect((await ask()).status).toBe('open');
  });

  test('is for those whose role is asked', async () => {
    const { id } = await ask();
    const { id: forHr } = await ask({ name: 'go_ahead', roles: ['hr', 'legal'] });
    expect((await answer(id, { answer: { way: 'mail' } }, 'vera')).status).toBe(403);
    const refused = await answer(id, { answer: { way: 'mail' } }, hanna);
    expect([refused.status, refused.data.detail]).toEqual([
      403,
      'This question is for one of the roles analyst, lead; hanna has hr.',
    ]);
    expect((await answer(forHr, { answer: { way: 'mail' } }, 'lea')).status).toBe(403);
    expect((await answer(forHr, { answer: { way: 'mail' } }, hanna)).status).toBe(202);
    expect((await answer('nosuch', { answer: {} })).status).toBe(404);
  });
});

describe('what a run tells', () => {
  const entries = async (kind: string) =>
    (
      await store.db
        .selectFrom('journal')
        .select('data')
        .where('incident', '=', incident)
        .where('kind', '=', kind as 'note_added')
        .orderBy('seq')
        .execute()
    ).map(({ data }) => data);

  test('is journaled once, however often it is told', async () => {
    const told = [
      { kind: 'branch', n: 1, title: 'A success?', taken: true },
      { kind: 'playbook', n: 2, playbook: 'account_compromise@1' },
    ] as const;
    for (let times = 0; times < 3; times += 1)
      await activities.updateIncident({ incident, progress: { told: [...told] } });
    expect(await entries('branch_taken')).toEqual([{ title: 'A success?', taken: true }]);
    expect(await entries('playbook_joined')).toEqual([{ playbook: 'account_compromise@1' }]);
  });

  test('a wider scope: the assets say who it is, the journal says why, and alerts about it join the incident', async () => {
    const input = {
      incident,
      n: 7,
      why: 'The hash was found there',
      source: 'collect/hunt hunt_hash/file:x',
      entities: {
        hosts: [{ name: 'WS-1.corp.example.com' }, { name: 'new-9' }],
        accounts: [],
        ips: [],
        files: [],
        domains: [],
        urls: [],
      },
    };
    const first = await activities.widenScope(input);
    expect(await activities.widenScope(input)).toEqual(first);
    expect(first.scope.hosts.map(({ key }) => key)).toContain('host:new-9');
    expect(await entries('scope_widened')).toEqual([
      { reason: input.why, source: input.source, targets: first.scope.hosts.map(({ key }) => key) },
    ]);
    const known = await store.db
      .selectFrom('incident_entities')
      .select('key')
      .where('incident', '=', incident)
      .where('key', '=', 'host:new-9')
      .execute();
    expect(known).toHaveLength(1);
  });
});

describe('the start page', () => {
  const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const post = (path: string, fields: [string, string][], headers: Record<string, string> = {}) =>
    server.call<string>('POST', path, {
      as: null,
      body: new URLSearchParams(fields).toString(),
      headers: { ...FORM, ...headers },
    });
  const logIn = async (token: string): Promise<{ Cookie: string }> => {
    const { headers } = await post('/plain/login', [['token', token]]);
    return { Cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
  };
  const sectionOf = async (id: string, cookie: { Cookie: string }): Promise<string> => {
    const { data } = await server.call<string>('GET', '/plain', { as: null, headers: cookie });
    return data.split('<section>').find((part) => part.includes(`question-${id}`)) ?? '';
  };

  test('shows a question with its form, and takes the answer of whom it asks', async () => {
    const { id } = await ask();
    const cookie = await logIn(server.tokens['ana'] ?? '');
    const section = await sectionOf(id, cookie);
    for (const text of [form.title, form.why, 'Way in', 'First seen', 'the run waits for it'])
      expect(section).toContain(text);
    const hidden = [...section.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    );
    const fields: [string, string][] = [
      ...hidden,
      ['field.way', 'mail'],
      ['field.hosts', '2'],
      ['field.seen', ''],
    ];
    expect(
      (
        await post(
          '/plain/answer',
          fields.filter(([name]) => name !== 'csrf'),
          cookie,
        )
      ).status,
    ).toBe(403);
    expect((await post('/plain/answer', fields, cookie)).status).toBe(303);
    const [found] = (
      await server.call<{ items: QuestionView[] }>(
        'GET',
        `/api/v1/questions?status=settled&incident=${incident}`,
      )
    ).data.items;
    expect(found).toMatchObject({ answer: { way: 'mail', hosts: 2 }, answeredBy: 'person:ana' });
    expect(await sectionOf(id, cookie)).toBe('');
  });

  test('asks nobody else, and lets no text steer the page', async () => {
    const { id } = await ask({ title: '<script>alert(1)</script>' }, '"><img src=x onerror=alert(1)>');
    const section = await sectionOf(id, await logIn(hanna));
    expect(section).toContain('&#60;script&#62;');
    for (const text of ['<script', '<img', 'action="/answer"']) expect(section).not.toContain(text);
  });
});
