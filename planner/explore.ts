import { Entities, type AlertView } from '../contracts/alert';
import { Asset, AssetIndex } from '../contracts/assets';
import { resolveScope } from '../contracts/correlation';
import { CordonError } from '../contracts/errors';
import type { IncidentInput, WaveItem } from '../contracts/messages';
import { answerOf, type QuestionForm, type QuestionInput } from '../contracts/question';
import type { JsonObject, Phase } from '../contracts/values';
import type { Playbook } from '../workflows/kit/define-playbook';
import { wayOf } from '../workflows/kit/decide';
import type { Decision } from '../workflows/kit/host';
import { replyTo } from '../workflows/kit/lint';
import { runVirtually, type Answer, type VirtualRun } from '../workflows/kit/virtual-host';

const MOST_RUNS = 300;
const MOST_STEPS = 2_000;
const DAY_MS = 86_400_000;
const MOST_DAYS = 400;
const SILENCE = 'silence';

/** Something that a run comes to. What has the same `stage` is done side by side. */
export type Event =
  | {
      readonly kind: 'group';
      readonly name: string;
      readonly title: string;
      readonly phase: Phase;
      readonly actions: readonly string[];
      /** For how long what is contained is held, in seconds. */
      readonly leases: readonly number[];
      readonly stage: number;
    }
  | {
      readonly kind: 'decision' | 'question';
      readonly name: string;
      readonly title: string;
      readonly way: string;
    }
  | { readonly kind: 'watch' | 'closed' | 'waits'; readonly name: string; readonly title: string };

/** All ways through a playbook that its decisions and questions open. */
export interface Explored {
  readonly ref: string;
  readonly title: string;
  readonly runs: readonly (readonly Event[])[];
  /** Every way of every decision and question that a run came to, `title → way`, and how many runs took it. */
  readonly ways: ReadonlyMap<string, number>;
  /** True when there are more ways than are walked. */
  readonly isCut: boolean;
}

/** Which way is taken at the nth point of a run; points beyond are taken as the facts and silence say. */
type Route = readonly (string | undefined)[];

const ASSETS = new AssetIndex([
  Asset.parse({ id: 'host-1', kind: 'host', criticality: 3 }),
  Asset.parse({ id: 'dataset-1', kind: 'dataset', host: 'host-1', path: '/srv/data', criticality: 3 }),
]);

/** An alert that names one of everything that a playbook can act upon. */
function exampleAlert(playbook: Playbook): AlertView {
  const entities = Entities.parse({
    hosts: [{ name: 'host-1' }],
    accounts: [{ name: 'account-1' }],
    ips: ['203.0.113.7'],
    files: [{ path: '/tmp/dropped', sha256: 'a'.repeat(64) }],
    domains: ['attacker.example.net'],
    urls: ['https://attacker.example.net/login'],
    messages: [{ id: 'message-1@attacker.example.net', sender: 'who@attacker.example.net' }],
    keys: [{ id: 'EXAMPLEKEY1', principal: 'deploy' }],
    principals: [{ name: 'deploy' }],
    buckets: [{ name: 'bucket-1' }],
    processes: [{ pid: 4242, name: 'dropped' }],
  });
  return {
    id: 'alert-1',
    seq: 1,
    alertKey: 'example:1',
    source: 'example',
    title: playbook.title,
    severity: 4,
    category: 'other',
    techniques: [],
    occurredAt: '2026-01-05T09:00:00.000Z',
    resolved: false,
    scope: resolveScope({ entities }, ASSETS),
  };
}

/** Answers that a form may get: each option and each yes or no once, the other fields as an example. */
function answersTo(form: QuestionForm): { way: string; answer: JsonObject }[] {
  const example = replyTo({ form });
  const ways = Object.entries(form.fields).flatMap(([name, field]) => {
    const values = field.type === 'choice' ? field.options : field.type === 'boolean' ? [true, false] : [];
    return values.map((value) => ({ name, label: field.label, value }));
  });
  const all = ways.map(({ name, label, value }) => ({
    way: `${label}: ${wayOf(value)}`,
    answer: { ...example, [name]: value },
  }));
  const known = all.length === 0 ? [{ way: 'answered', answer: example }] : all;
  return known.filter(({ answer }) => answerOf(form.fields).safeParse(answer).success);
}

interface Walk {
  readonly events: readonly Event[];
  /** At each point in order: the way taken, and those that there are besides. */
  readonly points: readonly { readonly taken: string; readonly others: readonly string[] }[];
}

/** The first scan of a host finds something, so that what is done about findings is seen; the next one is clean. */
function firstScanFinds({ action, occurrence, input }: WaveItem): Answer | undefined {
  if (action !== 'endpoint.scan_av' || occurrence > 1) return undefined;
  const findings = [{ path: '/tmp/dropped', signature: 'Example' }];
  return { output: { ...input, clean: false, findings, errors: [], engine: 'example' } };
}

