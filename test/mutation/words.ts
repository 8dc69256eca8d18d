import { of, type Mutant } from './mutant';

const WORDS = 'test/workflows/words.test.ts';
const SERVER = 'test/server/questions.test.ts';
const ORDER = 'test/activities/order.test.ts';
const RULES = 'test/contracts/order-rules.test.ts';
const LINT = 'test/workflows/lint.test.ts';
const RUN = 'test/workflows/questions.test.ts';

/** The words that ask, decide, find and wait; the questions behind them; the rules of order. */
export const WORD_CHECKS: readonly Mutant[] = [
  ...of('store/questions.ts', [
    [
      'an answer of whom the question does not ask',
      'if (!voice.roles.some((role) => form.roles.includes(role)))',
      'if (false as boolean)',
      SERVER,
      'is for those whose role is asked',
    ],
    [
      'a second answer taken',
      "if (row.status !== 'open') return { kind: 'too_late', why: whyLate(row, earlier) };",
      '',
      SERVER,
      'that is sent again counts once',
    ],
    [
      'an answer that nobody is woken for',
      "await enqueue(tx, 'wake', incident, { question }, at);",
      '',
      SERVER,
      'is kept with its person while Temporal is away',
    ],
    [
      'silence that answers before its time',
      'row.expires_at <= at && row.form.default',
      'row.form.default',
      SERVER,
      'gets what silence gives',
    ],
    [
      'an answer that is not held against its form',
      'const answer = answerOf(form.fields).parse(given.answer);',
      'const answer = given.answer;',
      SERVER,
      'is refused and names the field',
    ],
  ]),
  ...of('activities/incident.ts', [
    [
      'questions that outlive their incident',
      'await withdrawQuestions(tx, input.incident);',
      '',
      SERVER,
      'ends with its incident',
    ],
  ]),
  ...of('activities/progress.ts', [
    [
      'what is told again journaled again',
      'told.filter(({ n }) => fresh.has(n)).map(entryOf)',
      'told.map(entryOf)',
      SERVER,
      'is journaled once',
    ],
  ]),
  ...of('workflows/kit/ask.ts', [
    [
      'an answer that does not wake the run',
      'await run.until(() => run.wakes !== wakes, waitsOn',
      'await run.until(() => false, waitsOn',
      RUN,
      'a run asks, waits, and goes on with the answer',
    ],
  ]),
  ...of('workflows/kit/find.ts', [
    [
      'findings that no standing order meets',
      'run.onLate(added);',
      '',
      WORDS,
      'what joins the scope meets the standing orders',
    ],
    [
      'findings that leave with an alert',
      'run.additions.push(found);',
      '',
      WORDS,
      'a detached alert does not take along what the playbook found',
    ],
  ]),
  ...of('workflows/kit/life.ts', [
    [
      'a playbook that takes its run along when it throws',
      'if (error instanceof RunEnded || run.host.isEnd(error) || !run.recover()) throw error;',
      'throw error;',
      RUN,
      'a playbook that throws goes to a person',
    ],
  ]),
  ...of('workflows/kit/words.ts', [
    [
      'a watch within a playbook that ends the standing orders',
      'if (within.length === 0) await watch',
      'if (within.length >= 0) await watch',
      WORDS,
      'its orders are groups of their own',
    ],
  ]),
  ...of('activities/guard.ts', [
    [
      'actions in any order',
      'if (early !== undefined) {',
      'if (early !== undefined && (false as boolean)) {',
      ORDER,
      'refuses before anybody is asked',
    ],
  ]),
  ...of('activities/order.ts', [
    [
      'deeds of another incident',
      ".where('incident', '=', wave.incident)\n    .where('action', 'in', PREREQUISITES)",
      ".where('action', 'in', PREREQUISITES)",
      ORDER,
      'is kept once that is done, in the same incident',
    ],
    [
      'anybody who overrides an order',
      "people.some(({ roles }) => (roles as Role[]).includes('lead'))",
      'people.some(({ roles }) => (roles as Role[]).length > 0)',
      ORDER,
      'yields to a lead who has it retried',
    ],
    [
      'a retry from before the refusal',
      ".where('created_at', '>=', refused.at)",
      '',
      ORDER,
      'yields to a lead who has it retried',
    ],
  ]),
  ...of('contracts/order-rules.ts', [
    [
      'deeds on another target',
      'deed.action === action && deed.target === target.key',
      'deed.action === action',
      RULES,
      'comes after it, on the same target only',
    ],
    ['a dirty backup restored', "output['clean'] !== false &&", '', RULES, 'is dirty is not restored'],
  ]),
  ...of('activities/requirement.ts', [
    [
      'only the antivirus looked at',
      'for (const kind of item.cleanBy ?? DEFAULT_SCANS)',
      'for (const kind of DEFAULT_SCANS)',
      ORDER,
      'asks a lead while one of them is missing',
    ],
  ]),
  ...of('workflows/kit/lint.ts', [
    [
      'only the branches that the facts take',
      'return [...flips, ...answers];',
      'return answers;',
      LINT,
      'is found also behind a branch',
    ],
    [
      'only one answer to each question',
      'return [...flips, ...answers];',
      'return flips;',
      LINT,
      'one behind the answer to a question',
    ],
  ]),
  ...of('workflows/kit/pursue.ts', [
    [
      'late findings give later orders nothing to do',
      'index = run.orders.indexOf(order) + 1',
      'index = run.orders.length',
      'test/playbooks/phishing.test.ts',
      'a gateway that answers after an hour',
    ],
    [
      'late findings have everything done again',
      'run.caughtUp.has(key) && !met.has(key)',
      'run.caughtUp.has(key)',
      'test/playbooks/phishing.test.ts',
      'a gateway that answers after an hour',
    ],
  ]),
];
