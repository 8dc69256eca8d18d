import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { throwIfAborted } from '../kit/abort';

export interface Tree {
  files: number;
  sha256: string;
}

const SLASH = Buffer.from('/');

async function hashFile(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * One hash over a folder: for each entry, in the order of the names' bytes, `type mode path NUL content LF`.
 * Content is a file's sha256 or a link's target. Owners and times are left out. Names are bytes: they need not be UTF-8.
 */
export async function hashTree(root: string, signal: AbortSignal): Promise<Tree> {
  const hash = createHash('sha256');
  const files = await addFolder(hash, Buffer.from(root), Buffer.alloc(0), signal);
  return { files, sha256: hash.digest('hex') };
}

async function addFolder(hash: Hash, folder: Buffer, relative: Buffer, signal: AbortSignal): Promise<number> {
  let files = 0;
  for (const name of (await readdir(folder, { encoding: 'buffer' })).sort((a, b) => Buffer.compare(a, b))) {
    throwIfAborted(signal, 'hashing the tree');
    const path = Buffer.concat([folder, SLASH, name]);
    const shown = Buffer.concat([relative, SLASH, name]);
    const stat = await lstat(path);
    const add = (type: string, content: string | Buffer): void => {
      hash
        .update(`${type} ${(stat.mode & 0o7777).toString(8)} `)
        .update(shown)
        .update('\0')
        .update(content)
        .update('\n');
    };
    if (stat.isDirectory()) {
      add('d', '');
      files += await addFolder(hash, path, shown, signal);
    } else if (stat.isFile()) {
      add('f', await hashFile(path));
      files++;
    } else if (stat.isSymbolicLink()) {
      add('l', await readlink(path, { encoding: 'buffer' }));
    } else {
      add('o', '');
    }
  }
  return files;
}
