import { inside } from './inside';
import { outside } from './outside';
import { writeRows } from './table';

/** `npm run lab`; with a folder as argument, the part of it that runs in namespaces of its own. */
async function main(): Promise<number> {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) return outside();
  const ending = new AbortController();
  // The other end of the pipe is the process that the person at the terminal sees: when it goes, so does the lab.
  process.stdin.resume();
  process.stdin.once('end', () => ending.abort());
  const table = await inside(folder, ending.signal);
  writeRows(folder, table);
  return table.counts.failed === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
