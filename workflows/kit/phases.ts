import type { ActionCall, ActionId } from '../../contracts/actions';
import type { Phase } from '../../contracts/values';
import { findingsOf } from './find';
import type { Finding } from './finding';
import type { Order, OrderKind } from './ledger';
import { pursue } from './pursue';
import type { Run } from './run';
import type { LiveSet, Scope, ScopeTarget, SetName } from './scope';

const PHASE_OF: Record<OrderKind, Phase> = {
  collect: 'analysis',
  contain: 'containment',
  eradicate: 'eradication',
  recover: 'recovery',
  release: 'recovery',
};
const MOST_RECURRENCES = 5;

const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 80);

/** Whose words they are: the run's playbook, or one whose body goes on within it. */
export interface Speaker {
  readonly run: Run;
  /** The playbooks within playbooks, outermost first; empty for the run's own. */
  readonly within: readonly string[];
  /** Which targets of a set the orders are for; all, where it says nothing. */
  readonly only: Only;
}

/** Which targets of a set are meant. Read again as alerts join, so it may depend on nothing but the run. */
export type Only = { readonly [S in SetName]?: (target: ValueOf<S>) => boolean };
type ValueOf<S extends SetName> = Scope[S] extends LiveSet<infer T> ? T : never;

type Given4 = Parameters<typeof place> extends [Speaker, ...infer G] ? G : never;
type Given = Omit<Order, 'group' | 'set' | 'make'>;

function place(
  { run, within, only }: Speaker,
  order: Given,
  title: string,
  over: LiveSet<unknown>,
  make: (target: never) => ActionCall | readonly ActionCall[],
): Order {
  run.check();
  const phase = PHASE_OF[order.kind];
  const base = [...within.map((ref) => ref.replace(/@.*$/, '')), order.kind, slug(title)].join('/');
  const same = run.orders.filter(({ group }) => group.id === base || group.id.startsWith(`${base}#`)).length;
  const group = {
    id: same === 0 ? base : `${base}#${same + 1}`,
    phase,
    title,
    reason: `${[run.playbook ?? 'playbook', ...within].join(' > ')}: ${title}`,
  };
  const calls = (value: unknown): readonly ActionCall[] => [make(value as never)].flat();
  const admits = only[over.name] as ((value: unknown) => boolean) | undefined;
  const some = admits === undefined ? {} : { only: { admits, met: new Set<string>() } };
  const whole: Order = { ...order, ...some, group, set: over.name, make: calls };
  run.orders.push(whole);
  run.enter(phase);
  return whole;
}

/** Gives an order over a live set; resolves when every item of the targets known now is settled. */
export function give(speaker: Speaker, ...given: Given4): Promise<void> {
  const { run } = speaker;
  const order = place(speaker, ...given);
  return run.track(pursue(run, order, known(run, given[2])));
}

/** As `give`, but goes on beside the playbook after a while; returns what was found until then. */
export async function collect(
  speaker: Speaker,
  patienceMs: number,
  ...given: Given4
): Promise<Finding<unknown, ActionId>[]> {
  const { run } = speaker;
  const order = place(speaker, ...given);
  const targets = known(run, given[2]);
  const work = (): Promise<void> => pursue(run, order, targets);
  await (targets.length === 0 ? run.track(work()) : atMost(run, patienceMs, work));
  return findingsOf(run, order);
}

const known = (run: Run, over: LiveSet<unknown>): ScopeTarget[] =>
  over.targets().filter(({ key }) => run.caughtUp.has(key));

/** Evidence comes first, but a host that cannot be reached must not keep the others on the network. */
async function atMost(run: Run, patienceMs: number, work: () => Promise<void>): Promise<void> {
  let done = false;
  run.spawn(async () => {
    await work();
    done = true;
  });
  await run.until(() => done, patienceMs);
}

/** The attacker is back, or new targets appeared after recovery: contain, eradicate and release once more. */
export async function recur(run: Run): Promise<void> {
  const byHand = run.hits.length > 0 && run.hits.every((hit) => hit.byHand === true);
  if (!byHand && run.recurrences >= MOST_RECURRENCES) {
    const text = `It came back more than ${MOST_RECURRENCES} times: a person has to look`;
    run.ledger.note('recurrence', text, true);
    await run.flush();
    await run.until(() => false);
  }
  if (run.hits.length > 0 && !byHand) run.recurrences += 1;
  const touched = run.hits.flatMap((alert) => run.scope.absorb(alert).touched);
  run.hits = [];
  const targets = [...new Map(touched.map((target) => [target.key, target])).values()];
  for (const order of run.orders) {
    const again = order.kind === 'contain' || order.kind === 'eradicate' || order.kind === 'release';
    const met = targets.filter(
      (target) => target.set === order.set && (again || !run.caughtUp.has(target.key)),
    );
    if (met.length === 0) continue;
    run.enter(order.group.phase, true);
    await pursue(run, order, met);
  }
  for (const { key } of targets) run.caughtUp.add(key);
}

/** The watch that playbooks within the run's own wanted, where that one has taken none. */
export async function endWatch(run: Run): Promise<void> {
  if (run.wantedWatchSeconds > 0) await watch(run, 0);
}

/** Waits; carries the orders out again on what comes back. The longest watch that was wanted counts. */
export async function watch(run: Run, wantedSeconds: number): Promise<void> {
  const lengthMs = Math.max(wantedSeconds, run.wantedWatchSeconds) * 1000;
  run.wantedWatchSeconds = 0;
  await run.until(() => !run.busy);
  run.standing = false;
  for (;;) {
    run.enter('monitoring', true);
    await run.flush();
    const extension = { ms: 0 };
    run.watchExtension = extension;
    let leftMs = lengthMs;
    try {
      do {
        extension.ms = 0;
        await run.until(() => run.hits.length > 0, leftMs);
        leftMs = extension.ms;
      } while (run.hits.length === 0 && leftMs > 0);
    } finally {
      run.watchExtension = undefined;
    }
    if (run.hits.length === 0) return;
    await recur(run);
  }
}
