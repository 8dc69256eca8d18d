import {
  ACTIONS,
  actionSpec,
  targetOf,
  type ActionId,
  type ActionInput,
  type ActionOutput,
} from '../../contracts/actions';
import { CordonError, type ErrorType } from '../../contracts/errors';
import type {
  Acted,
  CallContext,
  Connection,
  Handler,
  Integration,
  Probe,
} from '../../contracts/integration';
import { fakeCallContext } from './call-context';

/** One way in which the product fails a call. */
export interface Fault<W> {
  /** Continues the sentence "fails with <type> when …". */
  name: string;
  /** Makes the product behave so, from now on. */
  arrange(world: W): Promise<void> | void;
  type: ErrorType;
  /** Whether the product may have done it all the same: the reply was lost, not the request refused. */
  maybeApplied: boolean;
  /** Milliseconds within which the error must come; 10 s when left out. */
  within?: number;
}

/** What the suite needs to know of one action of one product. */
export interface ActionCase<A extends ActionId, W> {
  input(world: W): ActionInput<A>;
  /** Reads the product past the adapter: is the effect in force? Required for reversible actions. */
  inForce?(world: W): Promise<boolean> | boolean;
  faults?: readonly Fault<W>[];
  /** The product has a list of all on which it is in force. */
  listed?: boolean;
  /** More assertions on the output of a good call. */
  check?(output: ActionOutput<A>, world: W): Promise<void> | void;
}

export interface ContractSubject<W extends { connection: Connection }> {
  integration: Pick<Integration, 'id' | 'title' | 'docs' | 'actions'>;
  /** Runs before every test; the product is in its ordinary state, nothing is contained. */
  setup(): Promise<W>;
  teardown(world: W): Promise<void>;
  /** A case for each action, except for those that only take back another one of the same integration. */
  cases: { readonly [A in ActionId]?: ActionCase<A, W> };
}

type AnyHandler = Handler<ActionId>;
type AnyInput = ActionInput<ActionId>;
type AnyOutput = ActionOutput<ActionId>;
type AnyCase<W> = ActionCase<ActionId, W>;

function handlerOf(connection: Connection, action: ActionId): AnyHandler {
  const handler = connection.handlers[action] as AnyHandler | undefined;
  if (handler === undefined) throw new Error(`the connection has no handler for ${action}`);
  return handler;
}

function probeOf(handler: AnyHandler, action: ActionId): NonNullable<AnyHandler['probe']> {
  if (handler.probe === undefined) throw new Error(`${action} has no probe`);
  return handler.probe.bind(handler);
}

/** Follows a pending outcome to its end, as the runner's poll activity does. */
async function settle(
  acted: Acted<AnyOutput>,
  handler: AnyHandler,
  input: AnyInput,
  context: CallContext,
): Promise<AnyOutput> {
  for (let round = 0; round < 100 && acted.status === 'pending'; round++) {
    if (handler.poll === undefined) throw new Error('answered pending, but has no poll');
    await new Promise((resolve) => setTimeout(resolve, 10));
    acted = await handler.poll(acted.token, input, context);
  }
  if (acted.status !== 'done') throw new Error(`expected done, got ${acted.status}`);
  return acted.output;
}

/** Acts as the runner does: probe, act, follow to the end. The output is parsed by the catalogue, as the runner parses it. */
async function perform(
  connection: Connection,
  action: ActionId,
  input: AnyInput,
  context = fakeCallContext(),
) {
  const handler = handlerOf(connection, action);
  const first = handler.probe === undefined ? undefined : await handler.probe(input, context);
  const output = await settle(await handler.act(input, context, first), handler, input, context);
  return { first, output: actionSpec(action).output.parse(output) as AnyOutput };
}

async function errorOf(promise: Promise<unknown>): Promise<CordonError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CordonError) return error;
    throw new Error(`expected a CordonError, got ${String(error)}`, { cause: error });
  }
  throw new Error('expected a CordonError, but the call succeeded');
}

