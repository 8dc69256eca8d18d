import { Agent } from 'node:http';
import { join } from 'node:path';
import { bundleWorkflowCode, NativeConnection } from '@temporalio/worker';
import axios from 'axios';
import { createWorker } from '../../temporal-config/worker';
import type { Call } from '../shapes';

/** The baseline's worker: bundled workflows, Cordon's worker settings, and an activity that makes one HTTP call. */
async function main(address: string, mock: string): Promise<void> {
  const http = axios.create({ baseURL: mock, httpAgent: new Agent({ keepAlive: true }) });
  const connection = await NativeConnection.connect({ address });
  const worker = await createWorker({
    connection,
    namespace: 'default',
    taskQueue: 'baseline',
    activities: {
      act: async ({ method, path, body }: Call): Promise<unknown> =>
        (await http.request<unknown>({ method, url: path, data: body })).data,
    },
    workflowBundle: await bundleWorkflowCode({ workflowsPath: join(__dirname, 'workflows.ts') }),
  });
  const running = worker.run();
  console.log('READY worker');
  await running;
  await connection.close();
}

const [address = '', mock = ''] = process.argv.slice(2);
main(address, mock).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
