import type { Faults } from '../../integrations/kit/fake-server';
import type { Fault } from '../contract/contract-suite';

interface Faulty {
  fake: { faults: Faults; stop(): Promise<void> };
}

/** How a product's HTTP API fails a call that writes. The connection's timeout must be well below two seconds. */
export function writeFaults<W extends Faulty>(methods: readonly string[]): Fault<W>[] {
  const one = (mode: Parameters<Faults['add']>[0]['mode']) => (world: W) =>
    world.fake.faults.add({ mode, methods });
  return [
    {
      name: 'the product limits its callers',
      arrange: one('rate_limited'),
      type: 'rate_limited',
      maybeApplied: false,
    },
    { name: 'the product forbids it', arrange: one('forbidden'), type: 'auth', maybeApplied: false },
    { name: 'the product breaks over it', arrange: one('error'), type: 'unavailable', maybeApplied: true },
    {
      name: 'the product takes nothing on',
      arrange: one('unavailable'),
      type: 'unavailable',
      maybeApplied: false,
    },
    { name: 'the reply is lost', arrange: one('lost_reply'), type: 'unavailable', maybeApplied: true },
    {
      name: 'the reply does not come',
      arrange: one('slow'),
      type: 'timeout',
      maybeApplied: true,
      within: 1_900,
    },
    {
      name: 'the product is down',
      arrange: (world) => world.fake.stop(),
      type: 'unavailable',
      maybeApplied: false,
    },
  ];
}