/** What a reversible or otherwise probed action promises: claim, probe, act, verify can be built upon it. */
function probedTests<W extends { connection: Connection }>(
  action: ActionId,
  subject: AnyCase<W>,
  world: () => W,
): void {
  const { inverse } = actionSpec(action);
  const inForce = async (): Promise<boolean> => {
    if (subject.inForce === undefined) throw new Error(`the case of ${action} needs inForce`);
    return await subject.inForce(world());
  };
  const probe = async (): Promise<Probe> =>
    probeOf(handlerOf(world().connection, action), action)(subject.input(world()), fakeCallContext());
  const act = async () => perform(world().connection, action, subject.input(world()));
  const actAlone = async (context: CallContext) =>
    handlerOf(world().connection, action).act(subject.input(world()), context, undefined);

  test('reads not in force before, and in force after it was done', async () => {
    expect(await inForce()).toBe(false);
    expect((await probe()).inForce).toBe(false);
    expect(await inForce()).toBe(false);
    await act();
    expect(await inForce()).toBe(true);
    const after = await probe();
    expect(after.inForce).toBe(true);
    expect(JSON.parse(JSON.stringify(after.state))).toEqual(after.state);
  });

  test('done again does no harm', async () => {
    await act();
    await act();
    expect(await inForce()).toBe(true);
  });

  test('done again without the first probe, as after a lost reply, does no harm', async () => {
    const { output } = await act();
    const handler = handlerOf(world().connection, action);
    const input = subject.input(world());
    const context = fakeCallContext();
    const again = await settle(await handler.act(input, context, undefined), handler, input, context);
    expect(() => actionSpec(action).output.parse(again)).not.toThrow();
    expect(await inForce()).toBe(true);
    if (inverse === null) return;
    await perform(world().connection, inverse, actionSpec(inverse).input.parse(output) as AnyInput);
    expect(await inForce()).toBe(false);
  });

  test('a fenced attempt changes nothing', async () => {
    const fenced = fakeCallContext({
      fence: () => Promise.reject(new CordonError('fenced', 'a newer attempt has taken over')),
    });
    expect((await errorOf(actAlone(fenced))).type).toBe('fenced');
    expect(await inForce()).toBe(false);
  });

  test('a cancelled attempt changes nothing', async () => {
    const error = await errorOf(actAlone(fakeCallContext({ signal: AbortSignal.abort() })));
    expect(error.type).toBe('cancelled');
    expect(error.maybeApplied).toBe(false);
    expect(await inForce()).toBe(false);
  });

  if (inverse === null) return;

  if (subject.listed === true) {
    test('is listed while it is in force', async () => {
      const handler = handlerOf(world().connection, action);
      const list = handler.inForce?.bind(handler) ?? (() => Promise.resolve([]));
      const key = (input: AnyInput): string => targetOf({ action, input }).key;
      const listed = async (): Promise<boolean> =>
        (await list(fakeCallContext())).some((input) => key(input) === key(subject.input(world())));
      expect(await listed()).toBe(false);
      const { output } = await act();
      expect(await listed()).toBe(true);
      await perform(world().connection, inverse, actionSpec(inverse).input.parse(output) as AnyInput);
      expect(await listed()).toBe(false);
    });
  }

  test(`${inverse} accepts the output and undoes it; twice does no harm`, async () => {
    const { output } = await act();
    const undo = actionSpec(inverse).input.parse(output) as AnyInput;
    const undoHandler = handlerOf(world().connection, inverse);
    const undoProbe = probeOf(undoHandler, inverse);
    expect((await undoProbe(undo, fakeCallContext())).inForce).toBe(false);
    await perform(world().connection, inverse, undo);
    expect(await inForce()).toBe(false);
    expect((await probe()).inForce).toBe(false);
    expect((await undoProbe(undo, fakeCallContext())).inForce).toBe(true);
    await perform(world().connection, inverse, undo);
    expect(await inForce()).toBe(false);
  });

  test('the output worked out from two probes, as after a lost reply, can be undone', async () => {
    const handler = handlerOf(world().connection, action);
    const input = subject.input(world());
    const { first } = await act();
    if (first === undefined || handler.output === undefined)
      throw new Error(`${action} needs probe and output`);
    const output = actionSpec(action).output.parse(handler.output(input, first, await probe()));
    await perform(world().connection, inverse, actionSpec(inverse).input.parse(output) as AnyInput);
    expect(await inForce()).toBe(false);
  });

  test(`a fenced or cancelled ${inverse} leaves it in force`, async () => {
    const { output } = await act();
    const undo = actionSpec(inverse).input.parse(output) as AnyInput;
    const undoAlone = async (context: CallContext) =>
      handlerOf(world().connection, inverse).act(undo, context, undefined);
    const fenced = fakeCallContext({
      fence: () => Promise.reject(new CordonError('fenced', 'a newer attempt has taken over')),
    });
    expect((await errorOf(undoAlone(fenced))).type).toBe('fenced');
    const cancelled = fakeCallContext({ signal: AbortSignal.abort() });
    expect((await errorOf(undoAlone(cancelled))).type).toBe('cancelled');
    expect(await inForce()).toBe(true);
  });
}

