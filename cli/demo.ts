import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ApprovalRequest } from '../contracts/approval';
import type { Lease } from '../contracts/lease';
import type { QuestionView } from '../contracts/question';
import type { JsonObject } from '../contracts/values';
import { api, ApiError, hookSecret } from './api';
import { answerInWords, demoAnswer } from './demo-answers';
import { postAlert } from './hook';
import { entriesAfter, lineOf } from './timeline';

const LOOK_EVERY_MS = 300;
const LIMIT_MS = 5 * 60_000;

/** An alert for each playbook that can be demonstrated. The names are those of the simulated estate's assets. */
const ALERTS: Readonly<Record<string, JsonObject>> = {
  ransomware: {
    title: 'Mass file encryption on fin-fs-01',
    severity: 5,
    category: 'ransomware',
    techniques: ['T1486'],
    entities: { hosts: ['fin-fs-01'], accounts: ['m.okafor'] },
  },
  malware_on_endpoint: {
    title: 'Trojan dropped on fin-ws-042',
    severity: 4,
    category: 'malware',
    techniques: ['T1204'],
    entities: { hosts: ['fin-ws-042'] },
  },
  account_compromise: {
    title: 'Log-in of m.okafor from two continents',
    severity: 4,
    category: 'account_compromise',
    techniques: ['T1078'],
    entities: { accounts: ['m.okafor'], ips: ['203.0.113.66'] },
  },
  phishing: {
    title: 'Credential phishing mail to the finance team',
    severity: 3,
    category: 'phishing',
    techniques: ['T1566.002'],
    entities: {
      accounts: ['m.okafor'],
      urls: ['https://login.attacker.example.net/finance'],
      domains: ['login.attacker.example.net'],
      files: [{ name: 'invoice.iso', sha256: 'b'.repeat(64) }],
      messages: [
        {
          id: 'invoice-4711@attacker.example.net',
          sender: 'billing@attacker.example.net',
          subject: 'Invoice 4711',
          recipients: ['m.okafor@corp.example.com'],
        },
      ],
    },
  },
  data_exfiltration: {
    title: 'fin-fs-01 sends 40 GB to a file-sharing site',
    severity: 5,
    category: 'exfiltration',
    techniques: ['T1567.002'],
    entities: {
      hosts: ['fin-fs-01'],
      accounts: ['m.okafor'],
      ips: ['203.0.113.66'],
      domains: ['drop.attacker.example.net'],
      urls: ['https://drop.attacker.example.net/finance'],
      files: [{ path: '/tmp/finance.7z' }],
      principals: [{ name: 'report-export' }],
      keys: [{ id: 'EXAMPLEKEY4711', principal: 'report-export' }],
      buckets: ['finance-reports'],
    },
  },
  web_shell: {
    title: 'Web shell on fin-fs-01',
    severity: 5,
    category: 'web_attack',
    techniques: ['T1505.003'],
    entities: {
      hosts: ['fin-fs-01'],
      ips: ['203.0.113.66'],
      files: [{ path: '/var/www/html/up.php', sha256: 'd'.repeat(64) }],
      processes: [{ pid: 4242, name: 'sh' }],
    },
  },
  brute_force: {
    title: 'Log-in of m.okafor after 240 failures',
    severity: 4,
    category: 'credential_attack',
    techniques: ['T1110.001', 'T1078'],
    entities: { hosts: ['fin-fs-01'], accounts: ['m.okafor'], ips: ['203.0.113.66'] },
  },
  lost_device: {
    title: 'Laptop fin-ws-042 of m.okafor was left on a train',
    severity: 3,
    category: 'lost_device',
    entities: { hosts: ['fin-ws-042'], accounts: ['m.okafor'] },
  },
  insider: {
    title: 'm.okafor copies the finance share to a private address',
    severity: 4,
    category: 'insider',
    techniques: ['T1213'],
    entities: { hosts: ['fin-ws-042'], accounts: ['m.okafor'] },
  },
};

interface Incident {
  number: string;
  phase: string;
  status: string;
  attention: string | null;
  playbook: string | null;
  alerts: { id: string }[];
}