/** One run along a route. Undefined: it broke where a decision was taken against the facts, which no real run does. */
async function walk(
  playbook: Playbook,
  playbooks: readonly Playbook[],
  route: Route,
): Promise<Walk | undefined> {
  const against: string[] = [];
  const events: Event[] = [];
  const points: { taken: string; others: string[] }[] = [];
  const seen = new Map<string, { way: string; answer: JsonObject | undefined }>();
  const at = (ways: readonly string[], natural: string): string => {
    const wanted = route[points.length];
    const taken = wanted !== undefined && ways.includes(wanted) ? wanted : natural;
    points.push({ taken, others: ways.filter((way) => way !== taken) });
    return taken;
  };
  const branch = ({ title, fact, ways }: Decision): boolean | string => {
    const taken = at(ways.map(wayOf), wayOf(fact));
    if (taken !== wayOf(fact)) against.push(title);
    events.push({ kind: 'decision', name: `decision:${title}`, title, way: taken });
    return ways.find((way) => wayOf(way) === taken) ?? fact;
  };
  const reply = ({ form, about, occurrence }: QuestionInput): JsonObject | undefined => {
    const key = `${form.name}/${about}#${String(occurrence)}`;
    const before = seen.get(key);
    if (before !== undefined) return before.answer;
    const answers = answersTo(form);
    const silence = form.default === null ? [] : [SILENCE];
    const taken = at([...answers.map(({ way }) => way), ...silence], answers[0]?.way ?? SILENCE);
    const answer = answers.find(({ way }) => way === taken)?.answer;
    seen.set(key, { way: taken, answer });
    events.push({ kind: 'question', name: `question:${form.name}`, title: form.title, way: taken });
    return answer;
  };
  const alert = exampleAlert(playbook);
  const input: IncidentInput = {
    number: 'EXAMPLE',
    mode: 'live',
    severity: alert.severity,
    policyVersion: 'none',
    playbook: playbook.ref,
    alerts: [alert],
    quickStart: false,
  };
  let run: VirtualRun;
  try {
    run = await runVirtually(input, playbooks, {
      assets: ASSETS,
      limits: { items: MOST_STEPS, ms: MOST_DAYS * DAY_MS },
      branch,
      reply,
      answer: firstScanFinds,
      onWave: ({ group, items }, { stage }) => {
        const { id: name, title, phase } = group;
        const actions = [
          ...new Set(items.map(({ action, release }) => (release ? `undo ${action}` : action))),
        ];
        const leases = [...new Set(items.flatMap(({ leaseSeconds }) => leaseSeconds ?? []))];
        events.push({ kind: 'group', name, title, phase, actions, leases, stage });
      },
      onUpdate: ({ progress }) => {
        if (progress?.phase === 'monitoring')
          events.push({ kind: 'watch', name: 'watch', title: 'Watch for its return' });
      },
    });
  } catch (error) {
    if (against.length > 0) return undefined;
    throw new CordonError(
      'rejected',
      `${playbook.ref} fails on an example: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  events.push(
    run.stuck === null
      ? { kind: 'closed', name: 'closed', title: 'Closed' }
      : { kind: 'waits', name: `waits:${run.stuck.join(', ')}`, title: `Waits: ${run.stuck.join(', ')}` },
  );
  return { events, points };
}

/**
 * Walks every way through a playbook: runs its own code in process on a virtual clock, with effects that are pretended, once for each
 * way that a decision or a question opens. Three hundred runs at most. Throws a CordonError when the playbook fails on a way.
 */
export async function explore(playbook: Playbook, playbooks: readonly Playbook[]): Promise<Explored> {
  const runs: (readonly Event[])[] = [];
  const ways = new Map<string, number>();
  const open: Route[] = [[]];
  const known = new Set<string>(['[]']);
  while (open.length > 0 && runs.length < MOST_RUNS) {
    const route = open.shift() ?? [];
    const walked = await walk(playbook, playbooks, route);
    if (walked === undefined) continue;
    const { events, points } = walked;
    runs.push(events);
    const taken = events.flatMap((event) => ('way' in event ? [`${event.title} → ${event.way}`] : []));
    for (const way of new Set(taken)) ways.set(way, (ways.get(way) ?? 0) + 1);
    points.forEach(({ others }, index) => {
      if (index < route.length) return;
      const before = points.slice(0, index).map((point) => point.taken);
      for (const other of others) {
        const next = [...before, other];
        const key = JSON.stringify(next);
        if (known.has(key)) continue;
        known.add(key);
        open.push(next);
      }
    });
  }
  return { ref: playbook.ref, title: playbook.title, runs, ways, isCut: open.length > 0 };
}
