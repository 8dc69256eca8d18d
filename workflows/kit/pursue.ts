import { actionSpec, ACTIONS, endpoint, data, type ActionCall } from '../../contracts/actions';
import type { ActionOutput } from '../../contracts/actions';
import { noteFailure } from './failure';
import { widenByFindings } from './find';
import { isDone, type Order, type Planned } from './ledger';
import { RunEnded, type Run } from './run';
import type { ScopeTarget } from './scope';

/** How often a host is scanned again after a quarantine before a person is asked. */
const SCAN_ROUNDS = 3;

const verb = (action: string): string => action.slice(action.indexOf('.') + 1);

/** Makes an item of a call, or notes that the playbook described something impossible. */
function plan(
  run: Run,
  order: Order,
  target: ScopeTarget,
  call: ActionCall,
  origin?: Planned,
): Planned | undefined {
  const spec = actionSpec(call.action);
  const input = spec.input.safeParse(call.input);
  if (!input.success) {
    run.ledger.note(
      `input:${order.group.id}:${call.action}`,
      `${spec.title} on ${target.key}: the playbook gave an input that does not fit`,
      true,
    );
    return undefined;
  }
  const acted = spec.target(input.data);
  const sameKind = target.key.startsWith(`${acted.kind}:`);
  const id = `${verb(call.action)}/${sameKind ? target.key : acted.key}`.slice(0, 1500);
  const item = {
    id,
    occurrence: run.ledger.nextOccurrence(order, id),
    action: call.action,
    input: input.data as Planned['item']['input'],
    release: false,
    onlyWhenClean: false,
    leaseSeconds: spec.inverse === null ? null : order.leaseSeconds,
  };
  return { item, target, ...(origin === undefined ? {} : { origin }) };
}

/** The releases of what this run contained on a target: the newest containment first. */
function planReleases(run: Run, order: Order, target: ScopeTarget): Planned[] {
  return run.ledger
    .containments(target)
    .reverse()
    .map(({ planned: { item } }) => {
      const id = `release/${item.id}`;
      const occurrence = run.ledger.nextOccurrence(order, id);
      const onlyWhenClean = order.when === 'clean' && target.set === 'hosts';
      const cleanBy = onlyWhenClean && order.by !== undefined ? { cleanBy: [...order.by] } : {};
      return {
        item: { ...item, id, occurrence, release: true, onlyWhenClean, ...cleanBy, leaseSeconds: null },
        target,
      };
    });
}

const renewed = (run: Run, order: Order, planned: Planned): Planned => ({
  ...planned,
  item: { ...planned.item, occurrence: run.ledger.nextOccurrence(order, planned.item.id) },
});

const present = <T>(value: T | undefined): value is T => value !== undefined;
const doneOf = (run: Run, order: Order, planned: readonly Planned[]): Planned[] =>
  planned.filter((one) => isDone(run.ledger.entry(order, one)?.status ?? 'failed'));

/** The output of a settled item, as the action's contract types it; undefined when there is none that fits. */
function outputOf<A extends 'endpoint.scan_av' | 'data.verify_backup'>(
  run: Run,
  order: Order,
  planned: Planned,
  action: A,
): ActionOutput<A> | undefined {
  const result = run.ledger.entry(order, planned)?.result;
  if (planned.item.action !== action || result === undefined || !isDone(result.status)) return undefined;
  const parsed = ACTIONS[action].output.safeParse(result.output);
  return parsed.success ? (parsed.data as ActionOutput<A>) : undefined;
}

/** Verifies each backup first; only what is intact and not dirty is restored, and from that very snapshot. */
async function verified(run: Run, order: Order, restores: readonly Planned[]): Promise<Planned[]> {
  const pairs = restores.flatMap((restore) => {
    const parsed = ACTIONS['data.restore_backup'].input.safeParse(restore.item.input);
    if (!parsed.success) return [];
    const { set, before } = parsed.data;
    const check = plan(
      run,
      order,
      restore.target,
      data.verifyBackup({ set, ...(before === undefined ? {} : { before }) }),
      restore,
    );
    return check === undefined ? [] : [{ restore, check }];
  });
  await run.settle(
    order,
    pairs.map(({ check }) => check),
  );
  return pairs.flatMap(({ restore, check }) => {
    const output = outputOf(run, order, check, 'data.verify_backup');
    const note = `backup:${restore.target.key}`;
    if (output?.intact === true && output.clean !== false) {
      run.ledger.clear(note);
      return [
        {
          ...restore,
          item: { ...restore.item, input: { ...restore.item.input, snapshot: output.snapshot } },
        },
      ];
    }
    const why =
      output === undefined ? 'could not be verified' : output.intact ? 'is not clean' : 'is not intact';
    run.ledger.note(note, `Backup of ${restore.target.key} ${why}: not restored`, true);
    return [];
  });
}

