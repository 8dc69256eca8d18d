/** What is measured: three actions side by side, or one after another. */
export type Shape = 'group' | 'phases';
export const SHAPES: readonly Shape[] = ['group', 'phases'];
export const ACTIONS_PER_INCIDENT = 3;

export const TITLE: Readonly<Record<Shape, string>> = {
  group: 'three actions in one group',
  phases: 'three phases one after another',
};

/** The addresses of an incident of the shape `group`; each incident has its own, so that none joins another. */
export function addresses(incident: number): string[] {
  return [1, 2, 3].map((n) => `2001:db8:${incident.toString(16)}::${String(n)}`);
}

/** The account of an incident of the shape `phases`. */
export const account = (incident: number): string => `bench-${String(incident)}`;

/**
 * The alert that Cordon is sent. `account_compromise`, as it ships, answers addresses alone with one group of blocks, and an
 * account alone with three phases of one action: disable it, end its sessions, enable it again.
 */
export function alertOf(shape: Shape, incident: number): object {
  return {
    id: `bench-${shape}-${String(incident)}`,
    title: `Bench alert ${String(incident)}`,
    severity: 4,
    category: 'account_compromise',
    techniques: ['T1078'],
    entities: shape === 'group' ? { ips: addresses(incident) } : { accounts: [account(incident)] },
  };
}

/** One call of the baseline to the mock. */
export interface Call {
  method: 'PUT' | 'POST';
  path: string;
  body: object;
}

/** The same effects for the baseline: exactly the state-changing calls that Cordon makes. */
export function callsOf(shape: Shape, incident: number): Call[] {
  const body = { comment: 'bench' };
  if (shape === 'group')
    return addresses(incident).map((ip) => ({
      method: 'PUT',
      path: `/api/v1/blocks/${encodeURIComponent(ip)}`,
      body,
    }));
  return ['disable', 'revoke-sessions', 'enable'].map((verb) => ({
    method: 'POST',
    path: `/api/v1/users/usr-${account(incident)}/${verb}`,
    body,
  }));
}
