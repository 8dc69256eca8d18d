import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DrillReport, DrillStarted } from '../../contracts/drill';
import { fileRequest, startTestServer, type TestServer } from '../support/server';

const ROOT = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'cordon-drill-'));
const file = join(folder, 'alert.json');
let server: TestServer;
beforeAll(async () => {
  writeFileSync(
    file,
    JSON.stringify({ title: 'Odd\u001b[2J', severity: 4, entities: { hosts: ['fin-ws-042'] } }),
  );
  server = await startTestServer({
    drills: [
      { id: 'quarterly', playbook: 'ransomware@1', alert: {}, cron: '0 9 * * *', zone: 'Europe/Berlin' },
    ],
  });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const cordon = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = {
      PATH: process.env['PATH'],
      CORDON_URL: server.url,
      CORDON_TOKEN: server.tokens['lea'],
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

test('is started with a file or the alert of the demo, is marked in lists, and is reported', async () => {
  const { code, out, err } = await cordon('drill', 'malware_on_endpoint', '--alert', file, '--json');
  expect([code, err]).toEqual([0, '']);
  const { incident, playbook } = JSON.parse(out) as DrillStarted;
  expect(playbook).toBe('malware_on_endpoint@1');
  const said = await cordon('drill', 'ransomware@1');
  expect(said.out).toMatch(/^DRILL INC-\d{4}-\d{6} runs ransomware@1\./);

  expect((await cordon('incidents', 'list')).out).toMatch(/DRILL: Mass file encryption on fin-fs-01/);
  const request = await fileRequest(server.store, incident, [
    { action: 'endpoint.isolate_host', target: 'fin-ws-042' },
  ]);
  expect((await cordon('approvals', 'list')).out).toContain('DRILL: Cut the hosts off');

  const report = await cordon('drill', 'report', incident);
  expect(report.out.split('\n').slice(0, 7)).toEqual([
    expect.stringMatching(
      /^INC-\S+ DRILL: Odd\S* \(malware_on_endpoint@1\), started by person:lea at \S+: open$/,
    ),
    'first decision:    not yet',
    'first containment: not yet (simulated)',
    'Cut the hosts off (containment): open',
    '  first decision not yet, approved not yet; answered by nobody',
    '  could have answered: ana (ana), bo (bo), lea (lea)',
    'requests that nobody answered: 1 of 1',
  ]);
  expect(report.out).not.toContain('\u001b');
  const machine = JSON.parse((await cordon('drill', 'report', incident, '--json')).out) as DrillReport;
  expect(machine.unanswered).toEqual([request]);
});

test('what is scheduled is listed, with when it starts next', async () => {
  const { code, out } = await cordon('drills');
  expect(code).toBe(0);
  expect(out).toMatch(
    /quarterly +│ ransomware@1 +│ 0 9 \* \* \* +│ Europe\/Berlin +│ 2026-07-01T07:00:00.000Z/,
  );
});

test('what cannot be started says why', async () => {
  expect(await cordon('drill', 'nothing')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no made-up alert for nothing.*ransomware/) as string,
  });
  expect(await cordon('drill', 'nothing', '--alert', file)).toMatchObject({
    code: 1,
    err: expect.stringContaining('there is no nothing') as string,
  });
  expect((await cordon('drill', 'ransomware', '--alert', join(folder, 'none'))).err).toContain('--alert');
});
