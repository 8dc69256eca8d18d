import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import axios from 'axios';
import { freePort } from '../temporal-config/dev-server';
import { startChild, type Child } from './processes';
import { alertOf, type Shape } from './shapes';

const TSX = ['--require', 'tsx/cjs'];

/** One of those that are compared, started with an empty data folder. */
export interface Engine {
  /** Processes whose CPU time is the engine's, with all that descends from them. */
  readonly pids: readonly number[];
  /** Posts the alert of an incident; resolves when it is accepted. */
  post(shape: Shape, incident: number): Promise<void>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  dataDir: string;
  mock: string;
  say: (line: string) => void;
  /** More arguments for Node, for a profile of Cordon's process. */
  nodeArgs?: readonly string[];
}

/** Starts the mock that both engines call. */
export const startMock = (): Promise<Child> =>
  startChild({ args: [...TSX, join(__dirname, 'mock.ts')], ready: 'READY' });

/** Cordon as people start it: `cordon up`, everything in one process, a Temporal dev server beside it. */
export async function startCordon({ dataDir, mock, say, nodeArgs = [] }: EngineOptions): Promise<Engine> {
  const port = await freePort();
  const child = await startChild({
    args: [...nodeArgs, join(__dirname, '..', 'cli', 'bin.cjs'), 'up'],
    ready: 'Cordon is ready on',
    env: {
      CORDON_DATA_DIR: dataDir,
      CORDON_CONFIG: join(__dirname, 'cordon.config.ts'),
      PORT: String(port),
      BENCH_MOCK_URL: mock,
      TEMPORAL_ADDRESS: '',
      DATABASE_URL: '',
    },
    // Only what it is doing; it also shows a token.
    say: (line) => {
      if (line.endsWith('…')) say(line);
    },
  });
  const secret = readFileSync(join(dataDir, 'demo-hook-secret'), 'utf8').replace(/^whsec_/, '');
  const key = Buffer.from(secret, 'base64');
  const url = `${child.said}/hooks/demo`;
  return {
    pids: [child.pid],
    post: async (shape, incident) => {
      const body = JSON.stringify(alertOf(shape, incident));
      const id = `msg_${randomUUID()}`;
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      await axios.post(url, Buffer.from(body), {
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
        },
      });
    },
    stop: () => child.stop(),
  };
}

const postTo =
  (url: string): Engine['post'] =>
  async (shape, incident) => {
    await axios.post(`${url}/alerts`, { shape, incident });
  };

/** The floor under anything that has a run per incident, in one process as Cordon. */
export async function startFloor({ dataDir, mock, say }: EngineOptions): Promise<Engine> {
  const args = [...TSX, join(__dirname, 'floor', 'main.ts'), dataDir, mock];
  const child = await startChild({ args, ready: 'READY', say });
  return { pids: [child.pid], post: postTo(child.said), stop: () => child.stop() };
}

/** Bare Temporal: a webhook, a worker, the same dev server with the same file database and settings. */
export async function startBaseline({ dataDir, mock, say }: EngineOptions): Promise<Engine> {
  const web = await startChild({
    args: [...TSX, join(__dirname, 'baseline', 'web.ts'), dataDir],
    ready: 'READY',
    say,
  });
  const [url = '', temporal = ''] = web.said.split(' ');
  try {
    const worker = await startChild({
      args: [...TSX, join(__dirname, 'baseline', 'worker.ts'), temporal, mock],
      ready: 'READY',
    });
    return {
      pids: [web.pid, worker.pid],
      post: postTo(url),
      stop: async () => {
        await worker.stop();
        await web.stop();
      },
    };
  } catch (error) {
    await web.stop();
    throw error;
  }
}
