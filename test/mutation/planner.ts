import { of, type Mutant } from './mutant';

const NO_EFFECT = 'test/planner/no-effect.test.ts';
const IN_THREAD = 'test/planner/in-thread.test.ts';
const FORETOLD = 'test/planner/foretold.test.ts';

/** What keeps a plan harmless, bounded and true. */
export const PLANNER: readonly Mutant[] = [
  ...of('store/plan-facts.ts', [
    [
      'read-only transaction',
      '    await sql`SET TRANSACTION READ ONLY`.execute(tx);\n',
      '',
      NO_EFFECT,
      'could not write if it wanted to',
    ],
  ]),
  ...of('planner/thread.ts', [
    ['the doors are shut', '  seal();\n', '', IN_THREAD, 'is told that a plan reaches nothing'],
  ]),
  ...of('planner/in-thread.ts', [
    ['no environment', '    env: {},\n', '', IN_THREAD, 'there is no environment'],
  ]),
  ...of('planner/foretell.ts', [
    [
      'limits',
      '      limits: { items: MOST_STEPS, ms: MOST_DAYS * DAY_MS },\n',
      '',
      IN_THREAD,
      'loops: rejected',
    ],
  ]),
  ...of('planner/index.ts', [
    ['two at once', 'if (underWay >= AT_ONCE)', 'if (false)', IN_THREAD, 'a third is told to ask again'],
  ]),
  ...of('planner/foreteller.ts', [
    [
      'protected assets',
      'const spared = untouchable(prepared);',
      'const spared: string | undefined = undefined;',
      FORETOLD,
      'the plan of ransomware@1 (ransomware, [])',
    ],
    [
      'silence',
      "if (one.step.outcome !== 'open' || atMs < one.expiresMs) return;",
      'return;',
      FORETOLD,
      'the plan of ransomware@1 (ransomware, ["silence"])',
    ],
  ]),
];
