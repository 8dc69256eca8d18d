import { actionSpec, type ActionId } from '../../contracts/actions';
import { Entities, type AlertView, type TargetScope } from '../../contracts/alert';
import { targetKeys } from '../../contracts/correlation';
import type { AddedTargets } from '../../contracts/messages';
import { PlaybookError } from './failure';
import type { Additions, Finding } from './finding';
import { isDone, type Entry, type Order } from './ledger';
import type { Run } from './run';

/** What an alert can name at most of one kind; more goes in several batches. */
const BATCH = 100;
/** What one widening may bring of one kind. More is a flood that a person has to look at. */
const MOST_OF_A_KIND = 1000;

/** What the items of an order have said so far. What is not done, or said something that does not fit, is left out. */
export function findingsOf(run: Run, order: Order): Finding<unknown, ActionId>[] {
  return run.ledger.entriesOf(order).flatMap(findingOf);
}

function findingOf({ planned, status, result }: Entry): Finding<unknown, ActionId>[] {
  if (!isDone(status) || planned.item.release) return [];
  const { action } = planned.item;
  const output = actionSpec(action).output.safeParse(result?.output);
  if (!output.success) return [];
  return [{ target: planned.target.value, action, output: output.data } as Finding<unknown, ActionId>];
}

/** Lets what an order has found join the scope, as the order says; what has joined already does not join again. */
export async function widenByFindings(run: Run, order: Order): Promise<void> {
  const { found } = order;
  if (found === undefined) return;
  for (const entry of run.ledger.entriesOf(order))
    for (const finding of findingOf(entry)) {
      const additions = found(finding);
      if (additions === undefined) continue;
      const source = `${order.group.id} ${entry.planned.item.id}`.slice(0, 2000);
      await widen(run, order.group.title, additions, source);
    }
}

/** `widen`: see the words of a playbook. */
export async function widen(
  run: Run,
  why: string,
  additions: Additions,
  source = '',
): Promise<ReadonlySet<string>> {
  run.check();
  const keys = new Set<string>();
  for (const entities of batches(run, why, additions)) {
    const n = run.tellings.next();
    const { number: incident } = run.input;
    const { scope } = await run.host.widenScope({ incident, n, why: why.slice(0, 2000), source, entities });
    for (const key of targetKeys(scope)) keys.add(key);
    takeIn(run, scope, {
      id: `widened-${String(n)}`,
      alertKey: `run:widened-${String(n)}`,
      title: why,
      source: 'run',
    });
  }
  return keys;
}

type Named = Pick<AlertView, 'id' | 'alertKey' | 'title' | 'source'> & { byHand?: true };

/**
 * Takes in what the playbook has found, or a person has added: standing orders meet what is new. After recovery it is an attacker who
 * is further on.
 */
function takeIn(run: Run, scope: TargetScope, named: Named): void {
  const found = { occurredAt: run.scope.firstSeen() ?? new Date(run.host.now()).toISOString(), scope };
  const { added } = run.scope.absorb(found);
  run.additions.push(found);
  if (added.length === 0) return;
  if (run.standing) {
    run.onLate(added);
    return;
  }
  const { severity } = run.input;
  const rest = { category: 'other' as const, techniques: [], resolved: false, severity };
  run.hits.push({ seq: run.seenAlertSeq, ...rest, ...named, ...found });
}

/** Takes in what a person has added, once; what they had taken out before is in reach again. */
export function takeAdded(run: Run, { seq, scope }: AddedTargets, title: string): void {
  if (seq <= run.seenTargetSeq) return;
  run.seenTargetSeq = seq;
  for (const key of targetKeys(scope)) run.scope.removed.delete(key);
  const id = `added-${String(seq)}`;
  takeIn(run, scope, { id, alertKey: `person:${id}`, title, source: 'person', byHand: true });
}

/** The additions that have not joined before, in pieces that an alert could have named. What nothing could be named by is left out. */
function batches(run: Run, why: string, additions: Additions): Entities[] {
  const fresh = Object.entries(additions).map(([kind, list]) => {
    const news = (list as readonly unknown[]).filter((one) => {
      const name = `${kind} ${JSON.stringify(one)}`;
      return !run.widened.has(name) && run.widened.add(name);
    });
    const fit = news.filter((one) => Entities.safeParse({ [kind]: [one] }).success);
    const unfit = news.length - fit.length;
    if (unfit > 0)
      run.ledger.note(`widen:${kind}`, `${why}: ${String(unfit)} of the ${kind} do not name anything`, false);
    if (fit.length > MOST_OF_A_KIND) {
      const text = `${why}: ${String(fit.length)} ${kind} were found, only the first ${String(MOST_OF_A_KIND)} joined`;
      run.ledger.note(`widen:${kind}`, text, true);
    }
    return [kind, fit.slice(0, MOST_OF_A_KIND)] as const;
  });
  const count = Math.max(0, ...fresh.map(([, list]) => Math.ceil(list.length / BATCH)));
  return Array.from({ length: count }, (_, index) => {
    const piece = fresh.map(([kind, list]) => [kind, list.slice(index * BATCH, (index + 1) * BATCH)]);
    const parsed = Entities.safeParse(Object.fromEntries(piece));
    if (parsed.success) return parsed.data;
    throw new PlaybookError(
      `${why}: ${parsed.error.issues[0]?.message ?? 'what was found'} cannot join the scope`,
    );
  });
}
