import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { AlertView } from '../../contracts/alert';
import { NEW_ALERTS_SIGNAL, WAKE_SIGNAL } from '../../contracts/messages';
import { FakeWorld } from './fake-activities';
import { incidentInput } from './incident-fixtures';
import { eventually, PlaybookEnv, type RunUnderTest } from './playbook-env';

const HOUR = 3_600_000;

export interface Scenarios {
  /** `ransomware@1` */
  readonly ref: string;
  readonly alert: AlertView;
  /** Everything that is done when nothing goes wrong, in order, without the close. */
  readonly steps: readonly string[];
  /** The containment that the tests deny, fail and hold. */
  readonly contain: string;
  /** The step that waits until the containment is settled. */
  readonly next: string;
  /** The step that waits until a failed containment has been decided about. */
  readonly gated: string;
  /** What is done again when the same alert comes back during the watch. */
  readonly again: readonly string[];
  /** An alert that joins while the containment waits, and everything that is then done. */
  readonly late: { alert: AlertView; whileWaiting: string; steps: readonly string[] };
}

/** The list with one step moved (and perhaps renamed) to just before another. */
function moved(steps: readonly string[], step: string, before: string, as = step): string[] {
  const rest = steps.filter((one) => one !== step);
  return rest.flatMap((one) => (one === before ? [as, one] : [one]));
}

const CONTAINS = /^(isolate_host|disable_account|revoke_sessions|block_ip)\//;

/** Containments side by side may end in any order: each run of them is sorted. */
function sideBySide(steps: readonly string[]): string[] {
  const sorted: string[] = [];
  for (let at = 0; at < steps.length;) {
    let end = at;
    while (CONTAINS.test(steps[end] ?? '')) end += 1;
    sorted.push(...steps.slice(at, end).sort());
    if (end < steps.length) sorted.push(steps[end] ?? '');
    at = end + 1;
  }
  return sorted;
}

const seen = (world: FakeWorld, phase: string): boolean =>
  [...world.updates, ...world.waves].some(({ progress }) => progress?.phase === phase);

/** Keeps the history of a run for the replay tests, where UPDATE_HISTORIES=1 asks for it. */
export async function storeHistory(ref: string, run: RunUnderTest): Promise<void> {
  if (process.env['UPDATE_HISTORIES'] !== '1') return;
  const folder = join(__dirname, '../replay/histories');
  mkdirSync(folder, { recursive: true });
  const history = temporal.api.history.v1.History.toObject(
    temporal.api.history.v1.History.fromObject(await run.handle.fetchHistory()),
    { longs: String, enums: String, bytes: String },
  );
  writeFileSync(
    join(folder, `${ref}.json`),
    `${JSON.stringify(history)}
`,
  );
}

