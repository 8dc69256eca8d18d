import type { FakeServer } from '../kit/fake-server';
import {
  emptyProduct,
  startFakeProduct,
  type Behaviour,
  type FakeProductOptions,
  type ProductState,
} from '../kit/fake-product';

const BEHAVIOUR: Behaviour<ProductState> = {
  product: 'device management',
  effects: {
    lock_device: () => ({}),
    wipe_device: () => ({ wipedAt: new Date().toISOString() }),
  },
  jobs: {},
};

export interface FakeMdm extends FakeServer<ProductState> {
  /** Takes a device off for a time: what it is told is pending until it is back. */
  offline(hostname: string, ms: number): void;
}

/** Starts the simulated device management on loopback. */
export async function startFakeMdm(options: FakeProductOptions<ProductState> = {}): Promise<FakeMdm> {
  const fake = await startFakeProduct(BEHAVIOUR, { ...emptyProduct(), ...options.seed }, options);
  return {
    ...fake,
    offline: (hostname, ms) => {
      fake.state().offlineUntil[hostname] = Date.now() + ms;
    },
  };
}
