import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../contracts/values';
import {
  startFakeServer,
  type FakeReply,
  type FakeRoute,
  type FakeServer,
  type FakeTools,
} from './fake-server';
import { HEALTH_PATH, requireToken } from './simulated';

/** Something that the product holds in force on a target, or will once the target is reached. */
export interface Effect {
  id: string;
  state: 'pending' | 'in_force' | 'ending';
  /** What was asked for. */
  input: JsonObject;
  /** What the product tells of it. */
  detail: JsonObject;
}

/** Something that the product does once. */
export interface Job {
  id: string;
  kind: string;
  /** The caller's: the same key means the same job. */
  key: string | null;
  target: string;
  status: 'pending' | 'completed';
  /** Milliseconds since 1970; not before then. */
  due: number;
  input: JsonObject;
  result: JsonObject;
}

/** What every product of this shape keeps. */
export interface ProductState {
  /** Targets that there are; null: whatever is asked for. */
  known: string[] | null;
  /** How long a job takes. */
  workMs: number;
  /** Permissions that whoever asks has not got, such as `isolate_host:write`. */
  withheld: string[];
  /** By verb, then by target. */
  effects: Record<string, Record<string, Effect>>;
  jobs: Job[];
  /** Milliseconds since 1970, by machine: what it is told before then is pending. */
  offlineUntil: Record<string, number>;
}

export const emptyProduct = (): ProductState => ({
  known: null,
  workMs: 0,
  withheld: [],
  effects: {},
  jobs: [],
  offlineUntil: {},
});

/** A product in what it does: the rest is the same for all. */
export interface Behaviour<S extends ProductState> {
  product: string;
  /** By verb: what it tells of the effect when it begins, having changed whatever else changes with it. */
  effects: Readonly<Record<string, (state: S, target: string, input: JsonObject) => JsonObject>>;
  /** By kind: the result of a job. */
  jobs: Readonly<Record<string, (state: S, target: string, input: JsonObject) => JsonObject>>;
  /** What becomes of the rest when an effect ends. */
  ended?: (state: S, verb: string, target: string, effect: Effect) => void;
  knows?: (state: S, target: string) => boolean;
  /** Why an effect is not begun; it is, where nothing is said. */
  refuses?: (state: S, verb: string, target: string, input: JsonObject) => string | undefined;
  /** Until when a machine is off, in ms since 1970. */
  offlineUntil?: (state: S, machine: string) => number;
}

/** The machine that a target is, or is on. */
const machineOf = (target: string): string => target.split('/')[0] ?? target;

/** Whether an effect is in force. */
export const isInForce = (state: ProductState, verb: string, target: string): boolean =>
  ['in_force', 'ending'].includes(state.effects[verb]?.[target]?.state ?? '');

/** Machines that are back do what they were told meanwhile. */
export function productTick<S extends ProductState>(behaviour: Behaviour<S>) {
  return (state: S, now: number, tools: FakeTools): void => {
    const isOn = (target: string): boolean => {
      const machine = machineOf(target);
      const until = behaviour.offlineUntil?.(state, machine) ?? state.offlineUntil[machine] ?? 0;
      return now >= until;
    };
    for (const [verb, byTarget] of Object.entries(state.effects))
      for (const [target, effect] of Object.entries(byTarget)) {
        if (effect.state === 'in_force' || !isOn(target)) continue;
        if (effect.state === 'pending') {
          effect.detail = behaviour.effects[verb]?.(state, target, effect.input) ?? {};
          effect.state = 'in_force';
          tools.applied(verb, target);
        } else {
          Reflect.deleteProperty(byTarget, target);
          behaviour.ended?.(state, verb, target, effect);
          tools.applied(`end_${verb}`, target);
        }
      }
    for (const job of state.jobs) {
      if (job.status !== 'pending' || now < job.due || !isOn(job.target)) continue;
      job.result = behaviour.jobs[job.kind]?.(state, job.target, job.input) ?? {};
      job.status = 'completed';
      tools.applied(job.kind, job.target);
    }
  };
}

const ok = (body: unknown): FakeReply => ({ status: 200, body });
const notFound: FakeReply = { status: 404, body: { error: 'not found' } };
const forbidden: FakeReply = { status: 403, body: { error: 'forbidden' } };
const objectOf = (value: unknown): JsonObject => (value ?? {}) as JsonObject;

