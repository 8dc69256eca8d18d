import { ACTIONS } from '../../contracts/actions';
import { Alert, AlertView } from '../../contracts/alert';
import { Command, IncidentInput, WaveInput, WaveResult } from '../../contracts/messages';

const host = { name: 'ws-1', ip: '192.0.2.1', key: 'host:ws-1', criticality: 3, tags: [] };
const account = { name: 'm.okafor', upn: 'm.okafor@example.com' };
const dataset = { host, path: '/srv/data', name: 'data' };

/** Values that fit some schema and fail others, in every way that the schemas look at. */
const VALUES: readonly unknown[] = [
  null,
  'text',
  {},
  { host },
  { host, path: '/a', sha256: 'a'.repeat(64), token: 't' },
  { host, path: '/a', sha256: 'not a hash' },
  { host, paths: ['/a', ''] },
  { host, clean: false, findings: [{ path: '/a', signature: 's' }], errors: [], engine: 'e' },
  { host, evidence: [{ name: 'n', sha256: 'b'.repeat(64), bytes: 1 }] },
  { account, token: 't' },
  {
    ...{ host, process: { pid: 1 }, sha256: 'c'.repeat(64), domain: 'c2.example.net' },
    ...{ url: 'https://c2.example.net/a', sender: 'a@example.net', message: { id: 'm' } },
    ...{ key: { id: 'k' }, principal: { name: 'p' }, bucket: { name: 'b' }, title: 't', text: 't' },
  },
  { host, process: {}, domain: 'com', url: 'javascript:0', sender: 'nobody', perSecond: 0 },
  { ip: '192.0.2.7' },
  { ip: '2001:db8::1' },
  { ip: '300.1.1.1' },
  { set: dataset, before: '2026-11-25T08:00:00Z' },
  { set: dataset, before: 'yesterday' },
  { id: 'c', kind: 'close', by: 'person:x', reason: 'r' },
  { id: 'c', kind: 'verdict', verdict: 'benign', by: 'person:x', reason: 'r' },
  { number: 'INC-2026-000001', mode: 'live', severity: 4, policyVersion: 'p', alerts: [] },
  { number: 'INC-2026-000001', mode: 'live', severity: 9, policyVersion: 'p', alerts: [{}] },
];

/** What each schema that runs use says to each value. A workflow, and a plain function. */
export async function everySchema(): Promise<string[]> {
  const schemas = [
    ...Object.values(ACTIONS).flatMap(({ input, output }) => [input, output]),
    ...[Alert, AlertView, Command, IncidentInput, WaveInput, WaveResult],
  ];
  return schemas.flatMap((schema) =>
    VALUES.map((value) => {
      const parsed = schema.safeParse(value);
      return JSON.stringify(parsed.success ? parsed.data : parsed.error.issues);
    }),
  );
}
