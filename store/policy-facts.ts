import { sql } from 'kysely';
import type { AlertCategory } from '../contracts/policy';
import { ROLES, type Role } from '../contracts/values';
import type { Tx } from './store';

/** What the policy may ask of an incident's alerts and of the people there are. */
export interface AlertFacts {
  /** The highest that an attached alert tells; null where none tells one. */
  confidence: number | null;
  incidentCategories: AlertCategory[];
  /** Roles that active people hold. */
  heldRoles: Role[];
}

/** Reads it in one statement. Alerts that were detached are not the incident's any more. */
export async function alertFacts(tx: Tx, incident: string): Promise<AlertFacts> {
  const { rows } = await sql<{ confidence: number | null; categories: AlertCategory[]; roles: Role[] }>`
    SELECT max((data->>'confidence')::int) AS confidence,
      coalesce(jsonb_agg(DISTINCT data->>'category') FILTER (WHERE data->>'category' IS NOT NULL), '[]') AS categories,
      (SELECT coalesce(jsonb_agg(DISTINCT role), '[]')
        FROM people, jsonb_array_elements_text(people.roles) AS role WHERE active) AS roles
    FROM alerts WHERE incident = ${incident}`.execute(tx);
  const [{ confidence, categories, roles } = { confidence: null, categories: [], roles: [] }] = rows;
  return {
    confidence,
    incidentCategories: categories,
    heldRoles: ROLES.filter((role) => roles.includes(role)),
  };
}
