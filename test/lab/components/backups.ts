import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Component, Contribution, Lab } from '../component';

const PASSWORD = 'restic-Passw0rd';
export const BACKUP_ENV = { LAB_RESTIC_PASSWORD: PASSWORD };
const HOST = 'fin-fs-01';
const FILES = 12;

/** One folder of the file server, its backup repository, and what the files were before the attack. */
export interface Dataset {
  readonly id: string;
  /** As the host knows it. */
  readonly path: string;
  readonly repository: string;
  /** sha256 of each file by its name. */
  readonly originals: ReadonlyMap<string, string>;
}

export interface Backups extends Contribution {
  /** Its repository is sound. */
  readonly finance: Dataset;
  /** Its repository is damaged after the backup. */
  readonly archive: Dataset;
  /** sha256 of each file of the dataset as the host itself reads it now. */
  read(dataset: Dataset): Promise<Map<string, string>>;
  /** What ransomware does: overwrites every file and gives it another name. */
  encrypt(dataset: Dataset): void;
}

/** Two restic repositories with one backup each, one of them damaged afterwards. */
export class BackupsComponent implements Component<Backups> {
  readonly name = 'restic repositories';

  async start(lab: Lab): Promise<Backups> {
    const host = lab.host(HOST);
    const make = async (id: string, path: string): Promise<Dataset> => {
      const repository = join(lab.folder, 'restic', id);
      const folder = join(host.root, path);
      mkdirSync(join(folder, 'reports'), { recursive: true });
      const originals = new Map<string, string>();
      for (let index = 1; index <= FILES; index++) {
        const name = `${index % 2 === 0 ? 'reports/' : ''}${id}-${String(index)}.csv`;
        const rows = Array.from(
          { length: 500 },
          (_, row) => `${String(row)};${id};${String((row * 7919 + index) % 1000)}`,
        );
        const text = `${rows.join('\n')}\n`;
        writeFileSync(join(folder, name), text, { mode: 0o640 });
        originals.set(name, createHash('sha256').update(text).digest('hex'));
      }
      const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: PASSWORD };
      await lab.run(['restic', 'init', '--quiet', '--no-cache'], { env });
      await lab.run(['restic', 'backup', '--quiet', '--no-cache', '--host', HOST, folder], { env });
      return { id, path, repository, originals };
    };
    const [finance, archive] = await Promise.all([
      make('finance-share', '/srv/finance'),
      make('archive-share', '/srv/archive'),
    ]);
    damage(archive.repository);
    const at = (dataset: Dataset): string => join(host.root, dataset.path);
    return {
      finance,
      archive,
      connections: [finance, archive].map((dataset) => ({
        id: `backup-${dataset.id}`,
        use: 'restic',
        concurrency: 1,
        targets: [dataset.id],
        config: {
          repository: dataset.repository,
          password: { $env: 'LAB_RESTIC_PASSWORD' },
          datasets: { [dataset.id]: { path: at(dataset), host: HOST } },
        },
      })),
      assets: [finance, archive].map((dataset) => ({
        id: dataset.id,
        kind: 'dataset',
        host: HOST,
        path: at(dataset),
        criticality: 4,
      })),
      read: async (dataset) => {
        const lines = await host.exec([
          'sh',
          '-c',
          `cd ${dataset.path} && find . -type f -exec sha256sum {} +`,
        ]);
        const pairs = lines
          .trim()
          .split('\n')
          .map((line): [string, string] => [line.slice(68), line.slice(0, 64)]);
        return new Map(pairs.sort(([a], [b]) => a.localeCompare(b)));
      },
      encrypt: (dataset) => {
        for (const name of dataset.originals.keys()) {
          const file = join(at(dataset), name);
          const noise = readFileSync(file).map((byte) => byte ^ 0x5a);
          writeFileSync(file, noise);
          renameSync(file, `${file}.locked`);
        }
      },
      // A restore in force is known by the data that it put aside.
      inForce: async () =>
        [finance, archive].flatMap((dataset) => {
          const { path, id } = dataset;
          const siblings = existsSync(join(host.root, 'srv')) ? readdirSync(join(host.root, 'srv')) : [];
          const replaced = siblings.some(
            (name) => name.startsWith(`.cordon-${path.slice('/srv/'.length)}`) && name.endsWith('.replaced'),
          );
          return replaced ? [`data.restore_backup dataset:${id}`] : [];
        }),
    };
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** Turns one byte in the middle of the largest pack. */
function damage(repository: string): void {
  const packs = readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(repository, 'data', name))
    .filter((file) => statSync(file).isFile())
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const [largest] = packs;
  if (largest === undefined) throw new Error('the repository holds no pack');
  const bytes = readFileSync(largest);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  chmodSync(largest, 0o600);
  writeFileSync(largest, bytes);
}
