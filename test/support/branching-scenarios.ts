import { WorkflowFailedError } from '@temporalio/client';
import type { AlertView } from '../../contracts/alert';
import { NEW_ALERTS_SIGNAL, WAKE_SIGNAL, type WaveItem } from '../../contracts/messages';
import type { JsonObject } from '../../contracts/values';
import { FakeWorld } from './fake-activities';
import { incidentInput } from './incident-fixtures';
import { eventually, PlaybookEnv } from './playbook-env';
import { storeHistory } from './playbook-scenarios';

const HOUR = 3_600_000;

export interface BranchingScenarios {
  /** `insider@1` */
  readonly ref: string;
  readonly alert: AlertView;
  /** What people answer, by the name of the question. */
  readonly answers: Readonly<Record<string, JsonObject>>;
  /** Everything that is done when nothing goes wrong, without the close. Its order is for the step-by-step tests. */
  readonly steps: readonly string[];
  /** The containment that the tests deny, hold, and leave without an answer. */
  readonly contain: string;
  /** What is done all the same while the containment waits; and what is not. */
  readonly beside: readonly string[];
  readonly waits: readonly string[];
  /** What waits while a failed containment or eradication is undecided. */
  readonly gated: readonly string[];
  /** What is done again when the same alert comes back during the watch. */
  readonly again: readonly string[];
  /** All that is done when nobody answers any question; what waits is not done, when left out. */
  readonly silent?: readonly string[];
  /** An alert that joins while the containment waits, and what is then done besides. */
  readonly late: {
    readonly alert: AlertView;
    readonly whileWaiting: readonly string[];
    readonly steps: readonly string[];
  };
}

const sorted = (steps: readonly string[]): string[] => [...steps].sort();
const without = (steps: readonly string[], ...gone: readonly string[]): string[] =>
  steps.filter((one) => !gone.includes(one));
const changes = (step: string): boolean => !/^(collect_|export_|scan_)/.test(step);

