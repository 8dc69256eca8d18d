import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ErrorType } from '../../contracts/errors';
import linuxHost from '../../integrations/linux-host';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite, type Fault } from '../contract/contract-suite';
import {
  AgentFolder,
  Estate,
  FakeSshServer,
  HOST_MANAGED,
  MANAGEMENT,
  connect,
  cordonKeys,
  host,
  hostKeys,
  missingForNamespaces,
  type Mood,
} from './linux-host-estate';

const EVIL = 'evil payload\n';
const EVIL_SHA256 = createHash('sha256').update(EVIL).digest('hex');

const missing = missingForNamespaces();
const describeForReal = missing === undefined ? describe : describe.skip;

describeForReal(
  `linux_host with its agent and nft at work${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let estate: Estate;
    beforeAll(async () => {
      estate = await Estate.start();
    });
    afterAll(() => estate.stop());

    /** Runs the agent on the host, as sshd does for a connection that came from `from`. */
    const agent = (
      folder: AgentFolder,
      command: string,
      from = `${MANAGEMENT} 50000 ${HOST_MANAGED} 22`,
    ): Record<string, unknown> => {
      const env = { SSH_ORIGINAL_COMMAND: command, SSH_CONNECTION: from };
      const line = estate.run('host', ['sh', '-c', '"$@" || true', 'sh', ...folder.argv()], env);
      return z.record(z.string(), z.unknown()).parse(JSON.parse(line));
    };
    const base64 = (path: string): string => Buffer.from(path).toString('base64');

    interface World {
      connection: ReturnType<typeof connect>;
      folder: AgentFolder;
      server: FakeSshServer;
      file: string;
    }
    const setup = async (): Promise<World> => {
      estate.run('host', ['nft', 'flush', 'ruleset']);
      const folder = new AgentFolder();
      const server = new FakeSshServer(hostKeys, cordonKeys, (command) =>
        estate.spawnIn('host', folder.argv(), {
          SSH_ORIGINAL_COMMAND: command,
          SSH_CONNECTION: `${MANAGEMENT} 50000 ${HOST_MANAGED} 22`,
        }),
      );
      const file = join(folder.path, "pay roll's.bin");
      writeFileSync(file, EVIL);
      return { connection: connect({ port: await server.listen() }), folder, server, file };
    };
    const teardown = async ({ server, folder }: World): Promise<void> => {
      await server.close();
      folder.remove();
    };
    const mood = (name: string, how: Mood, type: ErrorType, maybeApplied: boolean): Fault<World> => ({
      name,
      arrange: ({ server }) => {
        server.mood = how;
      },
      type,
      maybeApplied,
    });
    const faults = [
      { ...mood('the host takes the command and hangs', 'hang', 'timeout', true), within: 22_000 },
      mood('something else answers', 'garbage', 'unexpected_reply', true),
      mood('the reply is JSON of another shape', 'other_json', 'unexpected_reply', true),
      mood('the agent is not there', 'no_agent', 'unexpected_reply', true),
      mood('the reply is lost', 'lost_reply', 'unavailable', true),
      {
        name: 'the host is down',
        arrange: async ({ server }: World) => await server.close(),
        type: 'unavailable' as const,
        maybeApplied: false,
      },
    ];

    contractSuite<World>({
      integration: linuxHost,
      setup,
      teardown,
      cases: {
        'endpoint.isolate_host': {
          input: () => ({ host }),
          inForce: () => !estate.reaches('peer', 8080),
          faults,
          check: ({ token }) => expect(token).toBe('INC-2026-000042-aaaaaaaaaaaaaaaa'),
        },
        'endpoint.quarantine_file': {
          input: ({ file }) => ({ host, path: file }),
          inForce: ({ file }) => !existsSync(file),
          faults: [
            ...faults,
            {
              name: 'there is no such file',
              arrange: ({ file }) => unlinkSync(file),
              type: 'not_found',
              maybeApplied: false,
            },
            {
              name: 'the path is a symbolic link',
              arrange: ({ file, folder }) => {
                unlinkSync(file);
                symlinkSync(folder.conf, file);
              },
              type: 'rejected',
              maybeApplied: false,
            },
          ],
          check: ({ sha256 }) => expect(sha256).toBe(EVIL_SHA256),
        },
        'endpoint.collect_triage': {
          input: () => ({ host }),
          faults,
          check: ({ evidence }) => {
            const names = evidence.map(({ name }) => name);
            expect(names).toEqual(
              expect.arrayContaining(['fin-ws-042/sockets.txt', 'fin-ws-042/executables.tsv']),
            );
          },
        },
      },
    });

    describe('isolation', () => {
      let folder: AgentFolder;
      beforeEach(() => {
        estate.run('host', ['nft', 'flush', 'ruleset']);
        folder = new AgentFolder();
      });
      afterEach(() => folder.remove());

      test('cuts new and open connections, and leaves the management its port and nothing else', async () => {
        const open = estate.talk('peer', 8080);
        const managed = estate.talk('management', 22);
        expect(await open.echoes('before', 5000)).toBe(true);
        expect(await managed.echoes('before', 5000)).toBe(true);
        expect(agent(folder, 'isolate INC-1')).toMatchObject({ isolated: true, changed: true });
        expect(await open.echoes('after', 700)).toBe(false);
        expect(await managed.echoes('after', 5000)).toBe(true);
        expect(estate.reaches('peer', 22)).toBe(false);
        expect(estate.reaches('management', 8080)).toBe(false);
        expect(estate.reaches('management', 22)).toBe(true);
        expect(agent(folder, 'release INC-1')).toMatchObject({ isolated: false, changed: true });
        expect(estate.reaches('peer', 8080)).toBe(true);
        open.end();
        managed.end();
      });

      test('one in force keeps its tag, and only its own release lifts it', () => {
        agent(folder, 'isolate INC-1');
        expect(agent(folder, 'isolate INC-2')).toMatchObject({
          isolated: true,
          tag: 'INC-1',
          changed: false,
        });
        expect(agent(folder, 'release INC-2')).toMatchObject({ ok: false, error: 'rejected' });
        expect(estate.reaches('peer', 8080)).toBe(false);
        expect(agent(folder, 'release INC-1')).toMatchObject({ isolated: false, changed: true });
        expect(agent(folder, 'release INC-1')).toMatchObject({ isolated: false, changed: false });
      });

      test('one that somebody opened up does not read as isolated, and isolating again repairs it', () => {
        agent(folder, 'isolate INC-1');
        estate.run('host', [
          'nft',
          'insert rule inet cordon_quarantine q_in tcp dport 8080 counter accept comment x',
        ]);
        estate.run('host', ['nft', 'insert rule inet cordon_quarantine q_out tcp sport 8080 accept']);
        expect(estate.reaches('peer', 8080)).toBe(true);
        expect(agent(folder, 'status')).toMatchObject({ isolated: false });
        expect(agent(folder, 'isolate INC-1')).toMatchObject({ isolated: true, changed: true });
        expect(estate.reaches('peer', 8080)).toBe(false);
      });

      test('is refused when it would cut off the caller, and changes nothing', () => {
        const fromElsewhere = `198.51.100.77 50000 ${HOST_MANAGED} 22`;
        expect(agent(folder, 'isolate INC-1', fromElsewhere)).toMatchObject({
          ok: false,
          error: 'misconfigured',
        });
        const byOtherPort = `${MANAGEMENT} 50000 ${HOST_MANAGED} 2222`;
        expect(agent(folder, 'isolate INC-1', byOtherPort)).toMatchObject({
          ok: false,
          error: 'misconfigured',
        });
        const nobody = new AgentFolder('');
        expect(agent(nobody, 'isolate INC-1')).toMatchObject({ ok: false, error: 'misconfigured' });
        nobody.remove();
        expect(estate.run('host', ['nft', 'list', 'tables'])).toBe('');
      });

      test('comes back at boot while it is in force, and not after its release', () => {
        agent(folder, 'isolate INC-1');
        estate.run('host', ['nft', 'flush', 'ruleset']);
        expect(agent(folder, 'status')).toMatchObject({ isolated: false });
        estate.run('host', folder.argv('boot'));
        expect(agent(folder, 'status')).toMatchObject({ isolated: true, tag: 'INC-1' });
        agent(folder, 'release INC-1');
        estate.run('host', folder.argv('boot'));
        expect(agent(folder, 'status')).toMatchObject({ isolated: false });
      });

      test('the management keeps the further ports that the host names', () => {
        writeFileSync(folder.conf, "MANAGEMENT_PORTS='8080 3310'\n", { flag: 'a' });
        expect(agent(folder, 'isolate INC-1')).toMatchObject({ isolated: true });
        expect(estate.reaches('management', 8080)).toBe(true);
        expect(estate.reaches('peer', 8080)).toBe(false);
      });

      test('a management address of IPv6 keeps its neighbour discovery', () => {
        const six = new AgentFolder(`${MANAGEMENT} 2001:db8::13`);
        expect(agent(six, 'isolate INC-1')).toMatchObject({ isolated: true });
        expect(estate.run('host', ['nft', 'list', 'ruleset'])).toContain('nd-neighbor-solicit');
        six.remove();
      });

      test.each([
        '',
        'id',
        'status; id',
        'status $(id)',
        'status x',
        'isolate',
        'isolate a b',
        'release',
        'boot',
        'triage x',
        'status\nid',
        'file-status `id`',
      ])('the agent refuses %j', (command) => {
        expect(agent(folder, command)).toMatchObject({ ok: false, error: 'refused' });
      });
    });

    describe('files', () => {
      let folder: AgentFolder;
      let file: string;
      beforeEach(() => {
        folder = new AgentFolder();
        file = join(folder.path, 'a "b"\n');
        writeFileSync(file, EVIL);
        chmodSync(file, 0o4750);
        utimesSync(file, 1_700_000_000, 1_700_000_000.123);
      });
      afterEach(() => folder.remove());
      const entries = (): string[] =>
        readdirSync(join(folder.store, 'files')).filter((name) => !name.endsWith('.json'));

      test('quarantine stores under the hash with mode 000; restore brings content, mode and time back', () => {
        const before = statSync(file);
        expect(agent(folder, `quarantine ${base64(file)}`)).toMatchObject({
          present: null,
          stored: [EVIL_SHA256],
          changed: true,
        });
        const [entry = ''] = entries();
        expect(entry.startsWith(EVIL_SHA256)).toBe(true);
        expect(statSync(join(folder.store, 'files', entry)).mode & 0o7777).toBe(0);
        expect(JSON.parse(readFileSync(join(folder.store, 'files', `${entry}.json`), 'utf8'))).toMatchObject({
          mode: '4750',
          path64: base64(file),
        });
        agent(folder, `restore-file ${EVIL_SHA256} ${base64(file)}`);
        const after = statSync(file);
        expect([after.mode, after.mtimeMs, after.size]).toEqual([before.mode, before.mtimeMs, before.size]);
        expect(readFileSync(file, 'utf8')).toBe(EVIL);
        expect(entries()).toEqual([]);
      });

      test('two copies of one file are two entries', () => {
        const copy = join(folder.path, 'copy');
        writeFileSync(copy, EVIL);
        agent(folder, `quarantine ${base64(file)}`);
        agent(folder, `quarantine ${base64(copy)}`);
        agent(folder, `restore-file ${EVIL_SHA256} ${base64(file)}`);
        expect([existsSync(file), existsSync(copy)]).toEqual([true, false]);
        agent(folder, `restore-file ${EVIL_SHA256} ${base64(copy)}`);
        expect(readFileSync(copy, 'utf8')).toBe(EVIL);
      });

      test('a file with another hash than the one asked for stays', () => {
        const other = 'b'.repeat(64);
        expect(agent(folder, `quarantine ${base64(file)} ${other}`)).toMatchObject({
          ok: false,
          error: 'rejected',
        });
        expect(existsSync(file)).toBe(true);
      });

      test('restore refuses a target that exists, and a stored file that is damaged', () => {
        agent(folder, `quarantine ${base64(file)}`);
        writeFileSync(file, 'a new one');
        expect(agent(folder, `restore-file ${EVIL_SHA256} ${base64(file)}`)).toMatchObject({
          ok: false,
          error: 'exists',
        });
        expect(readFileSync(file, 'utf8')).toBe('a new one');
        unlinkSync(file);
        const stored = join(folder.store, 'files', entries()[0] ?? '');
        chmodSync(stored, 0o600);
        writeFileSync(stored, 'tampered');
        expect(agent(folder, `restore-file ${EVIL_SHA256} ${base64(file)}`)).toMatchObject({
          ok: false,
          error: 'not_verified',
        });
        expect(existsSync(file)).toBe(false);
      });

      test('restore says so when nothing is stored, and when the folder is gone', () => {
        const never = join(folder.path, 'never');
        expect(agent(folder, `restore-file ${EVIL_SHA256} ${base64(never)}`)).toMatchObject({
          ok: false,
          error: 'not_found',
        });
        mkdirSync(join(folder.path, 'sub'));
        const inside = join(folder.path, 'sub', 'x');
        writeFileSync(inside, EVIL);
        agent(folder, `quarantine ${base64(inside)}`);
        estate.run('host', ['rm', '-r', join(folder.path, 'sub')]);
        expect(agent(folder, `restore-file ${EVIL_SHA256} ${base64(inside)}`)).toMatchObject({
          ok: false,
          error: 'not_found',
        });
        expect(entries()).toHaveLength(1);
      });

      test.each(['relative/path', ''])('the agent refuses the path %j', (path) => {
        expect(agent(folder, `file-status ${base64(path) || '='}`)).toMatchObject({
          ok: false,
          error: 'invalid_input',
        });
      });
    });

    test('triage puts into custody what the host hashed', async () => {
      const world = await setup();
      const taken = new Map<string, string>();
      await world.connection.handlers['endpoint.collect_triage']?.act(
        { host },
        fakeCallContext({
          putEvidence: ({ name, bytes }) => {
            taken.set(name, Buffer.from(bytes).toString());
            return Promise.resolve({
              name,
              sha256: createHash('sha256').update(bytes).digest('hex'),
              bytes: bytes.length,
            });
          },
        }),
        undefined,
      );
      expect(taken.get('fin-ws-042/listening.txt')).toContain(':8080');
      const node = createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
      expect(taken.get('fin-ws-042/executables.tsv')).toContain(node);
      expect(taken.get('fin-ws-042/processes.txt')).toContain('sleep 900');
      await teardown(world);
    });

    test('a lost reply leaves the effect readable: the next probe finds it in force with its token', async () => {
      const world = await setup();
      const isolate = world.connection.handlers['endpoint.isolate_host'];
      world.server.mood = 'lost_reply';
      await expect(isolate?.act({ host }, fakeCallContext(), undefined)).rejects.toMatchObject({
        type: 'unavailable',
        maybeApplied: true,
      });
      world.server.mood = 'good';
      const now = await isolate?.probe?.({ host }, fakeCallContext());
      expect(now).toMatchObject({ inForce: true, state: { tag: 'INC-2026-000042-aaaaaaaaaaaaaaaa' } });
      await teardown(world);
    });
  },
);
