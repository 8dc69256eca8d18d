import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';

/** How a fake misbehaves: `lost_reply` does what was asked and then cuts the connection. */
export type FaultMode = 'slow' | 'rate_limited' | 'error' | 'unavailable' | 'forbidden' | 'lost_reply';

export interface Fault {
  mode: FaultMode;
  /** How many requests it hits; every one until `clear` when left out. */
  times?: number;
  /** Only requests of these methods; all when left out. */
  methods?: readonly string[];
  /** Only requests whose path matches. */
  path?: RegExp;
  /** For `slow`: how long the reply is held back. It is done at once. 2,000 when left out. */
  delayMs?: number;
  /** For `rate_limited`: the Retry-After header. 1 when left out. */
  retryAfterSeconds?: number;
}

/** Makes a fake misbehave on demand. */
export class Faults {
  #active: (Fault & { left: number })[] = [];
  add(fault: Fault): void {
    this.#active.push({ ...fault, left: fault.times ?? Infinity });
  }
  clear(): void {
    this.#active = [];
  }
  /** The fault that hits this request, if any; counts it. */
  take(method: string, path: string): Fault | undefined {
    const found = this.#active.find(
      (fault) =>
        fault.left > 0 &&
        (fault.methods === undefined || fault.methods.includes(method)) &&
        (fault.path === undefined || fault.path.test(path)),
    );
    if (found !== undefined) found.left -= 1;
    return found;
  }
}

export interface FakeRequest {
  method: string;
  path: string;
  params: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

export interface FakeReply {
  status: number;
  body?: unknown;
}

/** What a fake remembers of the calls that changed something, beside its own state. */
export interface Ledger {
  /** State changes by `<action> <target>`. More than one, without an undo in between, is an effect applied twice. */
  applied: Record<string, number>;
  /** Accepted calls by `<action> <target>`, whether or not they still had anything to change. */
  requests: Record<string, number>;
}

export interface FakeTools {
  applied(action: string, target: string): void;
  requested(action: string, target: string): void;
}

export type FakeRoute<S> = readonly [
  method: string,
  path: string,
  handle: (request: FakeRequest, state: S, tools: FakeTools) => FakeReply,
];

export interface FakeOptions<S> {
  /** Any free port when left out. */
  port?: number | undefined;
  seed: S;
  /** The state survives the process here: written before each reply to a call that may change something. */
  stateFile?: string | undefined;
  routes: readonly FakeRoute<S>[];
  /** Answers a request that may not pass, before any route is tried. */
  guard?: (request: FakeRequest, state: S) => FakeReply | undefined;
  /** Lets time work on the state, before each request and each look at it. */
  tick?: (state: S, now: number, tools: FakeTools) => void;
}

export interface FakeServer<S> {
  readonly url: string;
  readonly faults: Faults;
  /** The live state. */
  state(): S;
  ledger(): Ledger;
  stop(): Promise<void>;
}

interface Persisted<S> {
  state: S;
  ledger: Ledger;
}

function readState<S>(file: string | undefined): Persisted<S> | undefined {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Persisted<S>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeState<S>(file: string | undefined, persisted: Persisted<S>): void {
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  // Renamed into place, so that a kill in the middle of it leaves the old state, not half of the new.
  writeFileSync(`${file}.new`, JSON.stringify(persisted));
  renameSync(`${file}.new`, file);
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const want = pattern.split('/');
  const have = path.split('/');
  if (want.length !== have.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of want.entries()) {
    const value = have[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return undefined;
  }
  return params;
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null
    ? (parsed as Record<string, unknown>)
    : { value: parsed };
}

function send(response: ServerResponse, reply: FakeReply, headers: Record<string, string> = {}): void {
  response.writeHead(reply.status, { 'content-type': 'application/json', ...headers });
  response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
}

const REFUSALS: Partial<Record<FaultMode, number>> = {
  rate_limited: 429,
  error: 500,
  unavailable: 503,
  forbidden: 403,
};

/** Starts a stateful stand-in for a product on loopback. It speaks HTTP and JSON, and misbehaves on demand. */
export async function startFakeServer<S>(options: FakeOptions<S>): Promise<FakeServer<S>> {
  const { routes, stateFile } = options;
  const faults = new Faults();
  const kept = readState<S>(stateFile);
  // What an older version has written may lack what a newer one keeps.
  const state: S = { ...structuredClone(options.seed), ...kept?.state };
  const ledger: Ledger = kept?.ledger ?? { applied: {}, requests: {} };
  const count = (book: Record<string, number>, action: string, target: string): void => {
    const key = `${action} ${target}`;
    book[key] = (book[key] ?? 0) + 1;
  };
  const tools: FakeTools = {
    applied: (action, target) => count(ledger.applied, action, target),
    requested: (action, target) => count(ledger.requests, action, target),
  };
  const tick = (): void => options.tick?.(state, Date.now(), tools);
  const held = new Set<NodeJS.Timeout>();

  const answer = (request: FakeRequest): FakeReply => {
    tick();
    const refused = options.guard?.(request, state);
    if (refused !== undefined) return refused;
    for (const [method, pattern, handle] of routes) {
      if (method !== request.method) continue;
      const params = matchPath(pattern, request.path);
      if (params === undefined) continue;
      const reply = handle({ ...request, params }, state, tools);
      writeState(stateFile, { state, ledger });
      return reply;
    }
    return { status: 404, body: { error: 'no such resource' } };
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? '/', 'http://fake');
    const method = incoming.method ?? 'GET';
    const body = await readBody(incoming);
    const fault = faults.take(method, url.pathname);
    const refusal = fault === undefined ? undefined : REFUSALS[fault.mode];
    if (refusal !== undefined) {
      const headers: Record<string, string> =
        fault?.mode === 'rate_limited' ? { 'retry-after': String(fault.retryAfterSeconds ?? 1) } : {};
      send(response, { status: refusal, body: { error: 'fault on demand' } }, headers);
      return;
    }
    const { headers } = incoming;
    const request = { method, path: url.pathname, params: {}, query: url.searchParams, headers, body };
    const reply = answer(request);
    if (fault?.mode === 'lost_reply') incoming.socket.destroy();
    else if (fault?.mode === 'slow') {
      const timer = setTimeout(() => {
        held.delete(timer);
        if (!response.destroyed) send(response, reply);
      }, fault.delayMs ?? 2_000);
      held.add(timer);
    } else send(response, reply);
  };

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => {
      if (!response.headersSent) send(response, { status: 400, body: { error: 'bad request' } });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    state: () => {
      tick();
      return state;
    },
    ledger: () => ledger,
    stop: async () => {
      for (const timer of held) clearTimeout(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
