import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CordonError } from '../../contracts/errors';
import { Marker, type Dataset } from './schemas';

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The folders and the marker of one restore, all beside the dataset: a rename there is one step of the file system. */
export class Place {
  readonly #base: string;
  readonly #live: string;
  readonly #markerPath: string;
  readonly incoming: string;
  readonly replaced: string;
  readonly reverted: string;

  /** `token` names the restore; it becomes part of file names, so nothing but hex digits is taken. */
  constructor(dataset: Dataset, token: string) {
    if (!/^[0-9a-f]{16}$/.test(token)) throw new CordonError('invalid_input', 'the token is not one of ours');
    this.#live = dataset.path;
    this.#base = join(dirname(dataset.path), `.cordon-${basename(dataset.path)}-${token}`);
    this.#markerPath = `${this.#base}.json`;
    this.incoming = `${this.#base}.incoming`;
    this.replaced = `${this.#base}.replaced`;
    this.reverted = `${this.#base}.reverted`;
  }

  /** A new, empty folder for one attempt; whatever an earlier one left is not mixed in. */
  async createStaging(): Promise<string> {
    const staging = `${this.#base}.staging-${randomUUID().slice(0, 8)}`;
    await mkdir(staging, { mode: 0o700 });
    return staging;
  }

  async readMarker(): Promise<Marker | undefined> {
    let text: string;
    try {
      text = await readFile(this.#markerPath, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return Marker.parse(JSON.parse(text));
    } catch (cause) {
      throw new CordonError('unexpected_reply', `${this.#markerPath} is damaged`, { cause });
    }
  }

  async writeMarker(marker: Marker): Promise<void> {
    const draft = `${this.#markerPath}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(marker)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#markerPath);
  }

  /** Whether the swap is complete: nothing waits any more, and what was there before is kept. */
  async isSwapped(incoming: string, aside: string): Promise<boolean> {
    return !(await exists(incoming)) && (await exists(this.#live)) && (await exists(aside));
  }

  /** Throws when the dataset can't be renamed: then nothing is begun. */
  async assertSwappable(): Promise<void> {
    if (!(await exists(this.#live))) return;
    const [live, parent] = [await lstat(this.#live), await stat(dirname(this.#live))];
    if (!live.isDirectory())
      throw new CordonError('rejected', `${this.#live} is not a folder`, { maybeApplied: false });
    if (live.dev !== parent.dev) {
      throw new CordonError('rejected', `${this.#live} is a mount point: it can't be swapped`, {
        maybeApplied: false,
      });
    }
  }

  async adopt(folder: string): Promise<void> {
    await rm(this.incoming, { recursive: true, force: true });
    await rename(folder, this.incoming);
  }

  /** Puts `incoming` in the dataset's place and keeps what was there as `aside`. Can be continued after a crash. */
  async swap(incoming: string, aside: string): Promise<void> {
    if (await this.isSwapped(incoming, aside)) return;
    if (!(await exists(incoming)))
      throw new CordonError('not_found', `${incoming} is gone`, { maybeApplied: false });
    if (await exists(this.#live)) {
      if (await exists(aside))
        throw new CordonError('rejected', `${this.#live} has come up again beside ${aside}`);
      await rename(this.#live, aside);
    } else if (!(await exists(aside))) {
      // The dataset had been deleted. The undo gives an empty folder.
      await mkdir(aside);
    }
    await rename(incoming, this.#live);
  }
}
