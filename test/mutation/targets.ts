import { of, type Mutant } from './mutant';

const TARGETS = 'test/workflows/targets.test.ts';
const LATER = 'a known one from when an alert says so, once';

/** Whom orders are for: what keeps a playbook within another one to its targets. */
export const TARGETS_OF_ORDERS: readonly Mutant[] = [
  ...of('workflows/kit/pursue.ts', [
    [
      'an order keeps to its targets',
      '  if (only?.admits(value) === false) return false;\n',
      '',
      TARGETS,
      'as long as no alert says so',
    ],
    ['what an order has met', '  only?.met.add(key);\n', '', TARGETS, LATER],
    [
      'what an order has left out',
      ' && (!again || leftOut(order, target))',
      '',
      TARGETS,
      'meets no order again',
    ],
  ]),
  ...of('workflows/kit/life.ts', [
    [
      'known targets are looked at again',
      '    run.onTouched = (touched) => meetAgain(run, touched);\n',
      '',
      TARGETS,
      LATER,
    ],
  ]),
  ...of('workflows/kit/decide.ts', [
    [
      'what an alert names',
      'named.some(({ key }) => key === about.key)',
      'true',
      TARGETS,
      'an alert says something of the incident, and of what it names',
    ],
  ]),
  ...of('workflows/kit/wait-for.ts', [
    [
      'a moment that is none',
      "    if (Number.isNaN(waitMs)) throw new PlaybookError('waitFor: that moment is none');\n",
      '',
      TARGETS,
      'what is no moment is said to be none',
    ],
  ]),
];
