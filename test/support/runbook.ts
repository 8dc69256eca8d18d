import { ACTIONS, type ActionId } from '../../contracts/actions';
import type { AlertView } from '../../contracts/alert';
import { Config } from '../../contracts/config';
import type { WaveItem } from '../../contracts/messages';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { JsonObject } from '../../contracts/values';
import { planText } from '../../cli/plan-text';
import { demoAlert } from '../../cli/demo';
import { explore } from '../../planner/explore';
import { savePerson } from '../../store/people';
import { wayOf } from '../../workflows/kit/decide';
import { runVirtually, type Script, type VirtualQuestion } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';
import { incidentInput } from './incident-fixtures';
import { plannerHere } from './planner';
import { memoryStore } from './store';

const HOUR = 3600;

/** A step as it is read in a runbook: group, item, occurrence, and what is asked of it. */
const line = ({ id, occurrence, leaseSeconds, release, onlyWhenClean }: WaveItem, group: string): string =>
  [
    `${group} ${id}#${String(occurrence)}`,
    ...(leaseSeconds === null ? [] : [`for ${String(leaseSeconds / HOUR)} h`]),
    ...(release && onlyWhenClean ? ['when clean'] : []),
  ].join(' ');

/** What a run of a playbook came to on the virtual clock. */
export interface Runbook {
  /** Everything that was done, in order. */
  steps: string[];
  /** The ways taken, as the graph names them: `title → way`. */
  ways: string[];
  notes: string[];
  days: number;
  /** What it waits for at the end; null when it closed. */
  waits: readonly string[] | null;
}

function waysOf({ form, answer, status }: VirtualQuestion): string[] {
  if (status === 'lapsed') return [`${form.title} → silence`];
  if (answer === undefined) return [];
  const chosen = Object.entries(form.fields).filter(
    ([, { type }]) => type === 'choice' || type === 'boolean',
  );
  if (chosen.length === 0) return [`${form.title} → answered`];
  return chosen
    .filter(([name]) => answer[name] !== undefined)
    .map(([name, { label }]) => `${form.title} → ${label}: ${wayOf(answer[name] as boolean | string)}`);
}

/** Plays a playbook to the end of its watch. `answers` are those of people, by the name of the question; the first scan finds a file where `infected`. */
export async function runbook(
  ref: string,
  alert: AlertView,
  how: { answers?: Record<string, JsonObject>; infected?: boolean } & Pick<Script, 'alerts' | 'answer'> = {},
): Promise<Runbook> {
  const steps: string[] = [];
  const run = await runVirtually(incidentInput([alert], { playbook: ref }), PLAYBOOKS, {
    ...(how.alerts === undefined ? {} : { alerts: how.alerts }),
    reply: ({ form }) => how.answers?.[form.name],
    answer: (item, context) => {
      steps.push(line(item, context.group));
      const scripted = how.answer?.(item, context);
      if (scripted !== undefined || how.infected !== true) return scripted;
      if (item.action !== 'endpoint.scan_av' || item.occurrence > 1) return undefined;
      const findings = [{ path: '/tmp/x', signature: 'Eicar-Test' }];
      return { output: { ...item.input, clean: false, findings, errors: [], engine: 'e' } };
    },
  });
  const decided = run.told.flatMap((one) =>
    one.kind === 'branch' ? [`${one.title} → ${wayOf(one.taken)}`] : [],
  );
  return {
    steps,
    ways: [...decided, ...run.questions.flatMap(waysOf)],
    notes: run.told.flatMap((one) => (one.kind === 'note' ? [one.text] : [])),
    days: Math.round((run.tookMs / 86_400_000) * 10) / 10,
    waits: run.stuck,
  };
}

/** Every way of every decision and question of a playbook, by walking all of them; also those of playbooks within it. */
export async function allWays(ref: string): Promise<string[]> {
  const playbook = PLAYBOOKS.find((one) => one.ref === ref);
  if (playbook === undefined) throw new Error(`there is no playbook ${ref}`);
  return [...(await explore(playbook, PLAYBOOKS)).ways.keys()].sort();
}

/** The plan of the demo's alert where one product can do everything, as the command line prints it. */
export async function planOfDemo(ref: string): Promise<string> {
  const store = await memoryStore({ now: async () => new Date('2026-03-01T09:00:00Z') });
  const actions = Object.keys(ACTIONS) as ActionId[];
  const product = { id: 'product', title: 'Product', simulated: true, actions };
  const config = Config.parse({ policy: DEFAULT_POLICY, connections: [{ id: 'estate', use: 'product' }] });
  const people = {
    ana: ['analyst'],
    lea: ['lead'],
    lou: ['lead'],
    hana: ['hr'],
    leo: ['legal'],
    eva: ['engineer'],
  } as const;
  try {
    for (const [id, roles] of Object.entries(people))
      await savePerson(store, { id, name: id, roles: [...roles] });
    const plan = plannerHere(store, config, { integrations: new Map([['product', product]]) });
    const alert = { ...demoAlert(ref.replace(/@.*/, '')), id: 'demo', occurredAt: '2026-03-01T08:00:00Z' };
    // Which policy it is does not matter here; what it asks for does.
    return planText(await plan({ playbook: ref, alert, assume: [] }))
      .join('\n')
      .replace(/Policy [0-9a-f]{16}/, 'The policy that ships');
  } finally {
    await store.close();
  }
}
