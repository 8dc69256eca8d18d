import type { ActionId } from '../contracts/actions';
import type { Health } from '../contracts/integration';
import type { Plan, PlanInput, PlannedConnection, PlanStep } from '../contracts/plan';

/** How long all connections of a plan together may take to answer. */
const ANSWER_MS = 5_000;

/** What a connection says of itself. */
export interface Answer {
  health: Health;
  /** What each action needs there, in the product's words. */
  permissions: Readonly<Partial<Record<ActionId, readonly string[]>>>;
}

/** The connection cannot be asked from here, which is no fault of it. */
export class Unasked extends Error {
  override readonly name = 'Unasked';
}

/**
 * Has a connection look at its product, by its id, and read only. What a plan is given is this function, not the connection: there is
 * nothing to act with. Throws `Unasked`; any other error means that the connection is down.
 */
export type Ask = (connection: string, signal: AbortSignal) => Promise<Answer>;

interface Asked {
  said: PlannedConnection;
  permissions: Answer['permissions'];
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function asked(
  { id, integration, simulated }: NonNullable<PlanStep['connection']>,
  ask: Ask,
  limitMs: number,
): Promise<Asked> {
  const named = { id, integration, simulated };
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${String(limitMs / 1000)} s`));
      limit.abort();
    }, limitMs);
  });
  try {
    const { health, permissions } = await Promise.race([ask(id, limit.signal), late]);
    const { ok, detail, missing } = health;
    const said = {
      ...named,
      state: ok ? ('up' as const) : ('down' as const),
      detail,
      missing: missing === undefined ? null : [...missing],
    };
    return { said, permissions };
  } catch (error) {
    const state = error instanceof Unasked ? 'unasked' : 'down';
    return { said: { ...named, state, detail: textOf(error), missing: null }, permissions: {} };
  } finally {
    clearTimeout(timer);
  }
}

/** Why a connection could not do a step, or take it back later. */
function troubleOf({ action, inverse }: PlanStep, { said, permissions }: Asked): string[] {
  if (said.state === 'down') return [`${said.id} is down: ${said.detail}`];
  const lacking = (of: ActionId): string[] =>
    (permissions[of] ?? []).filter((permission) => said.missing?.includes(permission) === true);
  const forIt = lacking(action);
  const forUndo = (inverse === null ? [] : lacking(inverse)).filter((one) => !forIt.includes(one));
  return [
    ...(forIt.length === 0 ? [] : [`${said.id} lacks ${forIt.join(', ')}`]),
    ...(forUndo.length === 0 ? [] : [`${said.id} lacks ${forUndo.join(', ')} to take it back`]),
  ];
}

/**
 * The plan with what the connections say that it would use, where `input` wants that: each is asked once, side by side. One that is
 * down is a line of the plan, never a failure of it.
 */
export async function askedOf(
  plan: Plan,
  { checkConnections = false }: Pick<PlanInput, 'checkConnections'>,
  ask: Ask = () => Promise.reject(new Unasked('connections cannot be asked from here')),
  limitMs = ANSWER_MS,
): Promise<Plan> {
  if (!checkConnections) return plan;
  const used = plan.steps.flatMap(({ connection, outcome }) =>
    connection === null || outcome === 'refused' ? [] : [connection],
  );
  const different = [...new Map(used.map((one) => [one.id, one])).values()];
  const answers = await Promise.all(different.map((one) => asked(one, ask, limitMs)));
  const byId = new Map(answers.map((one) => [one.said.id, one]));
  return {
    ...plan,
    connections: answers.map(({ said }) => said),
    steps: plan.steps.map((step) => {
      const answer = byId.get(step.connection?.id ?? '');
      if (step.connection === null || answer === undefined || step.outcome === 'refused') return step;
      return { ...step, connection: { ...step.connection, trouble: troubleOf(step, answer) } };
    }),
  };
}
