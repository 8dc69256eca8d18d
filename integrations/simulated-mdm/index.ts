import type { ActionId } from '../../contracts/actions';
import { defineIntegration } from '../../contracts/integration';
import { SimulatedConfig } from '../kit/simulated';
import { connectProduct } from '../kit/simulated-product';

const ACTIONS: readonly ActionId[] = [
  'endpoint.lock_device',
  'endpoint.unlock_device',
  'endpoint.wipe_device',
];

/** Locks and wipes devices at a device management that is only pretended. */
export default defineIntegration({
  id: 'simulated_mdm',
  title: 'Simulated MDM',
  docs: 'https://d3fend.mitre.org/technique/d3f:DiskErasure/',
  simulated: true,
  config: SimulatedConfig,
  actions: ACTIONS,
  connect: (config) => connectProduct(config, 'simulated MDM', ACTIONS),
});