/** The ways that an incident may go, for a playbook that asks people, on the time-skipping server. */
export function branchingScenarios(spec: BranchingScenarios): void {
  let env: PlaybookEnv;
  let world: FakeWorld;
  const { contain, steps } = spec;
  const release = `release/${contain}`;
  const input = incidentInput([spec.alert], { playbook: spec.ref });
  const end = (...list: readonly string[]): string[] => sorted([...list, 'closed undetermined']);
  const whileOpen = (answer: ReturnType<FakeWorld['decide']>, open: () => boolean): void => {
    world.decide = (item) => (item.id === contain && item.occurrence === 1 && open() ? answer : undefined);
  };
  const awaiting = (expiresAt = '2999-01-01T00:00:00Z') =>
    ({ status: 'awaiting', request: { id: 'req-1', expiresAt } }) as const;
  /** Until everything beside the containment is done, which itself waits. */
  const waiting = async (): Promise<void> => {
    const asked = (): boolean => world.waves.some(({ items }) => items.some(({ id }) => id === contain));
    await eventually(() => asked() && spec.beside.every((one) => world.done.includes(one)), 'it waits');
    expect(world.done.filter((one) => [contain, ...spec.waits].includes(one))).toEqual([]);
  };
  const phase = (name: string): boolean =>
    [...world.updates, ...world.waves].some(({ progress }) => progress?.phase === name);

  beforeAll(async () => {
    env = await PlaybookEnv.start();
  }, 120_000);
  afterAll(() => env.stop());
  beforeEach(() => {
    world = new FakeWorld([spec.alert]);
    for (const [name, answer] of Object.entries(spec.answers)) world.answers.set(`${name}/#1`, answer);
  });

  test('approved: what is beside it does not wait, and the rest follows once the decision wakes the run', async () => {
    let open = true;
    whileOpen(awaiting(), () => open);
    await env.run(world, input, async (run) => {
      await waiting();
      open = false;
      await run.decided();
    });
    expect(sorted(world.done)).toEqual(end(...steps));
  });

  test('denied: the item is dropped and never released, everything else goes on', async () => {
    whileOpen({ status: 'denied', failure: { type: 'approval_denied', message: 'no' } }, () => true);
    await env.run(world, input);
    expect(sorted(world.done)).toEqual(end(...without(steps, contain, release), `${contain} denied`));
  });

  test('silence: after the expiry it counts as denied, and a person must close the incident', async () => {
    const expiry = new Date((await env.env.currentTimeMs()) + 4 * HOUR).toISOString();
    world.decide = (item, call) => {
      if (item.id !== contain) return undefined;
      const failure = { type: 'approval_expired', message: 'silence' } as const;
      return call === 1 ? awaiting(expiry) : { status: 'denied', failure };
    };
    await env.run(world, input, async (run) => {
      await waiting();
      await env.env.sleep(4 * HOUR + 60_000);
      await eventually(() => phase('monitoring'), 'the watch begins');
      await env.env.sleep(40 * 24 * HOUR);
      await eventually(() => phase('post_incident'), 'the watch ends');
      expect(world.done).not.toContain('closed undetermined');
      expect(world.attention).toContain('nobody answered');
      await run.command({ kind: 'close', id: 'c1', by: 'lead', reason: 'dealt with by hand' });
    });
    expect(sorted(world.done)).toEqual(end(...without(steps, contain, release), `${contain} denied`));
  });

  test.each([...new Set(steps)])(
    '%s fails: nothing is undone, what must wait waits, a person is named',
    async (step) => {
      const groupOf = (item: WaveItem): string =>
        world.waves.find(({ items }) => items.includes(item))?.group.id ?? '';
      let failed = '';
      world.decide = (item) => {
        if (item.id !== step || (failed !== '' && failed !== groupOf(item))) return undefined;
        failed = groupOf(item);
        return { status: 'failed', failure: { type: 'rejected', message: 'the product refused' } };
      };
      await env.run(world, input, async (run) => {
        await eventually(() => world.attention?.includes('the product refused') ?? false, 'it is told');
        await env.env.sleep(48 * HOUR);
        const holds = /(^|\/)(contain|eradicate)\//.test(failed);
        if (holds) expect(world.done.filter((one) => spec.gated.includes(one))).toEqual([]);
        expect(world.done).not.toContain('closed undetermined');
        const item = `${failed}/${step}`;
        const resolution = 'skip';
        await run.command({
          kind: 'resolve_item',
          id: 'r1',
          item,
          resolution,
          by: 'lead',
          reason: 'by hand',
        });
      });
      const at = steps.indexOf(step);
      const others = [...steps.slice(0, at), ...steps.slice(at + 1)];
      expect(sorted(world.done)).toEqual(end(...without(others, `release/${step}`), `${step} failed`));
      if (step.startsWith('release/')) expect(world.leases.size).toBeGreaterThan(0);
    },
  );

  test('cancelled: what is in force stays in force, and the record says so', async () => {
    whileOpen(awaiting(), () => true);
    const ended = env.run(world, input, async (run) => {
      await waiting();
      await run.handle.cancel();
    });
    await expect(ended).rejects.toThrow(WorkflowFailedError);
    expect(world.done.filter((one) => one.startsWith('release/'))).toEqual([]);
    expect(world.updates.at(-1)?.note).toMatch(/cancelled: containment stays in force/);
  });

  test('false positive: the verdict of a person lifts everything and closes', async () => {
    whileOpen(awaiting(), () => true);
    await env.run(world, input, async (run) => {
      await waiting();
      const reason = 'it was a test';
      await run.command({ kind: 'verdict', id: 'v1', verdict: 'false_positive', by: 'lead', reason });
    });
    expect(world.done.slice(-2)).toEqual(['rolled back by lead', 'closed false_positive']);
    expect(world.done.filter((one) => [contain, ...spec.waits].includes(one))).toEqual([]);
    expect(world.leases.size).toBe(0);
  });

  test('scope growth: what joins while the containment waits meets the orders that are for it', async () => {
    let open = true;
    whileOpen(awaiting(), () => open);
    await env.run(world, input, async (run) => {
      await waiting();
      world.alerts.push(spec.late.alert);
      await run.handle.signal(NEW_ALERTS_SIGNAL);
      const met = (): boolean => spec.late.whileWaiting.every((one) => world.done.includes(one));
      await eventually(met, 'the late one is met');
      open = false;
      await run.decided();
    });
    expect(sorted(world.done)).toEqual(end(...steps, ...spec.late.steps));
  });

  test('recurrence: what came back is contained once more, and the watch starts over', async () => {
    const run = await env.run(world, input, async ({ handle }) => {
      await eventually(() => phase('monitoring'), 'the watch begins');
      world.alerts.push({ ...spec.alert, id: 'alert-2', seq: 2, alertKey: 'lab:2' });
      await handle.signal(NEW_ALERTS_SIGNAL);
    });
    expect(sorted(world.done)).toEqual(end(...steps, ...spec.again));
    await storeHistory(spec.ref, run);
  });

  test('held: the kill switch holds the containment until it is lifted, then it is done once', async () => {
    let open = true;
    whileOpen({ status: 'held', againInMs: 60 * HOUR }, () => open);
    await env.run(world, input, async (run) => {
      await waiting();
      open = false;
      await run.handle.signal(WAKE_SIGNAL);
    });
    expect(sorted(world.done)).toEqual(end(...steps));
  });

  test('nobody answers: what is done is what the forms say that silence means, and no more', async () => {
    world.answers.clear();
    world.lapse = true;
    await env.run(world, input, async (run) => {
      await env.env.sleep(60 * 24 * HOUR);
      if (!world.done.includes('closed undetermined'))
        await run.command({ kind: 'close', id: 'c1', by: 'lead', reason: 'nobody knows' });
    });
    if (spec.silent !== undefined) expect(sorted(world.done)).toEqual(end(...spec.silent));
    else expect(world.done.filter((one) => spec.waits.includes(one) && changes(one))).toEqual([]);
  });
}
