import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CordonError } from '../../contracts/errors';
import type { CallContext } from '../../contracts/integration';
import { Secret } from '../../contracts/secret';
import restic from '../../integrations/restic';
import { hashTree } from '../../integrations/restic/tree';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite, type Fault } from '../contract/contract-suite';

jest.setTimeout(60_000);

const set = { name: 'payroll' };
const PASSWORD = 'correct horse';
const RESTIC = 'restic';
const installed = spawnSync(RESTIC, ['version']).status === 0;
const describeForReal = installed ? describe : describe.skip;

function runRestic(repository: string, ...args: string[]): string {
  const env = { PATH: process.env['PATH'] ?? '', RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: PASSWORD };
  const done = spawnSync(RESTIC, [...args, '--no-cache'], { env, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`restic ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

describeForReal(`restic${installed ? '' : ' (skipped: restic is not installed)'}`, () => {
  const root = mkdtempSync(join(tmpdir(), 'cordon-restic-'));
  const template = join(root, 'template');
  const live = join(root, 'srv', 'pay [roll]');
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const writeGood = (text: string): void => {
    rmSync(join(root, 'srv'), { recursive: true, force: true });
    mkdirSync(join(live, 'deep'), { recursive: true });
    writeFileSync(join(live, 'deep', 'ledger.txt'), text);
    writeFileSync(join(live, 'run.sh'), '#!/bin/sh\n');
    chmodSync(join(live, 'run.sh'), 0o750);
  };
  const encrypt = (): void => {
    writeFileSync(join(live, 'deep', 'ledger.txt'), 'ENCRYPTED');
    rmSync(join(live, 'run.sh'));
    writeFileSync(join(live, 'README_RESTORE.txt'), 'pay us');
  };
  const ledger = (): string => readFileSync(join(live, 'deep', 'ledger.txt'), 'utf8');

  beforeAll(() => {
    runRestic(template, 'init');
    const backup = ['backup', '--host', 'fin-fs-01', join(root, 'srv')];
    writeGood('old');
    runRestic(template, ...backup, '--time', '2026-01-01 10:00:00');
    writeGood('good');
    runRestic(template, ...backup, '--time', '2026-01-02 10:00:00');
    runRestic(template, 'backup', '--host', 'other-fs', join(root, 'srv'), '--time', '2026-01-03 10:00:00');
  });

  interface World {
    repository: string;
    program: string;
    connection: ReturnType<typeof connect>;
  }
  let counter = 0;
  function connect(repository: string, more: Record<string, unknown> = {}) {
    const config = restic.config.parse({
      repository,
      password: new Secret(PASSWORD),
      datasets: { Payroll: { path: live, host: 'fin-fs-01' } },
      timeoutMs: 12_000,
      ...more,
    });
    return restic.connect(config, fakeConnectTools());
  }
  const setup = async (): Promise<World> => {
    const repository = join(root, `repo-${counter++}`);
    cpSync(template, repository, { recursive: true });
    const program = join(repository, 'restic.sh');
    writeFileSync(program, '#!/bin/sh\nexec restic "$@"\n', { mode: 0o755 });
    writeGood('good');
    encrypt();
    return { repository, program, connection: connect(repository, { program }) };
  };
  const teardown = async ({ repository }: World): Promise<void> =>
    rmSync(repository, { recursive: true, force: true });

  /** Flips bytes in the middle of the biggest packs: listing the snapshots still works. */
  const damage = ({ repository }: Pick<World, 'repository'>): void => {
    const folder = join(repository, 'data');
    for (const pack of readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    )) {
      if (!statSync(pack).isFile()) continue;
      const bytes = readFileSync(pack);
      bytes.fill(0xff, 8, 24);
      chmodSync(pack, 0o600);
      writeFileSync(pack, bytes);
    }
  };
  const script = (world: World, text: string): void => writeFileSync(world.program, `#!/bin/sh\n${text}\n`);
  const wrongPassword: Fault<World> = {
    name: 'the password is wrong',
    arrange: (world) => script(world, 'RESTIC_PASSWORD=wrong exec restic "$@"'),
    type: 'auth',
    maybeApplied: false,
  };
  const faults: Fault<World>[] = [
    wrongPassword,
    {
      name: 'restic hangs',
      arrange: (world) => script(world, 'sleep 60 & wait'),
      type: 'timeout',
      maybeApplied: false,
      within: 30_000,
    },
    {
      name: 'there is no repository',
      arrange: ({ repository }) => rmSync(join(repository, 'config')),
      type: 'unavailable',
      maybeApplied: false,
    },
    {
      name: 'restic is not installed',
      arrange: ({ program }) => rmSync(program),
      type: 'unavailable',
      maybeApplied: false,
    },
    {
      name: 'the list of snapshots is something else',
      arrange: (world) => script(world, 'echo "[{}]"'),
      type: 'unexpected_reply',
      maybeApplied: false,
    },
  ];

  contractSuite<World>({
    integration: restic,
    setup,
    teardown,
    cases: {
      'data.verify_backup': {
        input: () => ({ set }),
        faults,
        check: (output) => {
          expect(output).toMatchObject({
            intact: true,
            clean: null,
            findings: [],
            takenAt: '2026-01-02T10:00:00.000Z',
          });
          expect(readdirSync(join(root, 'srv'))).toEqual([basename(live)]);
        },
      },
      'data.restore_backup': {
        input: () => ({ set }),
        inForce: () => ledger() === 'good',
        faults: [
          ...faults,
          { name: 'the repository is damaged', arrange: damage, type: 'rejected', maybeApplied: false },
        ],
        check: async (output) => {
          const { files, sha256 } = await hashTree(live, new AbortController().signal);
          expect(output).toMatchObject({ files: 2, treeSha256: sha256, token: 'a'.repeat(16) });
          expect(files).toBe(2);
          expect(ledger()).toBe('good');
          expect(statSync(join(live, 'run.sh')).mode & 0o777).toBe(0o750);
          expect(existsSync(join(live, 'README_RESTORE.txt'))).toBe(false);
        },
      },
    },
  });

  describe('restoring', () => {
    let world: World;
    beforeEach(async () => {
      world = await setup();
    });
    afterEach(async () => await teardown(world));
    const handler = () => world.connection.handlers['data.restore_backup'];
    const restore = async (
      context: CallContext = fakeCallContext(),
      more: { before?: string; snapshot?: string } = {},
    ) => await handler()?.act({ set, ...more }, context, undefined);
    const revert = async (token: string) =>
      await world.connection.handlers['data.revert_restore']?.act(
        { set, snapshot: 'x', files: 0, token },
        fakeCallContext(),
        undefined,
      );
    /** Dies at the nth fence, as a worker does that is killed there. */
    const dyingAt = (n: number): CallContext => {
      let count = 0;
      return fakeCallContext({
        fence: async () => {
          if (++count === n) throw new CordonError('fenced', 'killed');
        },
      });
    };

    test('takes the newest snapshot before the time, of its own host', async () => {
      expect(await restore(undefined, { before: '2026-01-02T09:00:00Z' })).toMatchObject({ status: 'done' });
      expect(ledger()).toBe('old');
      await expect(
        restore(fakeCallContext({ actionKey: 'b'.repeat(64) }), { before: '2025-01-01T00:00:00Z' }),
      ).rejects.toMatchObject({
        type: 'not_found',
      });
    });

    test('what was replaced is kept whole, and comes back', async () => {
      await restore();
      const kept = join(root, 'srv', `.cordon-${basename(live)}-${'a'.repeat(16)}.replaced`);
      expect(readFileSync(join(kept, 'README_RESTORE.txt'), 'utf8')).toBe('pay us');
      await revert('a'.repeat(16));
      expect(ledger()).toBe('ENCRYPTED');
      expect(existsSync(join(live, 'README_RESTORE.txt'))).toBe(true);
    });

    test('a damaged pack is refused: nothing is swapped, nothing is left beside, verify says not intact', async () => {
      damage(world);
      await expect(restore()).rejects.toMatchObject({ type: 'rejected', maybeApplied: false });
      expect(ledger()).toBe('ENCRYPTED');
      expect(readdirSync(join(root, 'srv'))).toEqual([basename(live)]);
      const verified = await world.connection.handlers['data.verify_backup']?.act(
        { set },
        fakeCallContext(),
        undefined,
      );
      expect(verified).toMatchObject({ output: { intact: false, clean: null } });
    });

    test('a restore that restic fails half way is refused', async () => {
      script(
        world,
        'case $1 in restore) restic "$@"; echo "Fatal: ciphertext verification failed" >&2; exit 1;; esac; exec restic "$@"',
      );
      await expect(restore()).rejects.toMatchObject({
        type: 'rejected',
        message: expect.stringContaining('ciphertext') as string,
      });
      expect(ledger()).toBe('ENCRYPTED');
      expect(readdirSync(join(root, 'srv'))).toEqual([basename(live)]);
    });

    test.each([1, 2, 3])(
      'killed at step %i it reads as not in force, and the next attempt ends it',
      async (step) => {
        await expect(restore(dyingAt(step))).rejects.toMatchObject({ type: 'fenced' });
        expect(ledger()).toBe('ENCRYPTED');
        expect((await handler()?.probe?.({ set }, fakeCallContext()))?.inForce).toBe(false);
        await restore();
        expect(ledger()).toBe('good');
      },
    );

    const beside = (what: string): string =>
      join(root, 'srv', `.cordon-${basename(live)}-${'a'.repeat(16)}.${what}`);

    test('killed between the two renames, the next attempt ends it and the old data is kept', async () => {
      await expect(restore(dyingAt(3))).rejects.toMatchObject({ type: 'fenced' });
      renameSync(live, beside('replaced'));
      expect((await handler()?.probe?.({ set }, fakeCallContext()))?.inForce).toBe(false);
      await restore();
      expect(ledger()).toBe('good');
      await revert('a'.repeat(16));
      expect(ledger()).toBe('ENCRYPTED');
    });

    test('killed after the second rename it reads as in force, with an output that can be undone', async () => {
      await expect(restore(dyingAt(3))).rejects.toMatchObject({ type: 'fenced' });
      renameSync(live, beside('replaced'));
      renameSync(beside('incoming'), live);
      const now = await handler()?.probe?.({ set }, fakeCallContext());
      if (now === undefined) throw new Error('no probe');
      expect(now.inForce).toBe(true);
      const output = handler()?.output?.({ set }, { inForce: false, state: { marker: null } }, now);
      expect(output).toMatchObject({ files: 2, token: 'a'.repeat(16) });
      await revert('a'.repeat(16));
      expect(ledger()).toBe('ENCRYPTED');
    });

    test('data that was changed while it waited for the swap is refused', async () => {
      await expect(restore(dyingAt(3))).rejects.toMatchObject({ type: 'fenced' });
      writeFileSync(join(beside('incoming'), 'run.sh'), 'evil');
      await expect(restore()).rejects.toMatchObject({ type: 'rejected' });
      expect(ledger()).toBe('ENCRYPTED');
    });

    test('a dataset that was deleted comes back', async () => {
      rmSync(live, { recursive: true });
      await restore();
      expect(ledger()).toBe('good');
    });

    test('another effect is not taken for this one', async () => {
      await restore();
      const other = await handler()?.probe?.({ set }, fakeCallContext({ actionKey: 'b'.repeat(64) }));
      expect(other?.inForce).toBe(false);
    });

    test.each(['../../etc', 'A'.repeat(16), ''])('the undo refuses the token %j', async (token) => {
      await expect(revert(token)).rejects.toMatchObject({ type: 'invalid_input' });
    });

    test('a reference to another folder, and an unknown dataset, are refused', async () => {
      const elsewhere = handler()?.act(
        { set: { name: 'payroll', path: '/etc' } },
        fakeCallContext(),
        undefined,
      );
      await expect(elsewhere).rejects.toMatchObject({ type: 'invalid_input' });
      const unknown = handler()?.act({ set: { name: 'crm' } }, fakeCallContext(), undefined);
      await expect(unknown).rejects.toMatchObject({ type: 'not_found' });
    });

    test('the child gets the password, and nothing of our environment', async () => {
      process.env['CORDON_TEST_LEAK'] = 'leaked';
      script(world, `env > '${world.repository}/env'; exec restic "$@"`);
      await restore();
      delete process.env['CORDON_TEST_LEAK'];
      const env = readFileSync(join(world.repository, 'env'), 'utf8');
      expect(env).toContain(`RESTIC_PASSWORD=${PASSWORD}`);
      expect(env).not.toContain('leaked');
    });

    test('a restic that is given up is ended with all that it started', async () => {
      script(world, `sleep 61 & echo $! > '${world.repository}/pid'; wait`);
      const hasty = connect(world.repository, { program: world.program, timeoutMs: 500 });
      const act = hasty.handlers['data.restore_backup']?.act({ set }, fakeCallContext(), undefined);
      await expect(act).rejects.toMatchObject({ type: 'timeout', maybeApplied: false });
      const pid = Number(readFileSync(join(world.repository, 'pid'), 'utf8'));
      await new Promise((done) => setTimeout(done, 200));
      const state = existsSync(`/proc/${pid}/stat`)
        ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]
        : 'gone';
      expect(['gone', 'Z']).toContain(state);
    });
  });
});
