import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const READY_MS = 25 * 60_000;
const STOP_MS = 30_000;
const TICK_MS = 10;

/** A child process of the bench that has said that it is ready. */
export interface Child {
  readonly pid: number;
  /** What followed `ready` on its line. */
  readonly said: string;
  /** SIGTERM, then SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  args: readonly string[];
  /** The line that tells that it is ready begins so. */
  ready: string;
  env?: NodeJS.ProcessEnv;
  /** Called with every other line that it says. */
  say?: (line: string) => void;
}

const running = new Set<ChildProcess>();

/** Stops every child. What waits for them fails then, and tidies up. */
export async function stopChildren(): Promise<void> {
  await Promise.all([...running].map(stop));
}

/** Starts a program of this repository with Node, in the repository's root. */
export async function startChild({ args, ready, env, say }: ChildOptions): Promise<Child> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let output = '';
  const told = new Promise<string>((resolve, reject) => {
    const line = (text: string): void => {
      if (text.startsWith(ready)) resolve(text.slice(ready.length).trim());
      else if (text.trim() !== '') say?.(text);
    };
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      rest += chunk.toString('utf8');
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(line);
    });
    child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-20_000)));
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`${args.join(' ')} ended (${String(code)}) before it was ready:\n${output}`));
    });
    setTimeout(() => {
      reject(new Error(`${args.join(' ')} was not ready in time:\n${output}`));
    }, READY_MS).unref();
  });
  try {
    const said = await told;
    return { pid: child.pid ?? 0, said, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}

interface Stat {
  pid: number;
  isTemporal: boolean;
  parent: number;
  cpuMs: number;
}

function stats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'utf8');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
        const isTemporal = text.includes('(temporal');
        return [{ pid: Number(name), isTemporal, parent: Number(fields[1]), cpuMs }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** In ms. */
export interface CpuTime {
  all: number;
  /** Of that, the Temporal server's. */
  temporal: number;
}

/** CPU time of these processes and all their descendants so far. Zero where there is no /proc. */
export function cpuTime(roots: readonly number[]): CpuTime {
  if (process.platform !== 'linux') return { all: 0, temporal: 0 };
  const everybody = stats();
  const family = new Set(roots);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of everybody) if (family.has(parent)) family.add(pid);
  }
  const ours = everybody.filter(({ pid }) => family.has(pid));
  const sum = (some: readonly Stat[]): number => some.reduce((total, one) => total + one.cpuMs, 0);
  return { all: sum(ours), temporal: sum(ours.filter(({ isTemporal }) => isTemporal)) };
}
