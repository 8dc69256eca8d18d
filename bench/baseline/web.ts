import type { AddressInfo } from 'node:net';
import express from 'express';
import { createClient } from '../../temporal-config/client';
import { startDevServer } from '../../temporal-config/dev-server';
import { callsOf, type Shape } from '../shapes';

/** The baseline's webhook: takes the alert and starts the workflow, nothing else. Cordon's dev server is started beside it. */
async function main(dataDir: string): Promise<void> {
  const temporal = await startDevServer({ dataDir });
  const client = createClient({ address: temporal.address, namespace: 'default' });
  const app = express();
  app.use(express.json());
  app.post('/alerts', async (request, response) => {
    const { shape, incident } = request.body as { shape: Shape; incident: number };
    await client.workflow.start('respond', {
      taskQueue: 'baseline',
      workflowId: `incident/${shape}-${String(incident)}`,
      args: [shape, callsOf(shape, incident)],
    });
    response.status(202).json({ accepted: true });
  });
  const server = app.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    console.log(`READY http://127.0.0.1:${String(port)} ${temporal.address}`);
  });
  process.once('SIGTERM', () => {
    server.closeAllConnections();
    server.close();
    void client.connection.close().then(() => temporal.stop());
  });
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
