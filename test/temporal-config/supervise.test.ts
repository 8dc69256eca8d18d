import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { superviseDevServer } from '../../temporal-config/dev-server';
import { until } from '../support/cordon-process';
import { quietRuntime } from '../support/temporal';

beforeAll(quietRuntime);

test('a dev server that dies is started again on the same port, until it is stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-supervise-'));
  const said: string[] = [];
  const server = await superviseDevServer({ dataDir: folder, progress: (message) => said.push(message) });
  const pid = (): number => Number(readFileSync(join(folder, 'temporal.pid'), 'utf8'));
  const first = pid();
  process.kill(first, 'SIGKILL');
  await until(
    'Temporal to be back',
    () => said.some((message) => message.startsWith('Temporal is back')),
    60_000,
  );
  const connection = await Connection.connect({ address: server.address });
  await connection.close();
  const second = pid();
  expect(second).not.toBe(first);
  await server.stop();
  expect(() => process.kill(second, 0)).toThrow('ESRCH');
  expect(said.filter((message) => message.startsWith('Temporal ended'))).toHaveLength(1);
  rmSync(folder, { recursive: true, force: true });
}, 120_000);
