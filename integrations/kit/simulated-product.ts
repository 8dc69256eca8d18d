import { z } from 'zod';
import { actionSpec, targetOf, type ActionCall, type ActionId } from '../../contracts/actions';
import { accountName, shortName } from '../../contracts/assets';
import { CordonError } from '../../contracts/errors';
import type { Acted, CallContext, Connection, Handler, Handlers, Probe } from '../../contracts/integration';
import { processName } from '../../contracts/names';
import { Json, JsonObject, type AccountRef, type HostRef, type ProcessRef } from '../../contracts/values';
import { segment, type HttpClient } from './http';
import { simulatedClient, simulatedHealth, type SimulatedConfig } from './simulated';

const POLL_MS = 1_000;

const Effect = z.object({
  id: z.string(),
  state: z.enum(['pending', 'in_force', 'ending']),
  input: JsonObject,
  detail: JsonObject,
});
const EffectReply = z.object({ effect: Effect.nullable() });
const EffectList = z.object({ effects: z.array(Effect) });
const Artefacts = z.array(z.object({ name: z.string(), media_type: z.string(), base64: z.base64() }));
const JobReply = z.object({
  id: z.string(),
  status: z.enum(['pending', 'completed']),
  result: z.record(z.string(), Json),
});
type JobReply = z.infer<typeof JobReply>;

type AnyHandler = Handler<ActionId>;

/** How a product of this shape calls what an input is about: machines and accounts by their short names. */
export function nameIn(action: ActionId, input: object): string {
  const { host, process, path, account } = input as {
    host?: HostRef;
    process?: ProcessRef;
    path?: string;
    account?: AccountRef;
  };
  if (account !== undefined) return accountName(account.upn ?? account.name);
  if (host === undefined) {
    const { key } = targetOf({ action, input } as ActionCall);
    return key.slice(key.indexOf(':') + 1);
  }
  const on = process === undefined ? path : processName(process);
  return on === undefined ? shortName(host.name) : `${shortName(host.name)}/${on.replace(/^\//, '')}`;
}

const verbOf = (action: ActionId): string => action.slice(action.indexOf('.') + 1);

/** An output as the catalogue has it: from what was asked for and what the product told. */
function outputOf(action: ActionId, input: object, told: object): never {
  const parsed = actionSpec(action).output.safeParse({ ...input, ...told });
  if (parsed.success) return parsed.data as never;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new CordonError('unexpected_reply', `${action}: the reply does not fit at ${where}`);
}

const withToken = (detail: unknown, token: unknown): object => ({
  ...(detail as object | undefined),
  ...(typeof token === 'string' ? { token } : {}),
});

/** What an action of the product leaves in force, and what takes it back. */
class Effects {
  constructor(
    private readonly http: HttpClient,
    private readonly product: string,
  ) {}

