import type { FakeServer } from '../kit/fake-server';
import {
  emptyProduct,
  startFakeProduct,
  type Behaviour,
  type FakeProductOptions,
  type ProductState,
} from '../kit/fake-product';

export interface Vulnerability {
  id: string;
  title: string;
  /** 1 to 5. */
  severity: number;
}

export interface ManagementState extends ProductState {
  /** What is open on each host. */
  vulnerabilities: Record<string, Vulnerability[]>;
}

const IMAGE = 'golden-1';

const BEHAVIOUR: Behaviour<ManagementState> = {
  product: 'systems management',
  effects: {
    patch(state, host, { patches }) {
      const open = state.vulnerabilities[host] ?? [];
      const isMeant = (id: string): boolean => !Array.isArray(patches) || patches.includes(id);
      state.vulnerabilities[host] = open.filter(({ id }) => !isMeant(id));
      return { installed: open.map(({ id }) => id).filter(isMeant), rebootPending: false };
    },
  },
  jobs: {
    scan(state, host) {
      const findings = (state.vulnerabilities[host] ?? []).map((one) => ({ ...one }));
      return { clean: findings.length === 0, findings, errors: [], scanner: 'simulated 1.0' };
    },
    reimage(state, host, { image }) {
      state.vulnerabilities[host] = [];
      // What was done to the old system is gone with it.
      Reflect.deleteProperty(state.effects['patch'] ?? {}, host);
      return { image: image ?? IMAGE };
    },
  },
};

/** Starts the simulated systems management on loopback. A host that it does not know has nothing open. */
export const startFakeManagement = (
  options: FakeProductOptions<ManagementState> = {},
): Promise<FakeServer<ManagementState>> =>
  startFakeProduct(BEHAVIOUR, { ...emptyProduct(), vulnerabilities: {}, ...options.seed }, options);
