import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ApprovalRequest } from '../../contracts/approval';
import type { JournalEntry } from '../../contracts/journal';
import type { Lease } from '../../contracts/lease';
import type { ChaosEstate } from './chaos-estate';
import { HOOK_SECRET, type Installation } from './chaos-installations';
import { callApi, postHook, signed, until } from './cordon-process';
import type { SeededRandom } from './seeded-random';

const DONE_MS = 180_000;
const RETRY_MS = 200;
const LOOK_MS = 1_500;
const APPROVE_MS = 500;
const MOVED_MS = 15_000;

/** The target of a kill that is none. */
export const NOTHING = 'nothing';

export interface Summary {
  number: string;
  title: string;
  phase: string;
  attention: string | null;
}

export interface Kill {
  target: string;
  at: number;
  readyAt: number;
}

/** An alert that is to be sent: what it is about, and who it joins. */
export interface Planned {
  id: string;
  body: string;
}

const alert = (id: string, fields: object): Planned => ({
  id,
  body: JSON.stringify({ id, severity: 4, occurredAt: new Date().toISOString(), ...fields }),
});

const ipOf = (n: number): string =>
  `${['203.0.113', '198.51.100', '192.0.2'][Math.floor(n / 250)] ?? '203.0.113'}.${String((n % 250) + 1)}`;

/** Whether the release of this host is denied, so that its isolation stays in force. */
export const isKept = (n: number): boolean => n % 10 === 3;
export const isInfected = (n: number): boolean => n % 10 === 1;
export const hostOf = (n: number): string => `${isKept(n) ? 'keep' : 'chaos'}-ws-${String(n)}`;

/** The n-th incident: of ten, six are malware, two accounts, two ransomware. None shares anything with another. */
export function incidentAlert(n: number): Planned {
  const kind = n % 10;
  if (kind < 6)
    return alert(`malware-${String(n)}`, {
      title: `Trojan ${String(n)}`,
      category: 'malware',
      techniques: ['T1204'],
      entities: { hosts: [hostOf(n)], ips: [ipOf(n)] },
    });
  if (kind < 8)
    return alert(`account-${String(n)}`, {
      title: `Log-in ${String(n)}`,
      category: 'account_compromise',
      techniques: ['T1078'],
      entities: { accounts: [`user-${String(n)}`], ips: [ipOf(n)] },
    });
  return alert(`ransom-${String(n)}`, {
    title: `Encryption ${String(n)}`,
    category: 'ransomware',
    techniques: ['T1486'],
    entities: { hosts: [hostOf(n)], accounts: [`user-${String(n)}`] },
  });
}

/** An alert about one more host that joins the n-th incident by its address; undefined where that has none. */
export function joiningAlert(n: number): Planned | undefined {
  if (n % 10 >= 8 || n % 3 !== 0) return undefined;
  return alert(`late-${String(n)}`, {
    title: `Late ${String(n)}`,
    category: 'malware',
    techniques: ['T1204'],
    entities: { hosts: [`late-ws-${String(n)}`], ips: [ipOf(n)] },
  });
}

/** People and products around an installation that is being killed: they send, decide, and keep what was promised to them. */
export class Chaos {
  /** Alerts that were answered with 202: their ids in Cordon. */
  readonly accepted = new Map<string, string>();
  /** Decisions that were answered with 202, by decision id. */
  readonly decided = new Map<string, { request: string; verdict: string; items: string[] }>();
  readonly kills: Kill[] = [];
  readonly #stop = new AbortController();
  #approving: Promise<void> | undefined;
  #broken: { error: unknown } | undefined;

  constructor(
    readonly installation: Installation,
    readonly estate: ChaosEstate,
    private readonly random: SeededRandom,
  ) {}

  /** Sends until it is answered with 202, as every sender must. */
  async send(planned: Planned): Promise<void> {
    const messageId = `msg_${randomUUID()}`;
    while (!this.#stop.signal.aborted) {
      const headers = signed(HOOK_SECRET, planned.body, messageId);
      const answer = await postHook(this.installation.url(), planned.body, headers).catch(() => undefined);
      if (answer?.status === 202) {
        this.accepted.set(planned.id, answer.data.alerts[0] ?? '');
        return;
      }
      if (answer !== undefined && answer.status !== 503)
        throw new Error(`a hook was answered with ${String(answer.status)}: ${JSON.stringify(answer.data)}`);
      await pause(RETRY_MS);
    }
  }

