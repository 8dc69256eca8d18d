import type { ActionId } from '../../contracts/actions';
import { defineIntegration } from '../../contracts/integration';
import { SimulatedConfig } from '../kit/simulated';
import { connectProduct } from '../kit/simulated-product';

const ACTIONS: readonly ActionId[] = ['ticket.open', 'notify.send'];

/** Opens tickets and sends notifications at a service desk that is only pretended. */
export default defineIntegration({
  id: 'simulated_ticketing',
  title: 'Simulated ticketing',
  docs: 'https://csrc.nist.gov/pubs/sp/800/61/r3/final',
  simulated: true,
  config: SimulatedConfig,
  actions: ACTIONS,
  connect: (config) => connectProduct(config, 'simulated ticketing', ACTIONS),
});
