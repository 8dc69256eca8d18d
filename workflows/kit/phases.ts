import type { ActionCall } from '../../contracts/actions';
import type { Phase } from '../../contracts/values';
import { seconds, type Duration } from './duration';
import type { Order, OrderKind } from './ledger';
import { pursue } from './pursue';
import type { Run } from './run';
import type { LiveSet, Scope, SetName } from './scope';

const PHASE_OF: Record<OrderKind, Phase> = {
  collect: 'analysis',
  contain: 'containment',
  eradicate: 'eradication',
  recover: 'recovery',
  release: 'recovery',
};
const MOST_RECURRENCES = 5;
const COLLECT_PATIENCE_MS = 5 * 60_000;

type Make<T> = (target: T) => ActionCall | readonly ActionCall[];
type Phrase<O> = <T>(title: string, over: LiveSet<T>, make: Make<T>, options: O) => Promise<void>;
type PhraseWithout = <T>(title: string, over: LiveSet<T>, make: Make<T>) => Promise<void>;

/**
 * The words of a playbook. Each phase is a standing order over a live set: it resolves when every item of the targets
 * known now is settled, and it also meets what joins later, until the incident leaves recovery.
 */
export interface Words {
  readonly scope: Pick<Scope, SetName | 'firstSeen'>;
  /** Evidence and findings, before anything changes. Goes on beside the playbook after five minutes. */
  readonly collect: PhraseWithout;
  /** What stops the damage. Each effect is leased: nobody forgets it. */
  readonly contain: Phrase<{ lease: Duration }>;
  /** What removes the cause. With `onFind`, findings of a scan are quarantined under the lease and the host is scanned again. */
  readonly eradicate: <T>(
    title: string,
    over: LiveSet<T>,
    make: Make<T>,
    options?: { onFind: 'quarantine'; lease: Duration },
  ) => Promise<void>;
  /** Brings back what was lost. `verify: 'first'` restores only backups that prove intact and not dirty. Waits while a containment or eradication that failed is undecided. */
  readonly recover: <T>(
    title: string,
    over: LiveSet<T>,
    make: Make<T>,
    options?: { verify: 'first' },
  ) => Promise<void>;
  /** Lifts what this run contained on the targets; hosts with `when: 'clean'` only after a clean scan, or when a lead approves. */
  readonly release: <T>(over: LiveSet<T>, options?: { when: 'clean' }) => Promise<void>;
  /** Waits. An attacker who comes back is contained, cleaned and released again, and the watch starts over, five times at most. */
  readonly watch: (duration: Duration, options: { onRecurrence: 'contain' }) => Promise<void>;
}

const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 80);

function give(
  run: Run,
  order: Omit<Order, 'group' | 'set' | 'make'>,
  title: string,
  over: LiveSet<unknown>,
  make: Make<never>,
): Promise<void> {
  run.check();
  const phase = PHASE_OF[order.kind];
  const base = `${order.kind}/${slug(title)}`;
  const same = run.orders.filter(({ group }) => group.id === base || group.id.startsWith(`${base}#`)).length;
  const group = {
    id: same === 0 ? base : `${base}#${same + 1}`,
    phase,
    title,
    reason: `${run.playbook ?? 'playbook'}: ${title}`,
  };
  const calls = (value: unknown): readonly ActionCall[] => [make(value as never)].flat();
  const whole: Order = { ...order, group, set: over.name, make: calls };
  run.orders.push(whole);
  run.enter(phase);
  const targets = over.targets().filter(({ key }) => run.caughtUp.has(key));
  if (order.kind !== 'collect' || targets.length === 0) return run.track(pursue(run, whole, targets));
  return atMost(run, COLLECT_PATIENCE_MS, () => pursue(run, whole, targets));
}

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
  if (run.recurrences >= MOST_RECURRENCES) {
    const text = `It came back more than ${MOST_RECURRENCES} times: a person has to look`;
    run.ledger.note('recurrence', text, true);
    await run.flush();
    await run.until(() => false);
  }
  if (run.hits.length > 0) run.recurrences += 1;
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

async function watch(run: Run, duration: Duration): Promise<void> {
  await run.until(() => !run.busy);
  run.standing = false;
  for (;;) {
    run.enter('monitoring', true);
    await run.flush();
    const extension = { ms: 0 };
    run.watchExtension = extension;
    let leftMs = seconds(duration) * 1000;
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

/** Binds the words to a run. */
export function words(run: Run): Words {
  return {
    scope: run.scope,
    collect: (title, over, make) => give(run, { kind: 'collect', leaseSeconds: null }, title, over, make),
    contain: (title, over, make, { lease }) =>
      give(run, { kind: 'contain', leaseSeconds: seconds(lease) }, title, over, make),
    eradicate: (title, over, make, options) =>
      give(
        run,
        {
          kind: 'eradicate',
          leaseSeconds: options === undefined ? null : seconds(options.lease),
          ...(options === undefined ? {} : { onFind: options.onFind }),
        },
        title,
        over,
        make,
      ),
    recover: (title, over, make, options) =>
      give(
        run,
        { kind: 'recover', leaseSeconds: null, ...(options === undefined ? {} : { verify: options.verify }) },
        title,
        over,
        make,
      ),
    release: (over, options) =>
      give(
        run,
        { kind: 'release', leaseSeconds: null, ...(options === undefined ? {} : { when: options.when }) },
        `Release ${over.name}`,
        over,
        () => [],
      ),
    watch: (duration) => watch(run, duration),
  };
}
