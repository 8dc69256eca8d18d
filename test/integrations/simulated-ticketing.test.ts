import ticketing from '../../integrations/simulated-ticketing';
import { startFakeTicketing, type TicketingState } from '../../integrations/simulated-ticketing/fake';
import { fakeCallContext } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { connected, jobCase, type ProductWorld } from '../support/simulated-product';

type World = ProductWorld<TicketingState>;
const setup = async (): Promise<World> => connected(ticketing, await startFakeTicketing());
const ticket = { title: 'INC-2026-000042: ransomware', text: 'Two hosts are isolated.', queue: 'soc' };

contractSuite<World>({
  integration: ticketing,
  setup,
  teardown: ({ fake }) => fake.stop(),
  cases: {
    'ticket.open': jobCase(ticket, (output) => expect(output).toEqual({ ticket: 'SIM-1' }), { writes: true }),
    'notify.send': jobCase(
      { to: ['kim@example.com'], subject: 's', text: 't' },
      (output, { fake }) => {
        expect(output).toEqual({ accepted: ['kim@example.com'], rejected: [] });
        expect(fake.state().told).toEqual(['kim@example.com']);
      },
      { writes: true },
    ),
  },
});

test('a ticket whose reply was lost is not opened twice', async () => {
  const { fake, connection } = await setup();
  const open = connection.handlers['ticket.open']!;
  const context = fakeCallContext({ actionKey: 'one' });
  fake.faults.add({ mode: 'lost_reply', methods: ['POST'], times: 1 });
  await expect(open.act(ticket, context, undefined)).rejects.toMatchObject({ maybeApplied: true });
  expect(await open.act(ticket, context, undefined)).toMatchObject({ output: { ticket: 'SIM-1' } });
  expect(fake.state().tickets).toHaveLength(1);
  await connection.close();
  await fake.stop();
});