/** The nine ways that an incident may go, for one playbook on the time-skipping server. */
export function playbookScenarios(spec: Scenarios): void {
  let env: PlaybookEnv;
  let world: FakeWorld;
  const { contain, next, steps } = spec;
  const release = `release/${contain}`;
  const input = incidentInput([spec.alert]);
  /** The containment answers so while `open()`, and as usual afterwards. */
  const whileOpen = (answer: ReturnType<FakeWorld['decide']>, open: () => boolean): void => {
    world.decide = (item) => (item.id === contain && open() ? answer : undefined);
  };
  const asked = (): boolean => world.waves.some(({ items }) => items.some(({ id }) => id === contain));
  const awaiting = (expiresAt = '2999-01-01T00:00:00Z') =>
    ({ status: 'awaiting', request: { id: 'req-1', expiresAt } }) as const;

  beforeAll(async () => {
    env = await PlaybookEnv.start();
  }, 120_000);
  afterAll(() => env.stop());
  beforeEach(() => {
    world = new FakeWorld([spec.alert]);
  });

  test('nothing in the way: all phases in order, and the watch takes days of virtual time only', async () => {
    const run = await env.run(world, input);
    expect(sideBySide(world.done)).toEqual(sideBySide([...steps, 'closed undetermined']));
    expect(run.env.supportsTimeSkipping).toBe(true);
    const { startTime, closeTime } = await run.handle.describe();
    expect((closeTime?.getTime() ?? 0) - startTime.getTime()).toBeGreaterThanOrEqual(72 * HOUR);
    expect(world.waves[0]?.progress).toMatchObject({ playbook: spec.ref });
    expect(world.leases.size).toBe(steps.filter((one) => one.startsWith('block_ip')).length);
  });

  test('approved: the containment happens once the decision wakes the run, others do not wait for it', async () => {
    let open = true;
    whileOpen(awaiting(), () => open);
    await env.run(world, input, async (run) => {
      await eventually(asked, 'people are asked');
      expect(world.done).not.toContain(next);
      open = false;
      await run.decided();
    });
    expect(sideBySide(world.done)).toEqual(
      sideBySide([...moved(steps, contain, next), 'closed undetermined']),
    );
  });

  test('denied: the item is dropped and never released, everything else goes on', async () => {
    whileOpen({ status: 'denied', failure: { type: 'approval_denied', message: 'no' } }, () => true);
    await env.run(world, input);
    const expected = steps
      .filter((one) => one !== release)
      .map((one) => (one === contain ? `${contain} denied` : one));
    expect(sideBySide(world.done)).toEqual(sideBySide([...expected, 'closed undetermined']));
  });

  test('silence: after the expiry it counts as denied, and a person must close the incident', async () => {
    const expiry = (await env.env.currentTimeMs()) + 4 * HOUR;
    world.decide = (item, call) => {
      if (item.id !== contain) return undefined;
      return call === 1
        ? awaiting(new Date(expiry).toISOString())
        : { status: 'denied', failure: { type: 'approval_expired', message: 'silence' } };
    };
    await env.run(world, input, async (run) => {
      await eventually(asked, 'people are asked');
      await env.env.sleep(3 * HOUR);
      expect(world.done.filter((one) => one.startsWith(contain))).toEqual([]);
      await env.env.sleep(1 * HOUR + 60_000);
      await eventually(() => seen(world, 'monitoring'), 'the watch begins');
      await env.env.sleep(40 * 24 * HOUR);
      await eventually(() => seen(world, 'post_incident'), 'the watch ends');
      expect(world.done).not.toContain('closed undetermined');
      expect(world.attention).toContain('nobody answered');
      await run.command({ kind: 'close', id: 'c1', by: 'lead', reason: 'dealt with by hand' });
    });
    const expected = steps.filter((one) => one !== release);
    expect(sideBySide(world.done)).toEqual(
      sideBySide([...moved(expected, contain, next, `${contain} denied`), 'closed undetermined']),
    );
  });

  test('failed: nothing is undone, the rest goes on, and recovery waits for a person who has it done again', async () => {
    world.decide = (item) =>
      item.id === contain && item.occurrence === 1
        ? { status: 'failed', failure: { type: 'rejected', message: 'the product refused' } }
        : undefined;
    await env.run(world, input, async (run) => {
      await eventually(
        () => world.attention?.includes('the product refused') ?? false,
        'attention is called for',
      );
      await eventually(() => world.done.some((one) => one.startsWith('scan_av')), 'eradication goes on');
      await env.env.sleep(48 * HOUR);
      expect(world.done.filter((one) => one === spec.gated)).toEqual([]);
      await run.command({
        kind: 'resolve_item',
        id: 'r1',
        item: contain,
        resolution: 'retry',
        by: 'lead',
        reason: 'fixed',
      });
    });
    const failed = steps.map((one) => (one === contain ? `${contain} failed` : one));
    const expected = failed.flatMap((one) => (one === spec.gated ? [`${contain}#2`, one] : [one]));
    expect(sideBySide(world.done)).toEqual(sideBySide([...expected, 'closed undetermined']));
    expect(world.attention).toBeNull();
  });

  test('cancelled: what is in force stays in force, and the record says so', async () => {
    whileOpen(awaiting(), () => true);
    const ended = env.run(world, input, async (run) => {
      await eventually(
        () => asked() && world.done.some((one) => one.startsWith('block_ip')),
        'the rest is contained',
      );
      await run.handle.cancel();
    });
    await expect(ended).rejects.toThrow(WorkflowFailedError);
    expect(sideBySide(world.done)).toEqual(
      sideBySide(steps.slice(0, steps.indexOf(next)).filter((one) => one !== contain)),
    );
    expect(world.leases.size).toBeGreaterThan(0);
    expect(world.updates.at(-1)?.note).toMatch(/cancelled: containment stays in force/);
  });

  test('recurrence: what came back is contained, cleaned and released once more, and the watch starts over', async () => {
    const run = await env.run(world, input, async ({ handle }) => {
      await eventually(() => seen(world, 'monitoring'), 'the watch begins');
      world.alerts.push({ ...spec.alert, id: 'alert-2', seq: 2, alertKey: 'lab:2' });
      await handle.signal(NEW_ALERTS_SIGNAL);
    });
    expect(sideBySide(world.done)).toEqual(sideBySide([...steps, ...spec.again, 'closed undetermined']));
    await storeHistory(spec.ref, run);
  });

  test('late host: it meets every order so far in order, while the first containment still waits', async () => {
    let open = true;
    whileOpen(awaiting(), () => open);
    await env.run(world, input, async (run) => {
      await eventually(asked, 'people are asked');
      world.alerts.push(spec.late.alert);
      await run.handle.signal(NEW_ALERTS_SIGNAL);
      await eventually(() => world.done.includes(spec.late.whileWaiting), 'the late one is met');
      open = false;
      await run.decided();
    });
    expect(sideBySide(world.done)).toEqual(sideBySide([...spec.late.steps, 'closed undetermined']));
  });

  test('false positive: the verdict of a person lifts everything and closes', async () => {
    whileOpen(awaiting(), () => true);
    await env.run(world, input, async (run) => {
      await eventually(
        () => asked() && world.done.some((one) => one.startsWith('block_ip')),
        'the rest is contained',
      );
      await expect(run.command({ kind: 'verdict' } as never)).rejects.toThrow('Workflow Update failed');
      await run.command({
        kind: 'verdict',
        id: 'v1',
        verdict: 'false_positive',
        by: 'lead',
        reason: 'a drill',
      });
    });
    const before = steps.slice(0, steps.indexOf(next)).filter((one) => one !== contain);
    expect(sideBySide(world.done)).toEqual(
      sideBySide([...before, 'rolled back by lead', 'closed false_positive']),
    );
    expect(world.updates.filter(({ command }) => command?.id === 'v1')).toHaveLength(1);
  });

  test('held: the kill switch holds the containment until it is lifted, then it is done once', async () => {
    let open = true;
    whileOpen({ status: 'held', againInMs: 60 * HOUR }, () => open);
    await env.run(world, input, async (run) => {
      await eventually(asked, 'it is held');
      expect(world.done).not.toContain(next);
      open = false;
      await run.handle.signal(WAKE_SIGNAL);
    });
    expect(sideBySide(world.done)).toEqual(
      sideBySide([...moved(steps, contain, next), 'closed undetermined']),
    );
  });
}
