import { planText } from '../../cli/plan-text';
import { data, endpoint, host as machine } from '../../contracts/actions';
import { foretell } from '../../planner/foretell';
import { defineQuestion } from '../../workflows/kit/ask';
import { category, definePlaybook } from '../../workflows/kit/define-playbook';
import type { Words } from '../../workflows/kit/words';
import { savePerson } from '../../store/people';
import { plannerHere } from '../support/planner';
import { worldConfig, World } from '../support/runner';
import { memoryStore } from '../support/store';

const form = {
  title: 'How did it get in?',
  why: 'The way in is closed first.',
  fields: { way: { type: 'choice', label: 'Way', options: ['mail', 'service'] } },
  roles: ['analyst'],
  within: '4h',
} as const;
const waits = defineQuestion({ ...form, id: 'waits', onSilence: 'wait' });
const silent = defineQuestion({ ...form, id: 'silent', roles: ['hr'], onSilence: { way: 'service' } });

async function planOf(run: (words: Words) => Promise<void>): ReturnType<ReturnType<typeof plannerHere>> {
  const own = definePlaybook({ id: 'own', version: 1, title: 'Own', answers: [category('malware')] }, run);
  const store = await memoryStore();
  try {
    await savePerson(store, { id: 'ana', name: 'Ana', roles: ['analyst'] });
    const plan = plannerHere(store, worldConfig(), {
      playbooks: [own],
      integrations: new Map([['world', new World().integration()]]),
      foretell: (facts) => foretell(facts, [own]),
    });
    return await plan({
      playbook: 'own',
      assume: [],
      alert: {
        alertKey: 'siem:1',
        source: 'siem',
        product: 'p',
        title: 't',
        severity: 4,
        category: 'malware',
        occurredAt: '2026-05-01T12:00:00Z',
        entities: { hosts: [{ name: 'ws-1' }] },
      },
    });
  } finally {
    await store.close();
  }
}

test('a plan shows questions with who can answer and what is assumed, and which way the playbook goes', async () => {
  const plan = await planOf(async ({ ask, decide, widen, contain, scope }) => {
    const { way } = await ask(waits);
    if (decide('By mail?', way === 'mail')) await widen('Found', { hosts: [{ name: 'ws-2' }] });
    await ask(silent, { about: 'kim' });
    await contain('Cut off', scope.hosts, (one) => endpoint.isolateHost({ host: one }), { lease: '1h' });
  });
  expect(plan.questions).toMatchObject([
    { name: 'waits', silence: 'wait', people: ['ana'], assumed: { way: 'mail' }, withinSeconds: 14_400 },
    { name: 'silent', silence: 'answer', people: [], assumed: { way: 'service' }, about: 'kim' },
  ]);
  expect(plan.branches).toEqual([{ title: 'By mail?', taken: true }]);
  expect(plan.steps.map(({ target }) => target.key)).toEqual(['host:ws-1', 'host:ws-2']);
  expect(plan.ends.how).toBe('closed');
  const text = planText(plan).join('\n');
  for (const part of ['Question: How did it get in? (kim)', 'NOBODY can answer', 'Branch:   By mail? true'])
    expect(text).toContain(part);
});

test('a plan says what comes too early, as the guard will', async () => {
  const plan = await planOf(async ({ collect, recover, scope }) => {
    await recover('Reimage', scope.hosts, (one) => machine.reimage({ host: one }));
    await collect('Memory', scope.hosts, (one) => endpoint.collectMemory({ host: one }));
    await recover('Reimage again', scope.hosts, (one) => machine.reimage({ host: one }));
    await recover('Restore', scope.datasets, (set) => data.restoreBackup({ set }));
  });
  expect(plan.steps.map(({ item, outcome }) => [item, outcome])).toEqual([
    ['reimage/host:ws-1', 'refused'],
    ['collect_memory/host:ws-1', 'done'],
    ['reimage/host:ws-1', 'done'],
  ]);
  expect(plan.steps[0]?.guard.why).toContain('rule memory_first');
});