  /** The handler of an action, where `verb` is its own; of what takes another one back, where it is the other's. */
  handler(action: ActionId, verb: string, wanted: boolean): AnyHandler {
    const told = (input: object, effect: z.infer<typeof Effect> | null): Acted<never> => {
      if (effect === null && wanted)
        throw new CordonError('rejected', `${this.product}: ${verb} was taken back meanwhile`);
      if (effect?.state === 'in_force' && !wanted)
        throw new CordonError('rejected', `${this.product}: ${verb} was asked for again meanwhile`);
      if (effect !== null && effect.state !== 'in_force')
        return { status: 'pending', token: effect.id, againInMs: POLL_MS };
      const output = outputOf(action, input, wanted ? withToken(effect?.detail, effect?.id) : {});
      return { status: 'done', output };
    };
    const read = async (input: object, { signal }: CallContext) =>
      (await this.#call('GET', verb, nameIn(action, input), {}, signal)).effect;
    return {
      permissions: [`${verb}:read`, `${verb}:write`],
      probe: async (input, context): Promise<Probe> => {
        const effect = await read(input, context);
        const inForce = effect !== null && effect.state !== 'pending';
        return {
          inForce: inForce === wanted,
          state: { id: effect?.id ?? null, detail: effect?.detail ?? {} },
        };
      },
      act: async (input, context) => {
        await context.fence();
        const { token } = input as { token?: string };
        const name = nameIn(action, input);
        const more = wanted
          ? { body: { comment: context.reason, input } }
          : { query: token === undefined ? {} : { id: token } };
        const reply = await this.#call(wanted ? 'PUT' : 'DELETE', verb, name, more, context.signal);
        return told(input, reply.effect);
      },
      poll: async (token, input, context) => {
        const effect = await read(input, context);
        return told(input, !wanted && effect?.id !== token ? null : effect);
      },
      output: (input, _first, { state }) =>
        outputOf(action, input, wanted ? withToken(state['detail'], state['id']) : {}),
      ...(wanted && actionSpec(action).inverse !== null
        ? { inForce: async ({ signal }) => (await this.#list(verb, signal)) as never }
        : {}),
    };
  }

  #call(
    method: 'GET' | 'PUT' | 'DELETE',
    verb: string,
    target: string,
    more: { body?: object; query?: Record<string, string> },
    signal: AbortSignal,
  ): Promise<z.infer<typeof EffectReply>> {
    const path = `/api/v1/effects/${verb}/${segment(target)}`;
    return this.http.call({ method, path, reply: EffectReply, signal, what: `${verb} ${target}`, ...more });
  }

  async #list(verb: string, signal: AbortSignal): Promise<JsonObject[]> {
    const path = `/api/v1/effects/${verb}`;
    const what = `list ${verb}`;
    const { effects } = await this.http.call({ method: 'GET', path, reply: EffectList, signal, what });
    return effects.map(({ input }) => input);
  }
}

/** The handler of what is done once: a read, or an effect that may be repeated or has a key. */
function jobHandler(http: HttpClient, action: ActionId): AnyHandler {
  const { readOnly, delivery } = actionSpec(action);
  const kind = verbOf(action);
  const told = async (input: object, job: JobReply, context: CallContext): Promise<Acted<never>> => {
    if (job.status === 'pending') return { status: 'pending', token: job.id, againInMs: POLL_MS };
    const { artefacts, ...result } = job.result;
    if (artefacts === undefined) return { status: 'done', output: outputOf(action, input, result) };
    const evidence: object[] = [];
    for (const { name, media_type: mediaType, base64 } of Artefacts.parse(artefacts))
      evidence.push(await context.putEvidence({ name, mediaType, bytes: Buffer.from(base64, 'base64') }));
    return { status: 'done', output: outputOf(action, input, { ...result, evidence }) };
  };
  return {
    permissions: [`${kind}:${readOnly ? 'read' : 'write'}`],
    act: async (input, context) => {
      await context.fence();
      const target = nameIn(action, input);
      const key = delivery === 'key' ? { key: context.actionKey } : {};
      const job = await http.call({
        method: 'POST',
        path: `/api/v1/jobs/${kind}`,
        body: { target, input, comment: context.reason, ...key },
        reply: JobReply,
        signal: context.signal,
        what: `${kind} ${target}`,
        changesNothing: readOnly,
      });
      return told(input, job, context);
    },
    poll: async (token, input, context) => {
      const path = `/api/v1/jobs/${kind}/${segment(token)}`;
      const { signal } = context;
      const job = await http.call({ method: 'GET', path, reply: JobReply, signal, what: `read ${kind}` });
      return told(input, job, context);
    },
  };
}

/** Handlers of actions at a simulated product of the common shape: effects that it holds, and jobs that it does once. */
export function productHandlers(http: HttpClient, product: string, actions: readonly ActionId[]): Handlers {
  const effects = new Effects(http, product);
  const forward = new Map(actions.map((action) => [actionSpec(action).inverse, action]));
  const handlers = actions.map((action): [ActionId, AnyHandler] => {
    const takesBack = forward.get(action);
    if (takesBack !== undefined) return [action, effects.handler(action, verbOf(takesBack), false)];
    return actionSpec(action).delivery === 'probe'
      ? [action, effects.handler(action, verbOf(action), true)]
      : [action, jobHandler(http, action)];
  });
  return Object.fromEntries(handlers);
}

/** A connection to a simulated product that has the common shape only. */
export function connectProduct(
  config: SimulatedConfig,
  product: string,
  actions: readonly ActionId[],
): Connection {
  const http = simulatedClient(config, product);
  return {
    handlers: productHandlers(http, product, actions),
    check: (signal) => simulatedHealth(http, signal),
    close: () => http.close(),
  };
}
