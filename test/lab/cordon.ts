import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axios from 'axios';
import type { ApprovalRequest } from '../../contracts/approval';
import type { Lease } from '../../contracts/lease';
import type { LabProcess, SpawnOptions } from './processes';

const ROOT = join(__dirname, '..', '..');
const PORT = 8233;
const READY_MS = 120_000;
const CALL_MS = 15_000;

/** Where it runs. */
interface Station {
  readonly folder: string;
  spawn(name: string, argv: readonly string[], options?: SpawnOptions): LabProcess;
  until(what: string, condition: () => Promise<boolean> | boolean, limitMs?: number): Promise<void>;
}

/** What the API shows of an incident. */
export interface Incident {
  number: string;
  title: string;
  status: string;
  phase: string;
  attention: string | null;
  playbook: string | null;
  alerts: { id: string; source: string }[];
  actions: { action: string; target: string; status: string }[];
}

/** Cordon as its users run it: `cordon up` in a process of its own, spoken to over HTTP. */
export class Cordon {
  readonly url = `http://127.0.0.1:${String(PORT)}`;
  readonly #dataDir: string;
  #process: LabProcess | undefined;
  #starts = 0;

  constructor(private readonly lab: Station) {
    this.#dataDir = join(lab.folder, 'cordon');
  }