function repeatableTests<W extends { connection: Connection }>(
  action: ActionId,
  subject: AnyCase<W>,
  world: () => W,
): void {
  test('answers what the catalogue promises, also when repeated', async () => {
    await perform(world().connection, action, subject.input(world()));
    const { output } = await perform(world().connection, action, subject.input(world()));
    expect(output).toBeDefined();
  });

  test('a cancelled attempt is told so', async () => {
    const cancelled = fakeCallContext({ signal: AbortSignal.abort() });
    const error = await errorOf(
      handlerOf(world().connection, action).act(subject.input(world()), cancelled, undefined),
    );
    expect(error.type).toBe('cancelled');
  });
}

function faultTests<W extends { connection: Connection }>(
  action: ActionId,
  subject: AnyCase<W>,
  world: () => W,
): void {
  test.each((subject.faults ?? []).map((fault) => [`${fault.type} when ${fault.name}`, fault] as const))(
    'fails with %s',
    async (_name, fault) => {
      await fault.arrange(world());
      const started = Date.now();
      const handler = handlerOf(world().connection, action);
      const error = await errorOf(handler.act(subject.input(world()), fakeCallContext(), undefined));
      expect({ type: error.type, maybeApplied: error.maybeApplied }).toEqual({
        type: fault.type,
        maybeApplied: fault.maybeApplied,
      });
      expect(Date.now() - started).toBeLessThan(fault.within ?? 10_000);
    },
  );
}

/**
 * The promises that every integration keeps, whichever product it speaks to. The integration's own test
 * states only what is different.
 */
export function contractSuite<W extends { connection: Connection }>(subject: ContractSubject<W>): void {
  const { integration, cases } = subject;
  let current: W | undefined;
  const world = (): W => {
    if (current === undefined) throw new Error('setup has not run');
    return current;
  };

  describe(`${integration.id} keeps the contract`, () => {
    beforeEach(async () => {
      current = await subject.setup();
    });
    afterEach(async () => {
      if (current === undefined) return;
      await current.connection.close();
      await subject.teardown(current);
      current = undefined;
    });

    test('offers exactly the actions that it names, each with permissions, probe and inverse as the catalogue asks', () => {
      const { handlers } = world().connection;
      expect(Object.keys(handlers).sort()).toEqual([...integration.actions].sort());
      expect(integration.docs).toMatch(/^https:\/\//);
      for (const action of integration.actions) {
        const spec = actionSpec(action);
        const handler = handlerOf(world().connection, action);
        expect(handler.permissions.length).toBeGreaterThan(0);
        expect({ action, probe: handler.probe !== undefined }).toEqual({
          action,
          probe: spec.delivery === 'probe' || handler.probe !== undefined,
        });
        if (spec.delivery === 'probe')
          expect({ action, output: typeof handler.output }).toEqual({ action, output: 'function' });
        expect({ action, listed: handler.inForce !== undefined }).toEqual({
          action,
          listed: cases[action]?.listed ?? false,
        });
        if (spec.inverse !== null) expect(integration.actions).toContain(spec.inverse);
      }
    });

    test('every action is put to the test, by itself or as the inverse of another one', () => {
      const covered = Object.keys(cases).flatMap((id) => [id, actionSpec(id as ActionId).inverse]);
      expect(integration.actions.filter((action) => !covered.includes(action))).toEqual([]);
    });

    test('checks its connection without changing anything', async () => {
      const health = await world().connection.check(AbortSignal.timeout(10_000));
      expect({ ok: health.ok, detail: health.detail.length > 0 }).toEqual({ ok: true, detail: true });
    });

    for (const action of (Object.keys(ACTIONS) as ActionId[]).filter((id) => cases[id] !== undefined)) {
      const one = cases[action] as unknown as AnyCase<W>;
      describe(action, () => {
        if (one.check !== undefined) {
          const { check } = one;
          test('answers what the product says', async () => {
            await check((await perform(world().connection, action, one.input(world()))).output, world());
          });
        }
        if (actionSpec(action).delivery === 'probe') probedTests(action, one, world);
        else repeatableTests(action, one, world);
        faultTests(action, one, world);
      });
    }
  });
}
