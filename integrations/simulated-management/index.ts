import type { ActionId } from '../../contracts/actions';
import { defineIntegration } from '../../contracts/integration';
import { SimulatedConfig } from '../kit/simulated';
import { connectProduct } from '../kit/simulated-product';

const ACTIONS: readonly ActionId[] = ['vuln.scan', 'host.patch', 'host.reimage'];

/** Scans hosts for vulnerabilities, patches and reimages them at a systems management that is only pretended. */
export default defineIntegration({
  id: 'simulated_management',
  title: 'Simulated management',
  docs: 'https://d3fend.mitre.org/technique/d3f:SoftwareUpdate/',
  simulated: true,
  config: SimulatedConfig,
  actions: ACTIONS,
  connect: (config) => connectProduct(config, 'simulated management', ACTIONS),
});