  /** Starts it with a configuration and waits for the ready line. */
  async start(configFile: string): Promise<void> {
    const started = this.lab.spawn(
      `cordon-${String(++this.#starts)}`,
      [process.execPath, join(ROOT, 'cli', 'bin.cjs'), 'up'],
      {
        cwd: ROOT,
        env: {
          CORDON_CONFIG: configFile,
          CORDON_DATA_DIR: this.#dataDir,
          PORT: String(PORT),
          HOST: '127.0.0.1',
          DATABASE_URL: '',
          TEMPORAL_ADDRESS: '',
          NODE_ENV: 'production',
        },
      },
    );
    this.#process = started;
    const ready = (): boolean => {
      if (started.ended() !== undefined) throw new Error(`cordon up ended: ${started.output()}`);
      return started.output().includes('Cordon is ready');
    };
    await this.lab.until('the ready line of Cordon', ready, READY_MS);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** kill -9 of Cordon and of the Temporal beside it, and a start on what they left. */
  async killAndStart(configFile: string): Promise<void> {
    process.kill(Number(readFileSync(join(this.#dataDir, 'temporal.pid'), 'utf8')), 'SIGKILL');
    const killed = this.#process;
    killed?.child.kill('SIGKILL');
    await this.lab.until('Cordon to be gone', () => killed?.ended() !== undefined);
    await this.start(configFile);
  }

  /** Artefacts in custody, by the name of their file, and whether that is their sha256. */
  evidence(): { sha256: string; whole: boolean; text: string }[] {
    const folder = join(this.#dataDir, 'evidence');
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /[0-9a-f]{64}$/.test(name))
      .map((name) => {
        const bytes = readFileSync(join(folder, name));
        const sha256 = name.slice(-64);
        const whole = createHash('sha256').update(bytes).digest('hex') === sha256;
        return { sha256, whole, text: bytes.toString('utf8') };
      });
  }

  /** One call of the API with the token that the first start left. */
  async api<T>(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<T> {
    const token = readFileSync(join(this.#dataDir, 'token'), 'utf8').trim();
    const { data, status } = await axios.request<T>({
      method,
      url: `${this.url}/api/v1${path}`,
      data: body,
      headers: { Authorization: `Bearer ${token}` },
      timeout: CALL_MS,
      validateStatus: () => true,
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${String(status)} ${JSON.stringify(data)}`);
    return data;
  }

  /** Posts a body to a source with a bearer secret and returns the ids of the alerts. */
  async deliver(source: string, secret: string, body: object): Promise<string[]> {
    const { data, status } = await axios.post<{ alerts: string[] }>(`${this.url}/hooks/${source}`, body, {
      headers: { Authorization: `Bearer ${secret}` },
      timeout: CALL_MS,
      validateStatus: () => true,
    });
    if (status !== 202)
      throw new Error(`/hooks/${source} answered ${String(status)}: ${JSON.stringify(data)}`);
    return data.alerts;
  }

  /** Posts a body to a Standard Webhooks source, signed, and returns the alert's id. */
  async deliverSigned(
    source: string,
    body: string,
    sign: (messageId: string, at: Date, body: string) => string,
  ): Promise<string> {
    const [id, at] = [`msg_${randomUUID()}`, new Date()];
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': sign(id, at, body),
    };
    const { data } = await axios.post<{ alerts: string[] }>(
      `${this.url}/hooks/${source}`,
      Buffer.from(body),
      {
        headers,
        timeout: CALL_MS,
      },
    );
    return data.alerts[0] ?? '';
  }

  /** The incident that an alert has joined. */
  async incidentOf(alert: string): Promise<Incident> {
    let found: Incident | undefined;
    await this.lab.until(`an incident of alert ${alert}`, async () => {
      const { items } = await this.api<{ items: { number: string }[] }>('GET', '/incidents?limit=50');
      for (const { number } of items) {
        const incident = await this.incident(number);
        if (incident.alerts.some(({ id }) => id === alert)) found = incident;
      }
      return found !== undefined;
    });
    return found as Incident;
  }

  incident(number: string): Promise<Incident> {
    return this.api<Incident>('GET', `/incidents/${number}`);
  }

  /** Open requests of an incident, with what is still undecided in them. */
  async asked(incident: string): Promise<ApprovalRequest[]> {
    const { items } = await this.api<{ items: ApprovalRequest[] }>('GET', '/approvals');
    return items
      .filter((request) => request.incident === incident)
      .map((request) => ({
        ...request,
        items: request.items.filter(
          ({ status, decisions }) => status === 'pending' && decisions.length === 0,
        ),
      }))
      .filter(({ items: pending }) => pending.length > 0);
  }

  /** Waits until the incident asks for this action on this target, and returns what to decide with. */
  async asks(incident: string, action: string, target: string): Promise<{ request: string; item: string }> {
    let found: { request: string; item: string } | undefined;
    await this.lab.until(
      `${incident} to ask for ${action} on ${target}`,
      async () => {
        for (const { id, items } of await this.asked(incident))
          for (const item of items)
            if (item.action === action && item.target.label.includes(target))
              found = { request: id, item: item.itemHash };
        return found !== undefined;
      },
      90_000,
    );
    return found as { request: string; item: string };
  }

  /** Waits until it asks, and approves as a person does. */
  async approve(incident: string, action: string, target: string): Promise<void> {
    const { request, item } = await this.asks(incident, action, target);
    await this.decide(request, item, 'approve');
  }

  async decide(request: string, item: string, verdict: 'approve' | 'deny'): Promise<void> {
    const input = { decisionId: randomUUID(), verdict, items: [item], reason: 'the lab' };
    await this.api('POST', `/approvals/${request}/decisions`, input);
  }

  /** What Cordon says is in force. */
  async leases(): Promise<Lease[]> {
    return (await this.api<{ items: Lease[] }>('GET', '/containments')).items;
  }

  /** Waits for a lease of this action on this target. */
  async lease(action: string, target: string): Promise<Lease> {
    let found: Lease | undefined;
    await this.lab.until(
      `a lease of ${action} on ${target}`,
      async () => {
        found = (await this.leases()).find(
          (lease) =>
            lease.action === action && lease.target.label.includes(target) && lease.status === 'in_force',
        );
        return found !== undefined;
      },
      90_000,
    );
    return found as Lease;
  }

  /** Releases one containment and waits until it is no longer in force. */
  async release(lease: Lease): Promise<void> {
    await this.api('POST', `/containments/${lease.id}/release`, { reason: 'the lab' });
    await this.gone(lease.action, lease.target.label);
  }

  /** Waits until no lease of this action on this target is in force. */
  async gone(action: string, target: string): Promise<void> {
    await this.lab.until(
      `the release of ${action} on ${target}`,
      async () =>
        !(await this.leases()).some(
          (lease) => lease.action === action && lease.target.label.includes(target),
        ),
      60_000,
    );
  }

  /** Closes an incident, and waits until it is. */
  async close(incident: string): Promise<void> {
    await this.api('POST', `/incidents/${incident}/close`, { reason: 'the lab' });
    const closed = async (): Promise<boolean> => (await this.incident(incident)).status === 'closed';
    await this.lab.until(`${incident} to be closed`, closed, 60_000);
  }

  /** Undoes all that an incident still holds, and waits until nothing is left. */
  async rollBack(incident: string): Promise<void> {
    await this.api('POST', `/incidents/${incident}/rollback`, { reason: 'the lab' });
    const holds = async (): Promise<boolean> =>
      (await this.leases()).some(({ holders }) =>
        holders.some((holder) => holder.incident === incident && holder.releasedAt === null),
      );
    await this.lab.until(`the rollback of ${incident}`, async () => !(await holds()), 60_000);
  }
}
