import type { ActionInput, ActionOutput } from '../../contracts/actions';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Acted, type Health } from '../../contracts/integration';
import { abortError, throwIfAborted } from '../kit/abort';
import { findHost } from '../kit/hosts';
import { readVersion, scanPath, type Clamd } from './client';
import { ClamavConfig } from './schemas';

type ScanInput = ActionInput<'endpoint.scan_av'>;
type ScanOutput = ActionOutput<'endpoint.scan_av'>;

const LIMIT = 1000;

function capped(errors: string[], what: string, total: number): string[] {
  return total <= LIMIT
    ? errors
    : [`${total} ${what}, the first ${LIMIT} are listed`, ...errors].slice(0, LIMIT);
}

/** Scans path after path. Clean only if clamd said so of every one of them. */
async function scan(config: ClamavConfig, input: ScanInput, signal: AbortSignal): Promise<ScanOutput> {
  const { host } = findHost(config.hosts, input.host);
  const clamd: Clamd = { address: host.address, port: host.port, connectTimeoutMs: config.connectTimeoutMs };
  const paths = input.paths ?? host.paths;
  const findings: ScanOutput['findings'] = [];
  const errors: string[] = paths.length === 0 ? ['no path to scan'] : [];
  const engine = await readVersion(clamd, signal);
  for (const path of paths) {
    const lines = await scanPath(clamd, path, config.scanTimeoutMs, signal);
    for (const line of lines) {
      if (line.verdict === 'found') findings.push({ path: line.path, signature: line.signature });
      if (line.verdict === 'error') errors.push(line.message.slice(0, 5000));
    }
  }
  // A database that was exchanged, or a clamd that died, in the meantime makes it another scan.
  const after = await readVersion(clamd, signal);
  if (after !== engine) errors.push(`the engine changed during the scan from ${engine} to ${after}`);
  const notes = capped(errors, 'findings', findings.length);
  return {
    host: input.host,
    clean: findings.length === 0 && errors.length === 0,
    findings: findings.slice(0, LIMIT),
    errors: capped(notes, 'errors', notes.length).slice(0, LIMIT),
    engine,
  };
}

/** Resolves after a while, rejects when the signal fires; `end` forgets it. */
function wait(ms: number, signal: AbortSignal): { promise: Promise<undefined>; end: () => void } {
  const end = new AbortController();
  const promise = new Promise<undefined>((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    signal.addEventListener('abort', () => reject(abortError(signal, 'scan', false)), { signal: end.signal });
    end.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  return { promise, end: () => end.abort() };
}

/** Scans that go on after the call that began them. They live in this process only. */
class Scans {
  readonly #running = new Map<string, Promise<ScanOutput>>();
  readonly #closing = new AbortController();
  constructor(private readonly config: ClamavConfig) {}

  /** The scan's outcome, or pending when it takes longer. A token that this process does not know begins it again. */
  async outcome(token: string, input: ScanInput, signal: AbortSignal): Promise<Acted<ScanOutput>> {
    throwIfAborted(signal, 'scan');
    const scanning = this.#running.get(token) ?? this.#begin(token, input);
    const { pendingAfterMs } = this.config;
    const { promise: later, end } = wait(pendingAfterMs, signal);
    try {
      const output = await Promise.race([scanning, later]);
      if (output === undefined) return { status: 'pending', token, againInMs: pendingAfterMs };
      this.#running.delete(token);
      return { status: 'done', output };
    } catch (error) {
      // A caller that gave up does not end the scan: its retry finds it.
      if (!signal.aborted) this.#running.delete(token);
      throw error;
    } finally {
      end();
    }
  }

  #begin(token: string, input: ScanInput): Promise<ScanOutput> {
    const scanning = scan(this.config, input, this.#closing.signal);
    // Nobody may be waiting when it fails; the next poll is told.
    scanning.catch(() => undefined);
    this.#running.set(token, scanning);
    return scanning;
  }

  close(): void {
    this.#closing.abort();
    this.#running.clear();
  }
}

async function checkHosts(config: ClamavConfig, signal: AbortSignal): Promise<Health> {
  const answers = await Promise.all(
    Object.entries(config.hosts).map(async ([name, { address, port }]) => {
      try {
        return {
          ok: true,
          text: `${name}: ${await readVersion({ address, port, connectTimeoutMs: config.connectTimeoutMs }, signal)}`,
        };
      } catch (error) {
        return {
          ok: false,
          text: `${name}: ${error instanceof CordonError ? error.message : String(error)}`,
        };
      }
    }),
  );
  const failed = answers.filter(({ ok }) => !ok);
  return {
    ok: failed.length === 0,
    detail: (failed.length > 0 ? failed : answers).map(({ text }) => text).join('; '),
  };
}

/** Antivirus scans by the clamd of each host. */
export default defineIntegration({
  id: 'clamav',
  title: 'ClamAV',
  docs: 'https://docs.clamav.net/manual/Usage/Scanning.html',
  simulated: false,
  config: ClamavConfig,
  actions: ['endpoint.scan_av'],
  connect: (config) => {
    const scans = new Scans(config);
    return {
      handlers: {
        'endpoint.scan_av': {
          permissions: ['TCP access to clamd; clamd reads the paths with its own rights'],
          act: (input, { actionKey, signal }) => scans.outcome(actionKey, input, signal),
          poll: (token, input, { signal }) => scans.outcome(token, input, signal),
        },
      },
      check: (signal) => checkHosts(config, signal),
      close: () => {
        scans.close();
        return Promise.resolve();
      },
    };
  },
});
