import type { Migration } from 'kysely';
import * as initial from './001-initial';
import * as notices from './005-notices';

/** In order of their names. */
export const MIGRATIONS: Record<string, Migration> = { '001-initial': initial, '005-notices': notices };
