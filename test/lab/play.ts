import type { Contribution, Scenario } from './component';
import type { Cordon } from './cordon';
import type { Station } from './lab';
import type { Table } from './table';

const NOTHING = 'nothing';

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
  await attempt('leases', () => compare(stage));
  await attempt('kill -9 of Cordon and Temporal', async () => {
    station.say('kill -9 of Cordon and Temporal, and a start on what they left');
    await cordon.killAndStart(stage.configFile);
    await compare(stage, ' after kill -9 of Cordon and Temporal');
  });
  await Promise.all(
    undos.map(async (undo, index) => {
      if (undo !== undefined) await attempt(`undo: ${scenarios[index]?.name ?? ''}`, undo);
    }),
  );
  await attempt('leases', () => compare(stage, ' after the undos', NOTHING));
  await attempt('the journal', async () => {
    const report = await cordon.api<{ ok: boolean }>('GET', '/journal/verify');
    table.row('the journal verifies', { after: [report.ok, true] });
  });
}

/** What Cordon says is in force, beside what the products say; `expected` for both where it is known. */
async function compare({ cordon, table, parts }: Stage, when = '', expected?: string): Promise<void> {
  const listed = (effects: string[]): string => effects.sort().join('\n') || NOTHING;
  const leases = listed((await cordon.leases()).map(({ action, target }) => `${action} ${target.key}`));
  const real = listed(
    (await Promise.all(parts.map(async ({ inForce }) => (await inForce?.()) ?? []))).flat(),
  );
  table.row(`leases equal what the products have in force${when}`, {
    ...(expected === undefined
      ? { during: [real, leases] }
      : { during: [leases, expected], after: [real, expected] }),
  });
}
