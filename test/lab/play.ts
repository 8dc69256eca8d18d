import type { Contribution, Scenario } from './component';
import type { Cordon } from './cordon';
import type { Station } from './lab';
import type { Table } from './table';

/** What a play needs: the lab, a Cordon that runs, and where the rows go. */
export interface Stage {
  station: Station;
  cordon: Cordon;
  table: Table;
  parts: readonly Contribution[];
  configFile: string;
}

/**
 * All stories at once up to where everything is in force; then Cordon is killed and started again; then all undos at once. At
 * each of these points the leases are compared with what the products themselves have in force.
 */
export async function play(scenarios: readonly Scenario[], stage: Stage): Promise<void> {
  const { station, cordon, table } = stage;
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      table.fail(what, error);
      return undefined;
    }
  };
  const undos = await Promise.all(
    scenarios.map((scenario) => attempt(scenario.name, () => scenario.run(station, cordon, table))),
  );
  await attempt('leases', () => compare(stage, 'during'));
  await attempt('kill -9 of Cordon and Temporal', async () => {
    station.say('kill -9 of Cordon and Temporal, and a start on what they left');
    await cordon.killAndStart(stage.configFile);
    await compare(stage, 'during', ' after kill -9 of Cordon and Temporal');
  });
  await Promise.all(
    undos.map(async (undo, index) => {
      if (undo !== undefined) await attempt(`undo: ${scenarios[index]?.name ?? ''}`, undo);
    }),
  );
  await attempt('leases', () => compare(stage, 'after', ' after the undos'));
  await attempt('the journal', async () => {
    const report = await cordon.api<{ ok: boolean }>('GET', '/journal/verify');
    table.row('the journal verifies', { after: [report.ok, true] });
  });
}

async function compare(
  { cordon, table, parts }: Stage,
  column: 'during' | 'after',
  when = '',
): Promise<void> {
  const leases = (await cordon.leases()).map(({ action, target }) => `${action} ${target.key}`);
  const real = (await Promise.all(parts.map(async ({ inForce }) => (await inForce?.()) ?? []))).flat();
  const listed = (effects: string[]): string => effects.sort().join('\n') || 'nothing';
  table.row(`leases equal what the products have in force${when}`, {
    [column]: [listed(leases), listed(real)],
  });
}
