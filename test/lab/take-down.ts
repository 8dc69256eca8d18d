import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from './component';
import type { Station } from './lab';
import type { Table } from './table';

const STOPPED_MS = 5000;

/** Stops everything, the newest first, and makes sure that nothing runs any more. */
export async function takeDown(
  running: readonly Pick<Component, 'name' | 'stop'>[],
  station: Station,
  table: Table,
): Promise<void> {
  for (const component of [...running].reverse()) {
    try {
      await component.stop();
    } catch (error) {
      table.fail(`stopping ${component.name}`, error);
    }
  }
  await station.stopRest();
  let left = processes();
  await station
    .until('every process to end', () => (left = processes()).length === 0, STOPPED_MS)
    .catch(() => undefined);
  table.row('everything has ended when it was told to', { after: [left.join('\n') || 'yes', 'yes'] });
}

/** What runs in the lab besides ourselves, the first process, and the compiler that reads our own files. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && pid !== '1' && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return command === '' || /esbuild --service/.test(command) ? [] : [command.slice(0, 100)];
      } catch {
        // It has ended since the folder was read.
        return [];
      }
    });
}

/** Which namespaces are ours, for the check from outside afterwards. */
export function writeNamespaces(folder: string): void {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    for (const kind of ['net', 'mnt', 'pid'])
      try {
        found.add(readlinkSync(`/proc/${pid}/ns/${kind}`));
      } catch {
        // It has ended since the folder was read.
      }
  writeFileSync(join(folder, 'namespaces.json'), JSON.stringify([...found]));
}
