import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../contracts/config';
import { createFirstToken, savePerson } from '../../store/people';
import type { Store } from '../../store/store';

const LOCAL = {
  id: 'local',
  name: 'Local operator',
  roles: ['admin', 'lead', 'analyst', 'engineer'],
} as const;

/**
 * Saves the people of the configuration. At the first start of an installation, by whichever process is first, it also makes one
 * local person who may do everything, and leaves their token in the data folder. Returns the token, or undefined later on.
 */
export async function letPeopleIn(
  store: Store,
  config: Pick<Config, 'people'>,
  dataDir: string,
): Promise<string | undefined> {
  for (const person of config.people) await savePerson(store, person);
  return createFirstToken(store, { ...LOCAL, roles: [...LOCAL.roles] }, (token) => {
    writeFileSync(join(dataDir, 'token'), token, { mode: 0o600 });
  });
}
