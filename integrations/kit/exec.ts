import { spawn } from 'node:child_process';
import { CordonError } from '../../contracts/errors';
import { abortError, throwIfAborted } from './abort';

export interface RunOptions {
  /** Program and arguments; no shell is involved. */
  argv: readonly [string, ...string[]];
  /** The whole environment of the child but for PATH: nothing else of ours is inherited. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  timeoutMs: number;
  signal: AbortSignal;
  /** Names the call in messages; the arguments are not printed. */
  what: string;
  /** More than this on stdout is an unexpected reply; 64 MiB when left out. */
  maxBytes?: number;
}

export interface RunResult {
  code: number;
  stdout: Buffer;
  /** At most its last 64 KiB. */
  stderr: string;
}

const STDERR_BYTES = 65_536;
const KILL_AFTER_MS = 2_000;

/**
 * Runs a child process that can't outlive its timeout or its signal: the whole process group gets SIGTERM,
 * two seconds later SIGKILL, and the promise settles once it is gone. A non-zero exit is a result, not an error.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { argv, env = {}, cwd, timeoutMs, signal, what, maxBytes = 64 * 1024 * 1024 } = options;
  throwIfAborted(signal, what);
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what it started ends with it.
    detached: true,
  });

  return await new Promise<RunResult>((resolve, reject) => {
    let failure: CordonError | undefined;
    let hardKill: NodeJS.Timeout | undefined;
    const stdout: Buffer[] = [];
    let bytes = 0;
    let stderr: Buffer = Buffer.alloc(0);

    const killGroup = (name: NodeJS.Signals): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, name);
      } catch {
        // Already gone.
      }
    };
    const stop = (error: CordonError): void => {
      if (failure !== undefined) return;
      failure = error;
      killGroup('SIGTERM');
      hardKill = setTimeout(() => killGroup('SIGKILL'), KILL_AFTER_MS);
    };
    const onAbort = (): void => stop(abortError(signal, what, true));
    const timer = setTimeout(
      () => stop(new CordonError('timeout', `${what}: no end after ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      clearTimeout(hardKill);
      signal.removeEventListener('abort', onAbort);
    };

    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) stop(new CordonError('unexpected_reply', `${what}: more than ${maxBytes} bytes`));
      else stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_BYTES);
    });
    child.on('error', (cause) => {
      settled();
      reject(
        new CordonError('unavailable', `${what}: ${program} does not start`, { cause, maybeApplied: false }),
      );
    });
    child.on('close', (code, killedBy) => {
      settled();
      if (failure !== undefined) reject(failure);
      else if (code === null) {
        const message = `${what}: ${program} was ended by ${killedBy ?? 'a signal'}`;
        reject(new CordonError('unavailable', message, { maybeApplied: true }));
      } else resolve({ code, stdout: Buffer.concat(stdout), stderr: stderr.toString('utf8') });
    });
  });
}