/** The made-up alert of a playbook, as a `generic` source takes it and happening now. */
export function demoAlert(playbook: string): JsonObject {
  const alert = ALERTS[playbook];
  if (alert === undefined)
    throw new ApiError(
      `There is no made-up alert for ${playbook}; there are ${Object.keys(ALERTS).join(', ')}.`,
    );
  return { ...alert, id: randomUUID(), occurredAt: new Date().toISOString() };
}

/** Sends an alert, shows what happens, approves and answers as you, and stops when the run watches or is closed. */
export async function demo(playbook: string, say: (line: string) => void): Promise<Incident> {
  const sent = await postAlert('demo', hookSecret(), JSON.stringify(demoAlert(playbook)));
  say(`alert accepted (delivery ${sent.deliveryId})`);
  const deadline = Date.now() + LIMIT_MS;
  const number = await incidentOfAlert(sent.alerts[0] ?? '', deadline);
  say(`incident ${number}`);
  const { alerts } = await api<Incident>('GET', `/incidents/${number}`);
  if (alerts.length > 1)
    say(
      `  it joined an open incident, whose playbook goes on; for one of its own close that first: npx cordon incidents close ${number} --reason demo`,
    );
  let seen = 0;
  while (Date.now() < deadline) {
    const items = await entriesAfter(number, seen);
    for (const entry of items) {
      seen = entry.seq;
      say(lineOf(entry));
    }
    await approveAll(number, say);
    await answerAll(number, say);
    const incident = await api<Incident>('GET', `/incidents/${number}`);
    if (incident.attention !== null) throw new ApiError(`${number} needs a person: ${incident.attention}`);
    if (items.length === 0 && (incident.phase === 'monitoring' || incident.status === 'closed')) {
      await showEnd(incident, say);
      return incident;
    }
    await pause(LOOK_EVERY_MS);
  }
  throw new ApiError(
    `${number} did not get to its end within 5 minutes: npx cordon incidents show ${number}`,
  );
}

async function incidentOfAlert(alert: string, deadline: number): Promise<string> {
  while (Date.now() < deadline) {
    const { items } = await api<{ items: { number: string }[] }>('GET', '/incidents?status=open&limit=50');
    for (const { number } of items) {
      const incident = await api<Incident>('GET', `/incidents/${number}`);
      if (incident.alerts.some(({ id }) => id === alert)) return number;
    }
    await pause(LOOK_EVERY_MS);
  }
  throw new ApiError('The alert was accepted but joined no incident.');
}

/** Only what is simulated: a demo never decides about a real product. */
async function approveAll(number: string, say: (line: string) => void): Promise<void> {
  const { items } = await api<{ items: ApprovalRequest[] }>('GET', '/approvals');
  for (const request of items.filter(({ incident }) => incident === number)) {
    const pending = request.items.filter(
      ({ status, simulated, decisions }) => status === 'pending' && simulated && decisions.length === 0,
    );
    if (pending.length === 0) continue;
    for (const item of pending)
      say(`  you approve: ${item.title} on ${item.target.label} (simulated; ${item.requirement.why})`);
    const input = {
      decisionId: randomUUID(),
      verdict: 'approve',
      items: pending.map(({ itemHash }) => itemHash),
      planHash: request.planHash,
      reason: 'demo',
    };
    await api('POST', `/approvals/${request.id}/decisions`, input);
  }
}

async function answerAll(number: string, say: (line: string) => void): Promise<void> {
  const { items } = await api<{ items: QuestionView[] }>('GET', `/questions?incident=${number}`);
  for (const question of items) {
    const answer = demoAnswer(question);
    say(`  you answer: ${question.title} ${answerInWords(question, answer)}`);
    await api('POST', `/questions/${question.id}/answers`, { answerId: randomUUID(), answer });
  }
}

async function showEnd(incident: Incident, say: (line: string) => void): Promise<void> {
  const { items } = await api<{ items: Lease[] }>('GET', '/containments');
  const held = items.filter(({ holders }) =>
    holders.some((holder) => holder.incident === incident.number && holder.releasedAt === null),
  );
  say('');
  say(
    incident.status === 'closed'
      ? `${incident.number} is closed.`
      : `${incident.number} is recovered and watched for its return.`,
  );
  for (const lease of held)
    say(
      `  in force: ${lease.action} on ${lease.target.label} until ${lease.expiresAt ?? 'it is released'} (lease ${lease.id})`,
    );
  say(`Undo everything: npx cordon incidents rollback ${incident.number} --reason demo`);
}
