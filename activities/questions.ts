import type { AlertView } from '../contracts/alert';
import { correlationKeys, resolveScope, targetKeys } from '../contracts/correlation';
import { CordonError } from '../contracts/errors';
import type { WideningInput } from '../contracts/messages';
import type { QuestionInput, QuestionState } from '../contracts/question';
import { knowEntities } from '../store/correlate';
import { appendJournal } from '../store/journal';
import * as questions from '../store/questions';
import type { Row } from '../store/schema';
import { inTransaction, type Store, type Tx } from '../store/store';
import { newTellings } from '../store/tellings';
import type { RunnerDeps } from './runner-types';

const MAX_NAMED = 200;

async function openIncident(tx: Tx, number: string): Promise<Row<'incidents'>> {
  const incident = await tx
    .selectFrom('incidents')
    .selectAll()
    .where('number', '=', number)
    .forUpdate()
    .executeTakeFirst();
  if (incident === undefined) throw new CordonError('not_found', `There is no incident ${number}.`);
  return incident;
}

/** Asks people, once, and says what has become of the question. The answer is no grant: the guard never reads it. */
export async function askQuestion(store: Store, input: QuestionInput): Promise<QuestionState> {
  const at = await store.now();
  return inTransaction(store, async (tx) => {
    await openIncident(tx, input.incident);
    return questions.askQuestion(tx, input, at);
  });
}

/**
 * What entities that a run has found are, by the assets. From here on alerts about them join the incident, unless it is a drill; the
 * journal says what brought them.
 */
export async function widenScope(
  { store, assets }: Pick<RunnerDeps, 'store' | 'assets'>,
  { incident: number, n, why, source, entities }: WideningInput,
): Promise<{ scope: AlertView['scope'] }> {
  const at = await store.now();
  const scope = resolveScope({ entities }, assets);
  return inTransaction(store, async (tx) => {
    const incident = await openIncident(tx, number);
    if (!(await newTellings(tx, number, [n])).has(n)) return { scope };
    if (incident.mode !== 'drill')
      await knowEntities(tx, number, correlationKeys({ entities, category: 'other' }, assets), at);
    const targets = targetKeys(scope);
    await appendJournal(tx, {
      incident: number,
      at,
      actor: `run:${number}`,
      kind: 'scope_widened',
      data: {
        reason: why,
        ...(source === '' ? {} : { source }),
        targets: targets.slice(0, MAX_NAMED),
        ...(targets.length > MAX_NAMED ? { more: targets.length - MAX_NAMED } : {}),
      },
    });
    return { scope };
  });
}
