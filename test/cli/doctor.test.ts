import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctor } from '../../cli/doctor';
import { sanity } from '../../cli/doctor/sanity';
import { Config, type ConfigInput } from '../../contracts/config';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { lockDataFolder } from '../../store/data-folder-lock';
import { startPostgres } from '../support/store';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the doctor finds with this configuration and environment. */
async function examined(
  config: object,
  env: NodeJS.ProcessEnv = {},
): Promise<{ ok: boolean; lines: string[] }> {
  const file = join(folder, 'cordon.config.cjs');
  writeFileSync(file, `module.exports = { default: ${JSON.stringify(config)} };`);
  jest.resetModules();
  const report = await doctor({
    PATH: '',
    XDG_CACHE_HOME: folder,
    CORDON_CONFIG: file,
    CORDON_DATA_DIR: join(folder, 'data'),
    ...env,
  });
  return {
    ok: report.ok,
    lines: report.items.map(({ status, what, detail }) => `${status} ${what}: ${detail}`),
  };
}
const people = (...roles: string[][]) =>
  roles.map((held, index) => ({ id: `p${String(index)}`, name: 'p', roles: held }));
const base = { policy: DEFAULT_POLICY, people: people(['lead', 'admin'], ['lead'], ['analyst']) };

test('a configuration that works is ok, and what cannot be seen from here is no fault', async () => {
  const { ok, lines } = await examined({ ...base, connections: [{ id: 'edr', use: 'simulated_edr' }] });
  expect(ok).toBe(true);
  expect(lines).toEqual(
    expect.arrayContaining([
      `ok Node.js: ${process.versions.node}`,
      'skipped connection edr: simulated: Cordon starts it with itself',
      'ok database: embedded, made at the first start',
      expect.stringContaining('warning Temporal: no dev server yet') as string,
    ]),
  );
});

test('every mistake of the configuration is named with its place, also a secret that is missing', async () => {
  const { ok, lines } = await examined({
    ...base,
    connections: [{ id: 'a', use: 'nothing' }],
    sources: [{ id: 'siem', use: 'generic', secrets: [{ $env: 'NO_SUCH_SECRET' }] }],
    blocklists: [{ id: 'x', secrets: [{ $file: 'no-such-file' }] }],
  });
  expect(ok).toBe(false);
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringContaining('broken configuration: connections.0 (a): no integration "nothing"') as string,
      expect.stringContaining('the environment variable NO_SUCH_SECRET is not set') as string,
      expect.stringContaining('no-such-file does not exist') as string,
    ]),
  );
});

test('a variable that cannot be used, and a file that is not there', async () => {
  expect((await examined(base, { PORT: 'many' })).lines.join()).toContain(
    'broken environment: The environment cannot be used. PORT',
  );
  const { ok, lines } = await examined(base, { CORDON_CONFIG: join(folder, 'none.ts') });
  expect([ok, lines.join()]).toEqual([false, expect.stringContaining('the file does not exist')]);
});

test('what does not answer is broken within its time: database, Temporal, a connection', async () => {
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  const port = String((deaf.address() as AddressInfo).port);
  const { ok, lines } = await examined(
    {
      ...base,
      connections: [
        { id: 'mail', use: 'smtp', config: { host: '127.0.0.1', port: 9, from: 'a@example.com' } },
      ],
    },
    { DATABASE_URL: `postgres://x@127.0.0.1:9/x`, TEMPORAL_ADDRESS: `127.0.0.1:${port}` },
  );
  for (const socket of sockets) socket.destroy();
  deaf.close();
  expect(ok).toBe(false);
  for (const what of ['database', 'Temporal', 'connection mail'])
    expect(lines.filter((line) => line.startsWith(`broken ${what}`))).toHaveLength(1);
}, 40_000);

test('PostgreSQL is looked at, and nothing is made there', async () => {
  const postgres = await startPostgres();
  try {
    const { lines } = await examined(base, { DATABASE_URL: await postgres.newDatabase() });
    expect(lines).toContainEqual(expect.stringMatching(/^ok database: PostgreSQL \d/));
  } finally {
    postgres.remove();
  }
}, 60_000);

test('a data folder that another process has says whose it is', async () => {
  const unlock = lockDataFolder(join(folder, 'data'));
  expect((await examined(base)).lines.join('\n')).toContain(`in use by process ${String(process.pid)}`);
  unlock();
});

describe('policy and people', () => {
  const found = (config: Partial<ConfigInput>) =>
    sanity(Config.parse({ policy: DEFAULT_POLICY, ...config }))
      .filter(({ status }) => status !== 'ok')
      .map(({ status, what, detail }) => `${status} ${what}: ${detail}`);

  test('high impact needs a lead, but nobody is lead', () => {
    const lines = found({ people: people(['analyst', 'admin'], ['analyst']) as ConfigInput['people'] });
    expect(lines).toEqual([
      expect.stringContaining(
        'broken policy: irreversible: two people, one of them a lead: needs lead, but nobody is',
      ),
      expect.stringContaining('broken policy: high impact: one lead: needs lead, but nobody is'),
    ]);
  });
  test('two people are needed, but there is one', () => {
    expect(found({ people: people(['lead', 'admin']) as ConfigInput['people'] })).toEqual([
      'warning policy: irreversible: two people, one of them a lead: needs 2 different people, but only 1 could answer: add people',
    ]);
  });
  test('a rule that an earlier one leaves nothing for', () => {
    const all = { name: 'all', when: {}, require: 'none' as const };
    const never = { ...all, name: 'dead', when: { mode: ['live' as const] } };
    const lines = found({
      people: people(['lead', 'admin']) as ConfigInput['people'],
      policy: { rules: [all, never] },
    });
    expect(lines).toEqual([
      expect.stringContaining('warning policy: dead: it never applies: "all" comes first'),
    ]);
    const rules = [never, { ...never, name: 'again' }, { ...all, name: 'last' }];
    expect(found({ people: people(['admin']) as ConfigInput['people'], policy: { rules } })).toEqual([
      expect.stringContaining('warning policy: again: it never applies: "dead"'),
    ]);
  });
  test('enough people, no admin, a channel that can never speak, a list that nobody can fetch', () => {
    expect(found({ people: people(['lead', 'admin'], ['analyst']) as ConfigInput['people'] })).toEqual([]);
    const lines = found({
      people: people(['lead'], ['analyst']) as ConfigInput['people'],
      channels: [{ id: 'chat', secrets: [{ $env: 'X' }], people: ['p0', 'p1'], roles: ['analyst'] }],
      connections: [{ id: 'list', use: 'blocklist' }],
    });
    expect(lines).toEqual([
      expect.stringContaining('warning people: nobody is admin'),
      expect.stringContaining('warning channel chat: p0'),
      expect.stringContaining('warning connection list: no firewall can fetch the list blocked'),
    ]);
  });
});
