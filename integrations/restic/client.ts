import { CordonError } from '../../contracts/errors';
import type { DatasetRef } from '../../contracts/values';
import { run, type RunResult } from '../kit/exec';
import { Snapshots, type Dataset, type ResticConfig } from './schemas';

export interface Snapshot {
  id: string;
  takenAt: string;
}

/** The dataset that a reference means. One that names another folder than ours is refused, not guessed. */
export function findDataset(config: ResticConfig, ref: DatasetRef): { name: string; dataset: Dataset } {
  const entries = Object.entries(config.datasets);
  const found = entries.find(([name]) => name.toLowerCase() === ref.name.toLowerCase());
  if (found === undefined) throw new CordonError('not_found', `dataset ${ref.name} is not configured here`);
  const [name, dataset] = found;
  if (ref.path !== undefined && ref.path !== dataset.path) {
    throw new CordonError('invalid_input', `dataset ${name} is ${dataset.path} here, not ${ref.path}`);
  }
  return { name, dataset };
}

export function snapshotPathOf(dataset: Dataset): string {
  return dataset.snapshotPath ?? dataset.path;
}

/** restic as a child process. It only ever reads the repository, so it takes no lock there. */
export class Restic {
  constructor(private readonly config: ResticConfig) {}

  async version(signal: AbortSignal): Promise<string> {
    const { code, stdout } = await this.#restic(['version'], 'restic version', signal);
    if (code !== 0) throw new CordonError('unavailable', 'restic does not run', { maybeApplied: false });
    return stdout.toString('utf8').trim().slice(0, 200);
  }

  /** The snapshot with this id, or the newest one before the time, of those that hold the dataset. */
  async findSnapshot(
    dataset: Dataset,
    wanted: { snapshot?: string | undefined; before?: string | undefined },
    signal: AbortSignal,
  ): Promise<Snapshot> {
    const path = snapshotPathOf(dataset);
    const before = wanted.before === undefined ? Infinity : Date.parse(wanted.before);
    const candidates = (await this.#snapshots(signal))
      .filter(({ hostname }) => dataset.host === undefined || hostname === dataset.host)
      .filter(({ paths }) => paths.some((top) => top === '/' || path === top || path.startsWith(`${top}/`)))
      .filter(({ id }) => wanted.snapshot === undefined || id.startsWith(wanted.snapshot))
      .filter(({ time }) => Date.parse(time) < before)
      .sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
    const [first, second] = candidates;
    if (first === undefined) {
      throw new CordonError('not_found', `no snapshot of ${path} fits`, { maybeApplied: false });
    }
    if (wanted.snapshot !== undefined && second !== undefined) {
      throw new CordonError('invalid_input', 'the snapshot id is ambiguous', { maybeApplied: false });
    }
    return { id: first.id, takenAt: new Date(first.time).toISOString() };
  }

  /** Reads every pack of the repository. What is wrong with it, as restic says; empty when nothing is. */
  async damages(signal: AbortSignal): Promise<string[]> {
    const result = await this.#restic(['check', '--read-data'], 'restic check', signal);
    return result.code === 0 ? [] : complaints(result);
  }

  /**
   * Restores one folder of a snapshot below the target and reads the files back. Without `--no-cache`, a
   * damaged tree is taken from the local cache, and restic says that all is well.
   */
  async restore(snapshot: string, path: string, target: string, signal: AbortSignal): Promise<string[]> {
    // --include takes a pattern, not a path.
    const literal = path.replace(/[\\*?[\]]/g, '\\$&');
    const args = ['restore', snapshot, '--include', literal, '--target', target, '--verify'];
    const result = await this.#restic(args, 'restic restore', signal);
    return result.code === 0 ? [] : complaints(result);
  }

  async #snapshots(signal: AbortSignal) {
    const result = await this.#restic(['snapshots', '--json'], 'restic snapshots', signal);
    if (result.code !== 0) {
      const message = `the snapshots can't be listed: ${complaints(result).join('; ')}`.slice(0, 1000);
      throw new CordonError('rejected', message, { maybeApplied: false });
    }
    try {
      return Snapshots.parse(JSON.parse(result.stdout.toString('utf8'))) ?? [];
    } catch (cause) {
      throw new CordonError('unexpected_reply', 'the list of snapshots does not fit', {
        cause,
        maybeApplied: false,
      });
    }
  }

  async #restic(args: string[], what: string, signal: AbortSignal): Promise<RunResult> {
    const { program, repository, password, timeoutMs, env } = this.config;
    const extra = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]));
    let result: RunResult;
    try {
      result = await run({
        argv: [program, ...args, '--no-cache', '--no-lock'],
        env: { ...extra, RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: password.reveal() },
        timeoutMs,
        signal,
        what,
      });
    } catch (error) {
      // restic only reads, and writes beside the data: whatever became of it, nothing was replaced.
      if (!(error instanceof CordonError)) throw error;
      throw new CordonError(error.type, error.message, { cause: error, maybeApplied: false });
    }
    // Exit codes 10 and 12 since restic 0.17; before, everything is 1 and only the text tells.
    const { code, stderr } = result;
    if (code === 12 || /wrong password or no key found/.test(stderr)) {
      throw new CordonError('auth', `${what}: the repository does not open with this password`, {
        maybeApplied: false,
      });
    }
    if (code === 10 || /unable to open config file|Is there a repository at/.test(stderr)) {
      throw new CordonError('unavailable', `${what}: there is no repository, or it can't be reached`, {
        maybeApplied: false,
      });
    }
    return result;
  }
}

function complaints({ stderr, stdout, code }: RunResult): string[] {
  const lines = `${stderr}\n${stdout.toString('utf8')}`.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => /error|fatal|damaged|invalid|does not match|failed/i.test(line));
  return [`restic ended with ${code}`, ...telling.slice(0, 50).map((line) => line.slice(0, 500))];
}
