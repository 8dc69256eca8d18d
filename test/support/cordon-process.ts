import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import axios, { type AxiosResponse } from 'axios';
import { Webhook } from 'standardwebhooks';

const ROOT = join(__dirname, '..', '..');
const READY_MS = 120_000;
const CALL_MS = 20_000;

/** Waits for a condition, looking every 50 ms unless told otherwise. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 30_000,
  everyMs = 50,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${String(limitMs)} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** A `cordon` in a process of its own, started, killed and started again. */
export class CordonProcess {
  #child: ChildProcess | undefined;
  #output = '';

  constructor(
    readonly verb: 'up' | 'server' | 'worker',
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** What it has said since it was last started. */
  get output(): string {
    return this.#output;
  }

  get exitCode(): number | null | undefined {
    return this.#child?.exitCode;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it without waiting for anything. */
  launch(): void {
    const child = spawn(process.execPath, [join(ROOT, 'cli', 'bin.cjs'), this.verb], {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'production', ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        if (this.#child === child) this.#output += chunk.toString('utf8');
      });
  }

  /** Starts it and waits for its ready line. */
  async start(): Promise<void> {
    this.launch();
    await this.said(/Cordon (server |worker )?is ready/);
  }

  /** Waits until it has said something; throws with all it said when it ends before. */
  async said(what: RegExp, limitMs = READY_MS): Promise<void> {
    await until(
      `${this.verb} to say ${String(what)}`,
      () => what.test(this.#output) || !this.isRunning,
      limitMs,
    );
    if (!what.test(this.#output)) throw new Error(`cordon ${this.verb} ended:\n${this.#output}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}

/** Runs a verb of the CLI to its end. */
export async function cordonCli(
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'cli', 'bin.cjs'), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

/** Headers of the Standard Webhooks for a body. */
export function signed(
  secret: string,
  body: string,
  id = `msg_${randomUUID()}`,
  at = new Date(),
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

export interface Accepted {
  deliveryId: string;
  alerts: string[];
}

/** Posts a body to the demo source; every status is an answer. */
export function postHook(
  url: string,
  body: string,
  headers: Record<string, string>,
): Promise<AxiosResponse<Accepted>> {
  return axios.post<Accepted>(`${url}/hooks/demo`, Buffer.from(body), {
    headers: { 'Content-Type': 'application/json', ...headers },
    validateStatus: () => true,
    timeout: CALL_MS,
  });
}

/** One call of the API; every status is an answer. */
export function callApi<T>(
  url: string,
  token: string,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: unknown,
): Promise<AxiosResponse<T>> {
  return axios.request<T>({
    method,
    url: `${url}/api/v1${path}`,
    data: body,
    headers: { Authorization: `Bearer ${token}` },
    validateStatus: () => true,
    timeout: CALL_MS,
  });
}