/** Quarantines what scans found and scans again, until the hosts are clean or a person has to look. */
async function quarantineFindings(run: Run, order: Order, scanned: readonly Planned[]): Promise<void> {
  let scans = scanned;
  for (let round = 1; ; round += 1) {
    const dirty = scans.flatMap((scan) => {
      const output = outputOf(run, order, scan, 'endpoint.scan_av');
      const note = `scan:${scan.target.key}`;
      if (output?.clean === true) run.ledger.clear(note);
      if (output === undefined || output.clean) return [];
      const detail =
        output.findings.length > 0
          ? `still finds ${output.findings.length} file(s)`
          : 'could not read everything';
      run.ledger.note(note, `${scan.target.key} is not clean: the scan ${detail}`, true);
      return [{ scan, output }];
    });
    if (dirty.length === 0 || round > SCAN_ROUNDS) return;
    const quarantines = dirty.flatMap(({ scan, output: { host, findings } }) =>
      findings
        .map(({ path, sha256 }) =>
          endpoint.quarantineFile({ host, path, ...(sha256 === undefined ? {} : { sha256 }) }),
        )
        .map((call) => plan(run, order, scan.target, call, scan))
        .filter(present),
    );
    if (quarantines.length === 0) return;
    await run.settle(order, quarantines);
    const moved = new Set(doneOf(run, order, quarantines).map((one) => one.target.key));
    scans = dirty
      .filter(({ scan }) => moved.has(scan.target.key))
      .map(({ scan }) => renewed(run, order, scan));
    if (scans.length === 0) return;
    await run.settle(order, scans);
  }
}

async function pursueItems(run: Run, order: Order, planned: readonly Planned[]): Promise<void> {
  if (planned.length === 0) return;
  const items = order.verify === 'first' ? await verified(run, order, planned) : planned;
  await run.settle(order, items);
  if (order.onFind === 'quarantine') await quarantineFindings(run, order, items);
  if (order.kind !== 'release') return;
  for (const one of items) {
    const entry = run.ledger.entry(order, one);
    const note = `release:${one.item.id}`;
    if (entry?.status === 'denied')
      run.ledger.note(note, `${one.target.key} stays contained: the release was not approved`, true);
    else run.ledger.clear(note);
  }
}

/** Whether the order is for the target; it has met it from then on. */
function meets({ only }: Order, { key, value }: ScopeTarget): boolean {
  if (only?.admits(value) === false) return false;
  only?.met.add(key);
  return true;
}

/** Carries an order out on the targets, each item once more than it was done before. */
export async function pursue(run: Run, order: Order, given: readonly ScopeTarget[]): Promise<void> {
  const targets = given.filter((target) => run.scope.has(target) && meets(order, target));
  if (targets.length === 0) return;
  // Before planning: a containment that is done again at the gate must be released too.
  if (order.kind === 'recover' || order.kind === 'release') await run.gate();
  const planned = targets.flatMap((target) =>
    order.kind === 'release'
      ? planReleases(run, order, target)
      : order
          .make(target.value)
          .map((call) => plan(run, order, target, call))
          .filter(present),
  );
  const unique = [...new Map(planned.map((one) => [one.item.id, one])).values()];
  await pursueItems(run, order, unique);
  for (const one of unique) {
    const { status, result } = run.ledger.entry(order, one) ?? {};
    const what = `${actionSpec(one.item.action).title} on ${one.target.key}`;
    if (status === 'unsupported')
      run.ledger.note(`unsupported:${one.item.id}`, `${what}: no connection can do it`, false);
    if (status === 'denied' && result?.failure?.type === 'approval_expired')
      run.ledger.note(`silence:${one.item.id}`, `${what}: nobody answered`, true);
  }
  await takeFindings(run, order, targets);
}

/** Does again what a failed item was part of, because a person said so. */
export async function retry(run: Run, order: Order, planned: Planned): Promise<void> {
  await pursueItems(run, order, [renewed(run, order, planned.origin ?? planned)]);
  await takeFindings(run, order, [planned.target]);
}

/**
 * Lets what was found join the scope. Findings that come late, after the patience of their order or when a person has it done again,
 * may give later orders something to do for targets for which they had nothing: these meet them then.
 */
async function takeFindings(run: Run, order: Order, targets: readonly ScopeTarget[]): Promise<void> {
  if (order.found === undefined) return;
  await widenByFindings(run, order);
  for (let index = run.orders.indexOf(order) + 1; run.standing; index += 1) {
    const later = run.orders[index];
    if (later === undefined) return;
    if (later.set !== order.set || later.kind === 'recover' || later.kind === 'release') continue;
    const met = new Set(run.ledger.entriesOf(later).map(({ planned }) => planned.target.key));
    const unmet = targets.filter(({ key }) => run.caughtUp.has(key) && !met.has(key));
    await pursue(run, later, unmet);
  }
}

/** Whether an order has left a target out. */
const leftOut = (order: Order, { key, value }: ScopeTarget): boolean =>
  order.only !== undefined && !order.only.met.has(key) && order.only.admits(value);

/**
 * Brings targets that joined late through every order so far, and through those that are added meanwhile; `again`: targets that
 * were there before, through the orders that are for them since an alert only.
 */
export async function catchUp(run: Run, targets: readonly ScopeTarget[], again = false): Promise<void> {
  for (let index = 0; run.standing; index += 1) {
    const order = run.orders[index];
    if (order === undefined) break;
    try {
      await pursue(
        run,
        order,
        targets.filter((target) => target.set === order.set && (!again || leftOut(order, target))),
      );
    } catch (error) {
      // One order that breaks on a newcomer must not keep it from the others.
      if (error instanceof RunEnded || run.host.isEnd(error)) throw error;
      noteFailure(run, error);
    }
  }
  for (const target of targets) if (run.scope.has(target)) run.caughtUp.add(target.key);
}

/** Lets known targets, of which an alert has told something new, meet the orders that had left them out. */
export function meetAgain(run: Run, touched: readonly ScopeTarget[]): void {
  const awaited = touched.filter(
    (target) =>
      run.caughtUp.has(target.key) &&
      run.orders.some((order) => order.set === target.set && leftOut(order, target)),
  );
  if (awaited.length > 0) run.spawn(() => catchUp(run, awaited, true));
}
