import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** Another process has the data folder; the message names its pid. */
export class DataFolderLocked extends Error {
  override readonly name = 'DataFolderLocked';
  constructor(
    readonly dataDir: string,
    readonly pid: number,
  ) {
    super(
      `The data folder ${dataDir} is in use by process ${String(pid)}. Two processes on one folder lose data: ` +
        `stop that one first, or set CORDON_DATA_DIR to another folder, or DATABASE_URL to share a PostgreSQL.`,
    );
  }
}

const TAKEOVER_STALE_MS = 10_000;
const ATTEMPTS = 200;

/** When a process started, in clock ticks since boot: tells a recycled pid from the one that took the lock. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function isAlive(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startTime(pid);
  return started === undefined || now === undefined || now === started;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function liveOwner(text: string): number | undefined {
  try {
    const { pid, started } = JSON.parse(text) as { pid: number; started?: string };
    return isAlive(pid, started) ? pid : undefined;
  } catch {
    // Cut off while it was written: its writer is dead or has not begun.
    return undefined;
  }
}

function createExclusively(file: string, text: string): boolean {
  try {
    const fd = openSync(file, 'wx');
    writeSync(fd, text);
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Replaces a dead owner's lock. Only one process at a time may try, and it looks again before it does. */
function takeOver(file: string, dead: string, mine: string): boolean {
  const guard = `${file}.takeover`;
  if (!createExclusively(guard, mine)) {
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > TAKEOVER_STALE_MS) rmSync(guard, { force: true });
    return false;
  }
  try {
    if (readText(file) !== dead) return false;
    const next = `${file}.${String(process.pid)}`;
    writeFileSync(next, mine);
    renameSync(next, file);
    return true;
  } finally {
    rmSync(guard, { force: true });
  }
}

/** The living process that has the folder; undefined when nobody has. */
export function ownerOfDataFolder(dataDir: string): number | undefined {
  const text = readText(join(dataDir, 'lock'));
  return text === undefined ? undefined : liveOwner(text);
}

/** Takes the folder for this process alone; a dead owner's lock is taken over. Returns the release. */
export function lockDataFolder(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, 'lock');
  const mine = JSON.stringify({ pid: process.pid, started: startTime(process.pid) });
  const release = (): void => {
    if (readText(file) === mine) rmSync(file, { force: true });
  };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (createExclusively(file, mine)) return release;
    const text = readText(file);
    if (text === undefined) continue;
    const pid = liveOwner(text);
    if (pid !== undefined) throw new DataFolderLocked(dataDir, pid);
    if (takeOver(file, text, mine)) return release;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  throw new Error(`Could not lock ${dataDir}: delete ${file} if no Cordon process runs on this folder.`);
}
