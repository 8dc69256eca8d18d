import type { ApprovalItem, ApprovalRequest } from '../../contracts/approval';
import type { Notice } from '../../contracts/channel';

/** An item as it is shown; `endpoint.release_host`, low impact. */
export const itemOf = (n: number, over: Partial<ApprovalItem> = {}): ApprovalItem => ({
  itemHash: `${'0'.repeat(60)}${String(n).padStart(4, '0')}`,
  action: 'endpoint.release_host',
  title: 'Release host',
  connection: 'edr',
  simulated: false,
  target: { kind: 'host', key: `host:ws-${String(n)}`, label: `ws-${String(n)}` },
  input: { host: { name: `ws-${String(n)}` } },
  leaseSeconds: 3600,
  impact: 'low',
  reversible: true,
  requirement: {
    kind: 'approvals',
    groups: [{ roles: ['analyst'], count: 1 }],
    timeoutSeconds: 3600,
    noSelfApproval: false,
    why: 'low impact: one analyst',
  },
  status: 'pending',
  decisions: [],
  ...over,
});

/** A notice about these items. */
export function noticeOf(
  items: ApprovalItem[],
  over: Partial<Notice> = {},
  request: Partial<ApprovalRequest> = {},
): Notice {
  return {
    key: 'k',
    event: 'approval_requested',
    at: new Date('2026-03-04T05:00:00Z'),
    request: {
      id: '5d0f5c8e-7b0b-4c47-9f5a-5b1f6f0f3c11',
      incident: 'INC-2026-000001',
      incidentTitle: 'Trojan on ws-1',
      mode: 'live',
      group: 'contain/hosts',
      phase: 'containment',
      title: 'Cut the hosts off',
      reason: 'ransomware@1',
      planHash: 'a'.repeat(64),
      policyVersion: 'p',
      status: 'open',
      createdAt: '2026-03-04T05:00:00.000Z',
      expiresAt: '2026-03-04T08:20:00.000Z',
      items,
      ...request,
    },
    evidence: { severity: 4, alerts: ['Trojan found'], alertCount: 1 },
    people: [],
    links: new Map(),
    overview: 'https://cordon.example.com/#request-1',
    ...over,
  };
}

/** What an attacker might put into an alert. */
export const HOSTILE =
  '<!channel> <@U0ADMIN> <https://evil.example|click> *bold* [x](https://evil.example) <b>&amp; \u202egnp.exe \u001b[2J\r\nBcc: x@evil.example\u200b `"\'>';
