import type { AlertView } from '../../contracts/alert';
import type { IncidentInput } from '../../contracts/messages';

const base = { domain: 'corp.example.com', criticality: 3, tags: [] as string[] };

export const host = (name: string): AlertView['scope']['hosts'][number] => ({
  name,
  key: `host:${name}`,
  criticality: 3,
  tags: [],
});
export const account = (name: string): AlertView['scope']['accounts'][number] => ({
  name,
  ...base,
  key: `account:${name}`,
});
export const dataset = (name: string): AlertView['scope']['datasets'][number] => ({
  name,
  key: `dataset:${name}`,
  criticality: 4,
  tags: [],
});

/** A ransomware alert on one host, unless told otherwise. */
export function alertView(
  seq: number,
  scope: Partial<AlertView['scope']> = { hosts: [host('fin-ws-042')] },
  more: Partial<AlertView> = {},
): AlertView {
  return {
    id: `alert-${String(seq)}`,
    seq,
    alertKey: `lab:${String(seq)}`,
    source: 'lab',
    title: 'Files are being encrypted',
    severity: 5,
    category: 'ransomware',
    techniques: ['T1486'],
    occurredAt: '2026-03-01T08:00:00.000Z',
    resolved: false,
    scope: { hosts: [], accounts: [], datasets: [], ips: [], files: [], ...scope },
    ...more,
  };
}

export function incidentInput(alerts: AlertView[], more: Partial<IncidentInput> = {}): IncidentInput {
  return {
    number: 'INC-2026-000042',
    mode: 'live',
    severity: 5,
    policyVersion: 'v1',
    alerts,
    quickStart: true,
    ...more,
  };
}
