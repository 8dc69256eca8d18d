import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { startDevServer, type DevServer } from '../../temporal-config/dev-server';
import { setUpNamespace } from '../../temporal-config/namespace';
import { createTimeSkipping } from '../../temporal-config/test-server';

let installed = false;

/** Only errors are worth reading in a test's output. Called before anything makes a Runtime. */
export function quietRuntime(): void {
  if (installed) return;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}

/** A server on which 72 hours pass in a moment. One per test file. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  const env = await createTimeSkipping();
  await setUpNamespace(env.connection, env.namespace ?? 'default');
  return env;
}

/** The real dev server on a file database of its own. */
export async function startLocal(): Promise<DevServer & { dataDir: string }> {
  quietRuntime();
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-temporal-'));
  const server = await startDevServer({ dataDir });
  const connection = await Connection.connect({ address: server.address });
  await setUpNamespace(connection, 'default');
  await connection.close();
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...server, dataDir, stop };
}
