import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACTIONS, type ActionId } from '../../contracts/actions';
import { AssetIndex } from '../../contracts/assets';
import { Config } from '../../contracts/config';
import { ConnectionRegistry } from '../../activities/connections';
import { startSimulatedEstate } from '../../cli/up/simulated-estate';
import shipped from '../../cordon.config';
import { INTEGRATIONS } from '../../integrations';
import { fakeConnectTools } from '../contract/call-context';

test('every action of the catalogue is served by what `npm start` configures, and each of its products is well and says that it is simulated', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-estate-'));
  const raw = { ...shipped, sources: [] };
  const estate = await startSimulatedEstate(raw, folder);
  try {
    const config = Config.parse(estate.config);
    const registry = new ConnectionRegistry(config, INTEGRATIONS, () => fakeConnectTools());
    const none = new AssetIndex([]);
    const target = { kind: 'host', key: 'host:x', label: 'x' } as const;
    for (const action of Object.keys(ACTIONS) as ActionId[]) {
      const route = registry.route(action, target, none);
      expect([action, route.simulated, typeof route.handler().act]).toEqual([action, true, 'function']);
    }
    for (const { id, tags } of config.connections) {
      expect([id, tags]).toEqual([id, ['simulated']]);
      expect(await registry.connection(id).check(AbortSignal.timeout(10_000))).toMatchObject({ ok: true });
    }
    await registry.close();
  } finally {
    await estate.stop();
    rmSync(folder, { recursive: true });
  }
});
