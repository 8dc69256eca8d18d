import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACTIONS_PER_INCIDENT } from './shapes';

/**
 * The product that both engines call, in a process of its own: state in memory, an answer at once. It speaks the API of the
 * simulated firewall and identity provider, and stamps each state-changing call with the machine's monotonic clock.
 */

interface User {
  id: string;
  login: string;
  enabled: boolean;
  lock_id: string | null;
  sessions: number;
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const rules = new Map<string, string>();
const users = new Map<string, User>();
/** Arrival of each state-changing call, by incident. */
let calls = new Map<number, number[]>();
let waiting: { incidents: number[]; answer: () => void }[] = [];

const isDone = (incident: number): boolean => (calls.get(incident)?.length ?? 0) >= ACTIONS_PER_INCIDENT;

function stamp(incident: number): void {
  const stamps = calls.get(incident) ?? [];
  stamps.push(now());
  calls.set(incident, stamps);
  if (stamps.length !== ACTIONS_PER_INCIDENT) return;
  const done = waiting.filter(({ incidents }) => incidents.every(isDone));
  waiting = waiting.filter((one) => !done.includes(one));
  for (const { answer } of done) answer();
}

function userOf(login: string): User {
  const known = users.get(login);
  if (known !== undefined) return known;
  const user = { id: `usr-${login}`, login, enabled: true, lock_id: null, sessions: 2 };
  users.set(login, user);
  return user;
}

function block(method: string, ip: string): object {
  if (method === 'PUT') {
    stamp(Number.parseInt(ip.split(':')[2] ?? '', 16));
    if (!rules.has(ip)) rules.set(ip, `rule-${String(rules.size + 1)}`);
  }
  return { ip, rule_id: rules.get(ip) ?? null };
}

function change(user: User, verb: string): object {
  stamp(Number(user.login.slice('bench-'.length)));
  if (verb === 'revoke-sessions') {
    const revoked = user.sessions;
    user.sessions = 0;
    return { revoked };
  }
  user.enabled = verb === 'enable';
  user.lock_id = user.enabled ? null : `lock-${user.login}`;
  return user;
}

function product(method: string, url: URL): object | undefined {
  const [, , , kind, id, verb] = url.pathname.split('/').map(decodeURIComponent);
  if (kind === 'blocks' && id !== undefined) return block(method, id);
  if (kind !== 'users') return undefined;
  if (method === 'GET') return { users: [userOf(url.searchParams.get('login') ?? '')] };
  return id === undefined || verb === undefined ? undefined : change(userOf(id.slice('usr-'.length)), verb);
}

function send(response: ServerResponse, body: object | undefined): void {
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body ?? { error: 'no such resource' }));
}

/** The driver's own questions: when did what arrive, and tell me once these incidents are done. */
function control(url: URL, text: string, response: ServerResponse): void {
  if (url.pathname === '/bench/calls') {
    send(response, Object.fromEntries(calls));
    calls = new Map();
    return;
  }
  const incidents = JSON.parse(text) as number[];
  const answer = (): void => {
    send(response, {});
  };
  if (incidents.every(isDone)) answer();
  else waiting.push({ incidents, answer });
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://mock');
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (url.pathname.startsWith('/bench/')) control(url, Buffer.concat(chunks).toString('utf8'), response);
    else send(response, product(request.method ?? 'GET', url));
  });
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  console.log(`READY http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
});
