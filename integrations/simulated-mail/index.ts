import type { ActionId } from '../../contracts/actions';
import { defineIntegration } from '../../contracts/integration';
import { SimulatedConfig } from '../kit/simulated';
import { connectProduct } from '../kit/simulated-product';

const ACTIONS: readonly ActionId[] = [
  'email.find_messages',
  'email.purge_message',
  'email.restore_message',
  'email.block_sender',
  'email.unblock_sender',
];

/** Finds and purges messages and blocks senders at a mail system that is only pretended. */
export default defineIntegration({
  id: 'simulated_mail',
  title: 'Simulated mail',
  docs: 'https://d3fend.mitre.org/technique/d3f:EmailRemoval/',
  simulated: true,
  config: SimulatedConfig,
  actions: ACTIONS,
  connect: (config) => connectProduct(config, 'simulated mail', ACTIONS),
});
