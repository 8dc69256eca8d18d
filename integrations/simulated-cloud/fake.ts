import type { FakeServer } from '../kit/fake-server';
import {
  artefact,
  emptyProduct,
  isInForce,
  startFakeProduct,
  type Behaviour,
  type FakeProductOptions,
  type ProductState,
} from '../kit/fake-product';

/** A call of a cloud's API, as its trail keeps it. */
export interface TrailEvent {
  at: string;
  call: string;
  ip: string;
  /** What it made, or whose role it took on. */
  principal?: string;
  /** The id of the key that it made. */
  key?: string;
}

export interface CloudState extends ProductState {
  /** By the principal's name in lower case. */
  trails: Record<string, TrailEvent[]>;
}

const present = <T>(values: readonly (T | undefined)[]): T[] => [
  ...new Set(values.filter((value) => value !== undefined)),
];

const BEHAVIOUR: Behaviour<CloudState> = {
  product: 'cloud',
  effects: { deactivate_key: () => ({}), deny_principal: () => ({}), block_public_access: () => ({}) },
  jobs: {
    revoke_role_sessions: () => ({ before: new Date().toISOString() }),
    collect_trail(state, principal, { since }) {
      const from = typeof since === 'string' ? Date.parse(since) : 0;
      const events = (state.trails[principal] ?? []).filter(({ at }) => Date.parse(at) >= from);
      return {
        events: events.length,
        lastAt: events.at(-1)?.at ?? null,
        ips: present(events.map(({ ip }) => ip)),
        principals: present(events.map((event) => event.principal)),
        keys: present(events.map(({ key }) => key)),
        artefacts: [artefact('trail.json', { principal, events: events.map((event) => ({ ...event })) })],
      };
    },
  },
};

/** A call that the cloud is asked for: it answers whether the call is let through, and keeps it in the trail if so. */
export function callCloud(state: CloudState, principal: string, key: string, event: TrailEvent): boolean {
  const name = principal.toLowerCase();
  if (isInForce(state, 'deny_principal', name) || isInForce(state, 'deactivate_key', key.toLowerCase()))
    return false;
  (state.trails[name] ??= []).push(event);
  return true;
}

/** Starts the simulated cloud on loopback. */
export const startFakeCloud = (
  options: FakeProductOptions<CloudState> = {},
): Promise<FakeServer<CloudState>> =>
  startFakeProduct(BEHAVIOUR, { ...emptyProduct(), trails: {}, ...options.seed }, options);
