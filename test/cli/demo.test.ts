import { answerInWords, demoAnswer } from '../../cli/demo-answers';
import { demoAlert } from '../../cli/demo';
import { Asset, AssetIndex } from '../../contracts/assets';
import { viewOf } from '../../contracts/correlation';
import { answerOf, type QuestionForm } from '../../contracts/question';
import { defineQuestion } from '../../workflows/kit/ask';
import { matching } from '../../workflows/kit/define-playbook';
import { runVirtually } from '../../workflows/kit/virtual-host';
import { PLAYBOOKS } from '../../workflows/registry';
import { incidentInput } from '../support/incident-fixtures';
import { generic } from '../../sources/generic';
import config from '../../cordon.config';

const fields = {
  way: { type: 'choice', label: 'Way in', options: ['mail', 'unknown'] },
  sure: { type: 'boolean', label: 'Sure' },
  count: { type: 'number', label: 'How many', min: 3 },
  when: { type: 'date', label: 'When' },
  note: { type: 'text', label: 'Note', required: false },
  text: { type: 'text', label: 'What' },
} as const;
const spec = { id: 'example', title: 'T', why: 'W', roles: ['lead'], within: '1h' } as const;

test('the demo answers what waits for an answer, and leaves the others as silence does', () => {
  const { form } = defineQuestion({ ...spec, fields, onSilence: 'wait' });
  const answer = demoAnswer(form);
  expect(answerOf(form.fields).safeParse(answer).success).toBe(true);
  expect(answerInWords(form, answer)).toBe(
    'Way in: mail; Sure: yes; How many: 3; When: 2026-01-06T09:00:00Z; What: a demo',
  );
  const quiet = defineQuestion({ ...spec, fields: { note: fields.note }, onSilence: {} });
  expect(answerInWords(quiet.form, demoAnswer(quiet.form))).toBe('nothing to add');
});

const assets = (config.assets ?? []).map((asset) => Asset.parse(asset));
const newest = PLAYBOOKS.filter(
  ({ id, version }) => !PLAYBOOKS.some((one) => one.id === id && one.version > version),
);

test.each(newest.map(({ id, ref }) => [ref, id]))(
  'the demo of %s starts it, and its answers lead to the end',
  async (ref, id) => {
    const request = { headers: {}, query: {}, body: Buffer.of(), now: 0 };
    const [sent] = generic.parse(demoAlert(id), request, 'demo', {}).alerts;
    if (sent === undefined) throw new Error('the source makes no alert of it');
    const alert = viewOf(sent, { id: 'a', seq: 1 }, new AssetIndex(assets));
    expect(matching(PLAYBOOKS, [alert])[0]?.ref).toBe(ref);
    const forms: QuestionForm[] = [];
    const run = await runVirtually(incidentInput([alert]), PLAYBOOKS, {
      reply: ({ form }) => {
        forms.push(form);
        return demoAnswer(form);
      },
    });
    expect(run).toMatchObject({ stuck: null, status: { attention: null } });
    for (const form of forms) expect(answerOf(form.fields).parse(demoAnswer(form))).toEqual(demoAnswer(form));
  },
);
