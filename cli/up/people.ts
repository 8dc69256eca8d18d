import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../contracts/config';
import { createFirstToken, LOCAL_PERSON, savePeople } from '../../store/people';
import type { Store } from '../../store/store';

const LOCAL = {
  id: LOCAL_PERSON,
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
  await savePeople(store, config.people);
  return createFirstToken(store, { ...LOCAL, roles: [...LOCAL.roles] }, (token) => {
    writeFileSync(join(dataDir, 'token'), token, { mode: 0o600 });
  });
}
