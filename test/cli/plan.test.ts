import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../../contracts/plan';
import { DEFAULT_POLICY } from '../../contracts/policy';
import { plannerHere } from '../support/planner';
import { startTestServer, type TestServer } from '../support/server';

const ROOT = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'cordon-plan-'));
const file = join(folder, 'alert.json');
const alert = {
  title: 'Mass file encryption\u001b[2J',
  severity: 5,
  techniques: ['T1486'],
  entities: { hosts: ['fin-fs-01', 'dc-01'], accounts: ['m.okafor'] },
};
let server: TestServer;
beforeAll(async () => {
  writeFileSync(file, JSON.stringify(alert));
  server = await startTestServer(
    {
      connections: [{ id: 'edr', use: 'simulated_edr', config: { url: 'http://192.0.2.1' } }],
      assets: [{ id: 'dc-01', kind: 'host', protected: true }],
      budgets: [{ id: 'cuts', actions: ['endpoint.isolate_host'], limit: 0, windowSeconds: 60 }],
      sources: [{ id: 'siem', use: 'generic', secrets: [{ $env: 'X' }] }],
    },
    undefined,
    plannerHere,
  );
  await server.call('PUT', '/api/v1/kill-switch', { body: { on: true, reason: 'test' } });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const cordon = (
  args: string[],
  more: NodeJS.ProcessEnv = {},
): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = {
      PATH: process.env['PATH'],
      CORDON_URL: server.url,
      CORDON_TOKEN: server.tokens['vera'],
      ...more,
    };
    execFile(
      process.execPath,
      [join(ROOT, 'cli/bin.cjs'), ...args],
      { env, cwd: ROOT },
      (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      },
    );
  });

test('is printed like a diff: what is done, asked, refused and held, and what it adds up to', async () => {
  const { code, out, err } = await cordon(['plan', 'ransomware', '--alert', file, '--source', 'siem']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^ {4}\. {3}Collect triage evidence: fin-fs-01 .*by edr \(simulated\)$/m);
  expect(out).toMatch(/^ {4}\+~\? Isolate host: fin-fs-01 \(host, not among the assets\)/m);
  expect(out).toContain('asks 1 lead, within 4 h (request 1): high impact: one lead');
  expect(out).toContain('leased for 3 d, undone by endpoint.release_host');
  expect(out).toContain('held: The kill switch is on: effects wait until it is lifted.');
  expect(out).toContain('held: The budget cuts (0 in 60 s) is used up.');
  expect(out).toMatch(/^ {4}x {3}Isolate host: dc-01 .*\n.*dc-01 is protected/m);
  expect(out).toMatch(/^ {4}x {3}Disable account: m\.okafor .*\n.*No connection serves identity/m);
  expect(out).toContain('Blast radius: 1 host.');
  expect(out).toContain('Request 1: lea can answer.');
  expect(out).toContain('The kill switch is ON');
  expect(out).toMatch(/It waits for a person after .*disable_account/);
  expect(out).not.toContain('\u001b');
});

test('with --json it is the plan itself, under each assumption', async () => {
  const { out } = await cordon(['plan', 'ransomware@1', '--alert', file, '--assume', 'silence', '--json']);
  const plan = JSON.parse(out) as Plan;
  expect(plan).toMatchObject({ planVersion: 1, playbook: { ref: 'ransomware@1' }, assumed: ['silence'] });
  expect(plan.steps.filter(({ guard }) => guard.verdict === 'asks').map(({ outcome }) => outcome)).toEqual([
    'expired',
  ]);
});

test('offline it needs no server and no secret', async () => {
  const { code, out } = await cordon(['plan', 'ransomware', '--alert', file, '--offline', '--json']);
  expect(code).toBe(0);
  expect((JSON.parse(out) as Plan).notes[0]).toMatch(/^Made offline/);
});

test('offline it asks connections with the secrets that are here, and names those that are not', async () => {
  const config = join(folder, 'cordon.config.ts');
  writeFileSync(
    config,
    `export default { policy: ${JSON.stringify(DEFAULT_POLICY)}, connections: [
      { id: 'here', use: 'simulated_edr', config: { url: 'http://127.0.0.1:9' } },
      { id: 'there', use: 'simulated_identity', config: { url: 'http://127.0.0.1:9', token: { $env: 'NO_SUCH_TOKEN' } } },
    ] };`,
  );
  const args = ['plan', 'ransomware', '--alert', file, '--offline', '--check-connections'];
  const { code, out, err } = await cordon(args, { CORDON_CONFIG: config });
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^Connection here: DOWN: .*\(\d+ steps? of this plan\)\.$/m);
  expect(out).toContain(
    'Connection there: not asked: config.token: the environment variable NO_SUCH_TOKEN is not set.',
  );
});

test('the verb tells the server that connections are to be asked', async () => {
  const { code, out } = await cordon(['plan', 'ransomware', '--alert', file, '--check-connections']);
  expect(code).toBe(0);
  expect(out).toMatch(/^Connection edr: /m);
});

test.each([
  [['plan', 'nosuch', '--alert', file], 1, /playbook: there is no nosuch; there are ransomware@1/],
  [
    ['plan', 'ransomware', '--alert', file, '--source', 'no'],
    1,
    /source: there is no source "no"; there are siem/,
  ],
  [['plan', 'ransomware', '--alert', `${file}x`], 1, /--alert: .* cannot be read/],
  [['plan', 'ransomware'], 2, /required option/],
  [['plan', 'ransomware', '--alert', file, '--assume', 'denied', 'silence'], 1, /exclude each other/],
])('%j is refused with what to change', async (args, code, message) => {
  const end = await cordon(args);
  expect([end.code, end.err]).toEqual([code, expect.stringMatching(message)]);
});
