import { Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bundleWorkflowCode, NativeConnection } from '@temporalio/worker';
import axios from 'axios';
import express from 'express';
import { createClientOn } from '../../temporal-config/client';
import { startDevServer } from '../../temporal-config/dev-server';
import { createWorker } from '../../temporal-config/worker';
import { callsOf, type Call, type Shape } from '../shapes';

/**
 * The least that one run per incident can cost, with all that is known to be quick: webhook and worker in one process, the
 * start eager, the calls in local activities of the first task. It keeps nothing and checks nothing: no SQL, no signature, no
 * claim, no journal.
 */
async function main(dataDir: string, mock: string): Promise<void> {
  const temporal = await startDevServer({ dataDir });
  const http = axios.create({ baseURL: mock, httpAgent: new Agent({ keepAlive: true }) });
  const call = async ({ method, path, body }: Call): Promise<unknown> =>
    (await http.request<unknown>({ method, url: path, data: body })).data;
  const connection = await NativeConnection.connect({ address: temporal.address });
  const worker = await createWorker({
    connection,
    namespace: 'default',
    taskQueue: 'floor',
    activities: { act: (calls: Call[]): Promise<unknown> => Promise.all(calls.map(call)) },
    workflowBundle: await bundleWorkflowCode({ workflowsPath: join(__dirname, 'workflows.ts') }),
  });
  const running = worker.run();
  const client = createClientOn(connection, 'default');
  const app = express();
  app.use(express.json());
  app.post('/alerts', async (request, response) => {
    const { shape, incident } = request.body as { shape: Shape; incident: number };
    await client.workflow.start('respond', {
      taskQueue: 'floor',
      workflowId: `incident/${shape}-${String(incident)}`,
      requestEagerStart: true,
      args: [shape, callsOf(shape, incident)],
    });
    response.status(202).json({ accepted: true });
  });
  const server = app.listen(0, '127.0.0.1', () => {
    console.log(`READY http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  });
  process.once('SIGTERM', () => {
    server.closeAllConnections();
    server.close();
    worker.shutdown();
    void running.then(() => connection.close()).then(() => temporal.stop());
  });
}

main(process.argv[2] ?? '', process.argv[3] ?? '').catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