function effectRoutes<S extends ProductState>(behaviour: Behaviour<S>): FakeRoute<S>[] {
  const tick = productTick(behaviour);
  const path = '/api/v1/effects/:verb/:target';
  const at =
    (handle: FakeRoute<S>[2]): FakeRoute<S>[2] =>
    (request, state, tools) => {
      const { verb = '', target = '' } = request.params;
      if (state.withheld.includes(`${verb}:${request.method === 'GET' ? 'read' : 'write'}`)) return forbidden;
      const isKnown = behaviour.knows?.(state, target) ?? state.known?.includes(target) ?? true;
      if (!(verb in behaviour.effects) || !isKnown) return notFound;
      return handle(request, state, tools);
    };
  const shown = (state: S, verb: string, target: string): FakeReply =>
    ok({ effect: state.effects[verb]?.[target] ?? null });
  return [
    [
      'GET',
      '/api/v1/effects/:verb',
      ({ params }, state) => {
        const all = Object.values(state.effects[params['verb'] ?? ''] ?? {});
        return ok({ effects: all.filter((effect) => effect.state !== 'pending') });
      },
    ],
    ['GET', path, at(({ params: { verb = '', target = '' } }, state) => shown(state, verb, target))],
    [
      'PUT',
      path,
      at(({ params: { verb = '', target = '' }, body }, state, tools) => {
        tools.requested(verb, target);
        const refused = behaviour.refuses?.(state, verb, target, objectOf(body['input']));
        if (refused !== undefined) return { status: 409, body: { error: refused } };
        const byTarget = (state.effects[verb] ??= {});
        const present = byTarget[target];
        // Told again before it has ended: it stays.
        if (present?.state === 'ending') present.state = 'in_force';
        byTarget[target] = present ?? {
          id: `${verb}-${randomUUID()}`,
          state: 'pending',
          input: objectOf(body['input']),
          detail: {},
        };
        tick(state, Date.now(), tools);
        return shown(state, verb, target);
      }),
    ],
    [
      'DELETE',
      path,
      at(({ params: { verb = '', target = '' }, query }, state, tools) => {
        tools.requested(`end_${verb}`, target);
        const present = state.effects[verb]?.[target];
        const id = query.get('id');
        if (present === undefined) return shown(state, verb, target);
        if (id !== null && id !== present.id)
          return { status: 409, body: { error: 'another effect is in force' } };
        if (present.state === 'pending') Reflect.deleteProperty(state.effects[verb] ?? {}, target);
        else present.state = 'ending';
        tick(state, Date.now(), tools);
        return shown(state, verb, target);
      }),
    ],
  ];
}

function jobRoutes<S extends ProductState>(behaviour: Behaviour<S>): FakeRoute<S>[] {
  return [
    [
      'POST',
      '/api/v1/jobs/:kind',
      ({ params: { kind = '' }, body }, state, tools) => {
        const target = String(body['target']);
        const key = typeof body['key'] === 'string' ? body['key'] : null;
        const isKnown = behaviour.knows?.(state, target) ?? state.known?.includes(target) ?? true;
        if (!(kind in behaviour.jobs) || !isKnown) return notFound;
        tools.requested(kind, target);
        const before = state.jobs.find((job) => key !== null && job.kind === kind && job.key === key);
        const job: Job = before ?? {
          id: `${kind}-${randomUUID()}`,
          ...{ kind, key, target, status: 'pending', due: Date.now() + state.workMs },
          ...{ input: objectOf(body['input']), result: {} },
        };
        if (before === undefined) state.jobs.push(job);
        productTick(behaviour)(state, Date.now(), tools);
        return ok(job);
      },
    ],
    [
      'GET',
      '/api/v1/jobs/:kind/:id',
      ({ params }, state) => {
        const job = state.jobs.find(({ id }) => id === params['id']);
        return job === undefined ? notFound : ok(job);
      },
    ],
  ];
}

/** Routes of a product of this shape, for one that has others beside them. */
export const productRoutes = <S extends ProductState>(behaviour: Behaviour<S>): FakeRoute<S>[] => [
  ['GET', HEALTH_PATH, (_request, { withheld }) => ok({ product: behaviour.product, missing: withheld })],
  ...effectRoutes(behaviour),
  ...jobRoutes(behaviour),
];

export interface FakeProductOptions<S> {
  port?: number;
  seed?: Partial<S>;
  stateFile?: string;
}

/** Starts a product of this shape on loopback. */
export function startFakeProduct<S extends ProductState>(
  behaviour: Behaviour<S>,
  seed: S,
  { port, stateFile }: FakeProductOptions<S>,
): Promise<FakeServer<S>> {
  return startFakeServer<S>({
    port,
    seed,
    stateFile,
    routes: productRoutes(behaviour),
    guard: requireToken,
    tick: productTick(behaviour),
  });
}

/** A text as the artefact that a product hands over. */
export const artefact = (name: string, content: JsonObject): JsonObject => ({
  name,
  media_type: 'application/json',
  base64: Buffer.from(JSON.stringify(content)).toString('base64'),
});
