import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

const STOP_MS = 10_000;
const RUN_MS = 120_000;
const TAIL = 2000;

export interface SpawnOptions {
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** For a program that is run to its end; 120 s when left out. */
  timeoutMs?: number;
  /** What the program reads; nothing when left out. */
  input?: string;
  /** Ends a program that is run to its end. */
  signal?: AbortSignal;
}

/** A program that goes on until it is stopped. */
export interface LabProcess {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** How it ended; undefined while it runs. */
  ended(): string | undefined;
  /** The end of what it printed. */
  output(): string;
  /** Closes its stdin, SIGTERM, and SIGKILL ten seconds later. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts a program with its output in a file. `stdin` is a pipe, closed with the process. */
export function start(
  name: string,
  argv: readonly string[],
  logFile: string,
  options: SpawnOptions = {},
): LabProcess {
  const [program = '', ...args] = argv;
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', log, log],
  });
  closeSync(log);
  let ended: string | undefined;
  const gone = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      ended ??= how;
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(signal ?? `code ${String(code)}`));
  });
  child.stdin?.on('error', () => undefined);
  return {
    name,
    child,
    pid: child.pid ?? -1,
    ended: () => ended,
    output: () => readFileSync(logFile, 'utf8').slice(-TAIL),
    stop: async () => {
      if (ended !== undefined) return;
      child.stdin?.end();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}

/** A program ended with another code than 0, or not in time. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed';
  constructor(
    message: string,
    readonly code: number | undefined,
  ) {
    super(message);
  }
}

/** Runs a program to its end and resolves to its stdout. */
export function run(argv: readonly string[], options: SpawnOptions = {}): Promise<string> {
  const [program = '', ...args] = argv;
  const { timeoutMs = RUN_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const what = argv.join(' ').slice(0, 200);
    child.once('error', (error) => reject(new RunFailed(`${what}: ${error.message}`, undefined)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else
        reject(
          new RunFailed(
            `${what} ended with ${signal ?? `code ${String(code)}`}: ${(err + out).trim().slice(-TAIL)}`,
            code ?? undefined,
          ),
        );
    });
  });
}

/** Whether a program ends with 0; that it cannot be started is a failure of the lab and is thrown. */
export async function succeeds(argv: readonly string[], options?: SpawnOptions): Promise<boolean> {
  try {
    await run(argv, options);
    return true;
  } catch (error) {
    if (error instanceof RunFailed && (error.code !== undefined || /SIGKILL/.test(error.message)))
      return false;
    throw error;
  }
}
