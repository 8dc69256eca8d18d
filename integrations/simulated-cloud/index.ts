import type { ActionId } from '../../contracts/actions';
import { defineIntegration } from '../../contracts/integration';
import { SimulatedConfig } from '../kit/simulated';
import { connectProduct } from '../kit/simulated-product';

const ACTIONS: readonly ActionId[] = [
  'cloud.deactivate_key',
  'cloud.activate_key',
  'cloud.deny_principal',
  'cloud.lift_deny',
  'cloud.revoke_role_sessions',
  'cloud.collect_trail',
  'cloud.block_public_access',
  'cloud.allow_public_access',
];

/** Deactivates keys, denies principals and closes buckets at a cloud that is only pretended. */
export default defineIntegration({
  id: 'simulated_cloud',
  title: 'Simulated cloud',
  docs: 'https://d3fend.mitre.org/technique/d3f:CredentialRevocation/',
  simulated: true,
  config: SimulatedConfig,
  actions: ACTIONS,
  connect: (config) => connectProduct(config, 'simulated cloud', ACTIONS),
});
