import type { Migration } from 'kysely';
import * as initial from './001-initial';

/** In order of their names. */
export const MIGRATIONS: Record<string, Migration> = { '001-initial': initial };