  /** A successful GET, as soon as one succeeds. */
  async read<T>(path: string): Promise<T> {
    for (;;) {
      const found = await this.tryRead<T>(path);
      if (found !== undefined) return found;
      await pause(RETRY_MS);
    }
  }

  async tryRead<T>(path: string): Promise<T | undefined> {
    const { installation } = this;
    const answer = await callApi<T>(installation.url(), installation.token(), 'GET', path).catch(
      () => undefined,
    );
    if (answer !== undefined && answer.status !== 200 && answer.status !== 503)
      throw new Error(
        `GET ${path} was answered with ${String(answer.status)}: ${JSON.stringify(answer.data)}`,
      );
    return answer?.status === 200 ? answer.data : undefined;
  }

  /** People decide as fast as they see something, through the API, and repeat what was not answered. */
  startApproving(): void {
    this.#approving = this.#approve().catch((error: unknown) => {
      this.#broken ??= { error };
    });
  }

  #throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken.error;
  }

  async #approve(): Promise<void> {
    const mine = new Map<string, string>();
    while (!this.#stop.signal.aborted) {
      const found = await this.tryRead<{ items: ApprovalRequest[] }>('/approvals');
      for (const request of found?.items ?? []) {
        const open = request.items.filter(
          ({ itemHash, status }) => status === 'pending' && !mine.has(`${request.id} ${itemHash}`),
        );
        for (const item of open) {
          const key = `${request.id} ${item.itemHash}`;
          const isDenied =
            item.action === 'endpoint.release_host' && item.target.label.toLowerCase().startsWith('keep-');
          const verdict = isDenied ? 'deny' : 'approve';
          const decisionId = randomUUID();
          if (await this.#decide(request.id, { decisionId, verdict, items: [item.itemHash] }))
            mine.set(key, decisionId);
        }
      }
      await pause(APPROVE_MS);
    }
  }

  async #decide(
    request: string,
    decision: { decisionId: string; verdict: string; items: string[] },
  ): Promise<boolean> {
    const { installation } = this;
    // Three tries with one decision id, as a browser or a chat bot would.
    for (let tries = 0; tries < 3 && !this.#stop.signal.aborted; tries += 1) {
      const answer = await callApi(
        installation.url(),
        installation.token(),
        'POST',
        `/approvals/${request}/decisions`,
        decision,
      ).catch(() => undefined);
      if (answer?.status === 202) {
        const { decisionId, verdict, items } = decision;
        this.decided.set(decisionId, { request, verdict, items });
        return true;
      }
      if (answer !== undefined && answer.status !== 503 && answer.status !== 409)
        throw new Error(
          `a decision was answered with ${String(answer.status)}: ${JSON.stringify(answer.data)}`,
        );
      if (answer?.status === 409) return true;
      await pause(RETRY_MS);
    }
    return false;
  }

  async incidents(): Promise<Summary[]> {
    const found: Summary[] = [];
    for (let after: string | null = ''; after !== null;) {
      const page: { items: Summary[]; next: string | null } = await this.read(
        `/incidents?limit=200${after === '' ? '' : `&after=${after}`}`,
      );
      found.push(...page.items);
      after = page.next;
    }
    return found;
  }

  /** kill -9 and restart, noted with its times. */
  async kill(target: string): Promise<Kill> {
    const at = Date.now();
    await this.installation.killAndRestart(target);
    const kill = { target, at, readyAt: Date.now() };
    this.kills.push(kill);
    return kill;
  }

  /** Kills nothing, for comparison: how long a run takes to its next step on this machine anyway. */
  pretend(): Kill {
    const now = Date.now();
    const kill = { target: NOTHING, at: now, readyAt: now };
    this.kills.push(kill);
    return kill;
  }

  /** A moment in the middle of the work. */
  moment(): Promise<void> {
    return pause(this.random.between(0, 2_500));
  }

  /**
   * Waits until each run that was open at the ready line has written something of its own, for a while. Looks seldom: what answers
   * is what is to recover.
   */
  async allMoved({ readyAt }: Kill): Promise<void> {
    const moved = new Set<string>();
    const seen = new Map<string, number>();
    const deadline = Date.now() + MOVED_MS;
    const look = async (number: string): Promise<void> => {
      const after = seen.get(number) ?? 0;
      const found = await this.tryRead<{ items: JournalEntry[] }>(
        `/incidents/${number}/timeline?after=${String(after)}`,
      );
      for (const { seq, actor, at } of found?.items ?? []) {
        seen.set(number, seq);
        if (actor.startsWith('run:') && Date.parse(at) > readyAt) moved.add(number);
      }
    };
    for (;;) {
      await pause(LOOK_MS);
      const open = (await this.incidents()).filter(({ phase }) => phase !== 'monitoring');
      const still = open.filter(({ number }) => !moved.has(number));
      if (still.length === 0 || Date.now() > deadline) return;
      for (const { number } of still) await look(number);
    }
  }

  /** Waits until every run watches for the attacker's return. */
  async allDone(count: number): Promise<void> {
    let last: Summary[] = [];
    const isDone = async (): Promise<boolean> => {
      this.installation.check();
      this.#throwIfBroken();
      last = await this.incidents();
      return last.length >= count && last.every(({ phase }) => phase === 'monitoring');
    };
    try {
      await until('every incident to come to its end', isDone, DONE_MS, LOOK_MS);
    } catch (error) {
      const open = last.filter(({ phase }) => phase !== 'monitoring');
      const approvals = await this.read<{ items: ApprovalRequest[] }>('/approvals');
      const lines = [
        `${String(open.length)} of ${String(last.length)} incidents are not done.`,
        `Open requests: ${JSON.stringify(approvals.items).slice(0, 3000)}`,
      ];
      for (const { number } of open.slice(0, 3)) {
        const { items } = await this.read<{ items: JournalEntry[] }>(`/incidents/${number}/timeline`);
        lines.push(
          ...items
            .slice(-8)
            .map(({ at, actor, kind, data }) => `${number} ${at} ${actor} ${kind} ${JSON.stringify(data)}`),
        );
      }
      lines.push(this.installation.log());
      throw new Error(lines.join('\n'), { cause: error });
    }
  }

  async timelines(): Promise<Map<string, JournalEntry[]>> {
    const found = new Map<string, JournalEntry[]>();
    for (const { number } of await this.incidents()) {
      const { items } = await this.read<{ items: JournalEntry[] }>(`/incidents/${number}/timeline`);
      found.set(number, items);
    }
    return found;
  }

  async leasesInForce(): Promise<Set<string>> {
    const { items } = await this.read<{ items: Lease[] }>('/containments');
    return new Set(items.map(({ action, target }) => `${action} ${target.key}`));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#approving;
  }
}

/** How long each run that was open at a ready line took to its next journal row of its own, or at least took, in ms. */
export function recoveries(
  kills: readonly Kill[],
  timelines: ReadonlyMap<string, readonly JournalEntry[]>,
): { target: string; incident: string; ms: number }[] {
  const found: { target: string; incident: string; ms: number }[] = [];
  for (const [index, { target, readyAt }] of kills.entries()) {
    const nextKill = kills[index + 1]?.at ?? Infinity;
    for (const [incident, entries] of timelines) {
      const own = entries.filter(({ actor }) => actor.startsWith('run:'));
      const before = entries.filter(({ at }) => Date.parse(at) <= readyAt);
      const isDone = before.some(({ kind, data }) => kind === 'phase_changed' && data['to'] === 'monitoring');
      if (before.length === 0 || isDone) continue;
      const next = own.map(({ at }) => Date.parse(at)).find((at) => at > readyAt) ?? Infinity;
      const ms = Math.min(next, nextKill) - readyAt;
      if (Number.isFinite(ms)) found.push({ target, incident, ms });
    }
  }
  return found;
}

/** The value below which this share of the numbers lies. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
