import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';
import { endpoint } from '../../contracts/actions';
import { definePlaybook, type Playbook } from '../../workflows/kit/define-playbook';
import type { Words } from '../../workflows/kit/words';

const hostile = (id: string, run: (words: Words) => Promise<void>): Playbook =>
  definePlaybook({ id, version: 1, title: id, answers: [] }, run);

/** What each way out says when a playbook takes it. */
function tryDoors(): string {
  const doors: Record<string, () => unknown> = {
    fetch: () => fetch('http://192.0.2.1:80'),
    connect: () => net.connect(80, '192.0.2.1'),
    listen: () => net.createServer().listen(0),
    datagram: () => dgram.createSocket('udp4'),
    spawn: () => childProcess.spawn('true'),
    exec: () => childProcess.execSync('true'),
  };
  return Object.entries(doors)
    .map(([name, open]) => {
      try {
        open();
        return `${name} opened`;
      } catch (error) {
        return `${name}: ${(error as Error).message}`;
      }
    })
    .join('\n');
}

/** Playbooks that nobody should write; for tests of what a plan bears. */
export const PLAYBOOKS: readonly Playbook[] = [
  hostile('spins', async () => {
    for (;;);
  }),
  hostile('turns', async () => {
    for (;;) await Promise.resolve();
  }),
  hostile('grows', async () => {
    const all: unknown[] = [];
    for (;;) all.push(new Array(100_000).fill(all.length));
  }),
  hostile('loops', async ({ contain, scope }) => {
    for (;;)
      await contain('Again', scope.hosts, (host) => endpoint.isolateHost({ host }), { lease: '1h' }).catch(
        () => undefined,
      );
  }),
  hostile('stays', async ({ watch }) => {
    for (;;) await watch('30d', { onRecurrence: 'contain' });
  }),
  hostile('throws', async () => {
    throw new TypeError('cannot read name of undefined');
  }),
  hostile('exits', async () => {
    process.exit(3);
  }),
  hostile('leaves', async () => {
    throw new Error(tryDoors());
  }),
  hostile('looks', async () => {
    const loaded = Object.keys(require.cache).filter((file) =>
      /\/(store|integrations|server)\/[^/]+|pglite|node_modules\/pg\//.test(file),
    );
    throw new Error(JSON.stringify({ env: Object.keys(process.env), loaded }));
  }),
];
