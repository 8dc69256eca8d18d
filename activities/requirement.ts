import type { Policy, PolicyFacts, Requirement } from '../contracts/policy';
import { requirementOn } from '../contracts/policy-target';
import { SCANS, type ScanKind } from '../contracts/scans';
import type { Mode } from '../contracts/values';
import type { Row } from '../store/schema';
import type { Tx } from '../store/store';
import type { Prepared } from './runner-types';

/** What the policy may look at beside the item and the row of its incident. */
export type IncidentFacts = Pick<PolicyFacts, 'confidence' | 'incidentCategories' | 'authors' | 'heldRoles'>;

const LEAD_OVERRIDE_SECONDS = 4 * 3600;

/**
 * What the pinned policy requires of an item, with facts from SQL and configuration only. `at` is when it was asked for: night
 * and day do not change what was asked.
 */
export function requirementOf(
  prepared: Prepared,
  incident: Row<'incidents'>,
  policy: Policy,
  at: Date,
  about: IncidentFacts,
): Requirement {
  const known = {
    action: prepared.spec.id,
    mode: incident.mode as Mode,
    severity: incident.severity,
    connectionTags: prepared.route.tags,
    at,
    ...about,
  };
  return requirementOn(policy, known, prepared).requirement;
}

/** What is known of a scan of a host. */
export interface Scan {
  readonly outcome: string | null;
  readonly input: object;
  readonly output: { clean?: unknown } | null;
}

/** With the newest scan since the containment from SQL; see `cleanCheck`. */
export async function withCleanCheck(
  tx: Tx,
  prepared: Prepared,
  requirement: Requirement,
): Promise<Requirement> {
  const { lease, item } = prepared;
  if (!item.onlyWhenClean || lease === undefined) return requirement;
  let required = requirement;
  for (const kind of item.cleanBy ?? DEFAULT_SCANS)
    required = cleanCheck(required, await newestScan(tx, prepared, lease, kind), kind);
  return required;
}

const DEFAULT_SCANS: readonly ScanKind[] = ['antivirus'];

function newestScan(
  tx: Tx,
  prepared: Prepared,
  lease: Row<'leases'>,
  kind: ScanKind,
): Promise<Scan | undefined> {
  return tx
    .selectFrom('claims')
    .select(['outcome', 'input', 'output'])
    .where('incident', '=', prepared.wave.incident)
    .where('action', '=', SCANS[kind])
    .where('target_key', '=', lease.target_key)
    .where('state', '=', 'done')
    .where('created_at', '>=', lease.created_at)
    .orderBy('settled_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/**
 * A host goes back only when the newest scan since its containment is clean. Otherwise the requirement becomes a lead's,
 * who is told why.
 */
export function cleanCheck(
  requirement: Requirement,
  scan: Scan | undefined,
  kind: ScanKind = 'antivirus',
): Requirement {
  const name = kind === 'antivirus' ? 'scan' : `${kind} scan`;
  const whole = scan !== undefined && !('paths' in scan.input);
  if (whole && scan.outcome === 'succeeded' && scan.output?.['clean'] === true) return requirement;
  if (requirement.kind === 'never') return requirement;
  const why =
    scan === undefined
      ? `no ${name} that began since it was contained has ended`
      : whole
        ? `its newest ${name} is not clean`
        : `its newest ${name} looked at some folders only`;
  const asksLead =
    requirement.kind === 'approvals' &&
    requirement.groups.some(({ roles }) => roles.every((role) => role === 'lead'));
  if (asksLead) return { ...requirement, silence: 'deny', why: `${requirement.why}; ${why}` };
  const others =
    requirement.kind === 'approvals'
      ? requirement.groups.filter(({ roles }) => !roles.includes('analyst') && !roles.includes('lead'))
      : [];
  return {
    kind: 'approvals',
    // What the lead does not stand for stays asked: HR, the legal department, the owner.
    groups: [{ roles: ['lead'], count: 1 }, ...others],
    timeoutSeconds: requirement.kind === 'approvals' ? requirement.timeoutSeconds : LEAD_OVERRIDE_SECONDS,
    noSelfApproval: requirement.kind === 'approvals' && requirement.noSelfApproval,
    ...(requirement.kind === 'approvals' && requirement.authors !== undefined
      ? { authors: requirement.authors }
      : {}),
    ...(requirement.kind === 'approvals' && requirement.owners !== undefined
      ? { owners: requirement.owners }
      : {}),
    why: `release in spite of this: ${why}`,
  };
}

/** One request for all items that need one; what silence would allow is asked for apart, so that its time is its own. */
export function inRequests<T extends { requirement: Requirement & { kind: 'approvals' } }>(
  items: readonly T[],
): T[][] {
  const requests = new Map<string, T[]>();
  for (const item of items) {
    const { silence, timeoutSeconds } = item.requirement;
    const name = silence === 'allow' ? `allow ${String(timeoutSeconds)}` : 'deny';
    requests.set(name, [...(requests.get(name) ?? []), item]);
  }
  return [...requests.values()];
}
