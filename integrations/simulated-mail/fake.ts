import type { FakeServer } from '../kit/fake-server';
import {
  emptyProduct,
  isInForce,
  startFakeProduct,
  type Behaviour,
  type FakeProductOptions,
  type ProductState,
} from '../kit/fake-product';

/** A message as it went through, by its id in lower case. */
export interface Mail {
  recipients: { address: string; opened: boolean; clicked: boolean; submitted: boolean }[];
  domains: string[];
  urls: string[];
  /** sha256 of each. */
  attachments: string[];
}

export interface MailState extends ProductState {
  messages: Record<string, Mail>;
}

const NOBODY: Mail = { recipients: [], domains: [], urls: [], attachments: [] };
const found = (state: MailState, id: string): Mail => state.messages[id] ?? NOBODY;

const BEHAVIOUR: Behaviour<MailState> = {
  product: 'mail system',
  effects: {
    purge_message: (state, id) => ({ mailboxes: found(state, id).recipients.length }),
    block_sender: () => ({}),
  },
  jobs: {
    // What was purged is still known from the trace.
    find_messages: (state, id) => ({ ...found(state, id) }),
  },
};

/** In how many mailboxes a message lies now. */
export const copiesOf = (state: MailState, id: string): number =>
  isInForce(state, 'purge_message', id) ? 0 : found(state, id).recipients.length;

/** Starts the simulated mail system on loopback. A message that it does not know went to nobody. */
export const startFakeMail = (options: FakeProductOptions<MailState> = {}): Promise<FakeServer<MailState>> =>
  startFakeProduct(BEHAVIOUR, { ...emptyProduct(), messages: {}, ...options.seed }, options);
