import type { FakeServer } from '../kit/fake-server';
import {
  emptyProduct,
  startFakeProduct,
  type Behaviour,
  type FakeProductOptions,
  type ProductState,
} from '../kit/fake-product';

export interface TicketingState extends ProductState {
  tickets: { id: string; title: string }[];
  /** Who was told, in order. */
  told: string[];
}

const BEHAVIOUR: Behaviour<TicketingState> = {
  product: 'service desk',
  effects: {},
  jobs: {
    open(state, _target, { title }) {
      const ticket = `SIM-${String(state.tickets.length + 1)}`;
      state.tickets.push({ id: ticket, title: typeof title === 'string' ? title : '' });
      return { ticket };
    },
    send(state, _target, { to }) {
      const people = Array.isArray(to) ? to.map(String) : [];
      state.told.push(...people);
      return { accepted: people, rejected: [] };
    },
  },
};

/** Starts the simulated service desk on loopback. */
export const startFakeTicketing = (
  options: FakeProductOptions<TicketingState> = {},
): Promise<FakeServer<TicketingState>> =>
  startFakeProduct(BEHAVIOUR, { ...emptyProduct(), tickets: [], told: [], ...options.seed }, options);
