import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { startDevServer } from '../../temporal-config/dev-server';
import { BadEnvironment, readEnv } from '../../temporal-config/env';
import { CLI_VERSION, findTemporal } from '../../temporal-config/find-temporal';
import { SEARCH_ATTRIBUTES, setUpNamespace } from '../../temporal-config/namespace';
import { cachedWorkflows } from '../../temporal-config/worker';
import { quietRuntime } from '../support/temporal';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-find-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string, script: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('readEnv', () => {
  test('has defaults for everything', () => {
    expect(readEnv({}, '/srv')).toEqual({
      dataDir: '/srv/.cordon',
      port: 8233,
      host: '127.0.0.1',
      databaseUrl: undefined,
      temporalAddress: undefined,
      taskQueue: 'cordon',
      versioning: undefined,
      configFile: '/srv/cordon.config.ts',
      logLevel: 'info',
    });
  });
  test('a worker is a version of a deployment when both are named, and keeps its runs unless told otherwise', () => {
    const env = { CORDON_DEPLOYMENT: 'cordon', CORDON_BUILD_ID: '1.2.0' };
    expect(readEnv(env).versioning).toEqual({ deployment: 'cordon', buildId: '1.2.0', behavior: 'pinned' });
    expect(readEnv({ ...env, CORDON_VERSIONING: 'auto_upgrade' }).versioning?.behavior).toBe('auto_upgrade');
  });
  test.each([
    [{ PORT: '99999' }, 'PORT'],
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL'],
    [{ CORDON_LOG_LEVEL: 'loud' }, 'CORDON_LOG_LEVEL'],
    [{ CORDON_BUILD_ID: '2026-05-08' }, 'CORDON_BUILD_ID: set it together with CORDON_DEPLOYMENT'],
    [{ CORDON_VERSIONING: 'sticky' }, 'CORDON_VERSIONING'],
  ])('names the variable that cannot be used: %j', (env, name) => {
    expect(() => readEnv(env)).toThrow(BadEnvironment);
    expect(() => readEnv(env)).toThrow(name);
  });
});

describe('findTemporal', () => {
  const never = (): Promise<boolean> => Promise.reject(new Error('must not be tried'));
  const blocked = (): Promise<boolean> => Promise.resolve(false);
  const cached = (): string => join(folder, 'cache', 'cordon', `temporal-cli-${CLI_VERSION}`, 'temporal');
  const env = (): NodeJS.ProcessEnv => ({
    PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
    XDG_CACHE_HOME: join(folder, 'cache'),
  });

  test('takes the one on PATH before the one in the cache', async () => {
    const path = program(join(folder, 'bin', 'temporal'), 'exit 0');
    program(cached(), 'exit 0');
    expect(await findTemporal({ env: env(), tryDownload: never })).toEqual({ kind: 'path', path });
  });
  test('takes the one in the cache before a download', async () => {
    program(cached(), 'exit 0');
    expect(await findTemporal({ env: env(), tryDownload: never })).toEqual({ kind: 'path', path: cached() });
  });
  test('downloads before it builds', async () => {
    program(join(folder, 'bin', 'go'), 'exit 1');
    expect(await findTemporal({ env: env(), tryDownload: () => Promise.resolve(true) })).toEqual({
      kind: 'download',
    });
  });
  test('builds with Go into the cache, and says so', async () => {
    program(join(folder, 'bin', 'go'), 'echo built > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"');
    const said: string[] = [];
    const found = await findTemporal({
      env: env(),
      tryDownload: blocked,
      progress: (message) => said.push(message),
    });
    expect(found).toEqual({ kind: 'path', path: cached() });
    expect(readFileSync(cached(), 'utf8')).toBe('built\n');
    expect(said.join('\n')).toMatch(
      /official download.*\n.*building Temporal.*about 5 minutes.*\n.*is built/s,
    );
  });
  test('leaves nothing behind and lists what it tried when the build fails', async () => {
    program(join(folder, 'bin', 'go'), 'echo no such module >&2; exit 3');
    await expect(findTemporal({ env: env(), tryDownload: blocked })).rejects.toThrow(
      /not on PATH.*download did not answer.*code 3: no such module.*TEMPORAL_ADDRESS/,
    );
    expect(existsSync(cached())).toBe(false);
  });
});

test('the worker cache is sized by memory, within bounds', () => {
  expect(cachedWorkflows(0)).toBe(50);
  expect(cachedWorkflows(360 * 1024 * 10 * 300)).toBe(300);
  expect(cachedWorkflows(1e15)).toBe(2000);
});

describe('the dev server', () => {
  beforeAll(quietRuntime);

  test('keeps its namespace over a restart, and setting it up again changes nothing', async () => {
    const first = await startDevServer({ dataDir: folder });
    let connection = await Connection.connect({ address: first.address });
    await setUpNamespace(connection, 'cordon-test');
    await setUpNamespace(connection, 'cordon-test');
    await connection.close();
    await first.stop();

    const second = await startDevServer({ dataDir: folder });
    connection = await Connection.connect({ address: second.address });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'cordon-test',
    });
    expect(Object.keys(customAttributes)).toEqual(
      expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES).map((key) => key.name)),
    );
    await connection.close();
    await second.stop();
  }, 120_000);

  test('a server left behind by a killed process is stopped; a stranger with its pid is not', async () => {
    const left = await startDevServer({ dataDir: folder });
    const next = await startDevServer({ dataDir: folder });
    expect(
      existsSync(`/proc/${String(left.pid)}/cmdline`) &&
        readFileSync(`/proc/${String(left.pid)}/cmdline`, 'utf8'),
    ).toBeFalsy();
    await next.stop();

    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
    writeFileSync(join(folder, 'temporal.pid'), String(stranger.pid));
    const again = await startDevServer({ dataDir: folder });
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
    stranger.kill('SIGKILL');
    await again.stop();
  }, 120_000);
});
