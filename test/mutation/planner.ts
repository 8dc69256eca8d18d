import { of, type Mutant } from './mutant';

const NO_EFFECT = 'test/planner/no-effect.test.ts';
const IN_THREAD = 'test/planner/in-thread.test.ts';
const GRAPH = 'test/planner/graph.test.ts';
const CONNECTIONS = 'test/planner/connections.test.ts';
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
  ...of('planner/connections.ts', [
    [
      'down is a line of the plan',
      "if (said.state === 'down') return [`${said.id} is down: ${said.detail}`];",
      '',
      CONNECTIONS,
      'a connection that is down is a line',
    ],
    [
      'connections are asked on demand',
      'if (!checkConnections) return plan;',
      '',
      CONNECTIONS,
      'nothing is asked unless',
    ],
    [
      'what is refused uses no connection',
      " || step.outcome === 'refused') return step;",
      ') return step;',
      CONNECTIONS,
      'is a line of the plan',
    ],
    [
      'permissions of the undo',
      'inverse === null ? [] : lacking(inverse)',
      '[] as string[]',
      CONNECTIONS,
      'that is lacking shows at the steps',
    ],
    ['the check is told to stop', '      limit.abort();\n', '', CONNECTIONS, 'does not answer in time'],
    [
      'what cannot be asked is not down',
      "error instanceof Unasked ? 'unasked' : 'down'",
      "'down'",
      CONNECTIONS,
      'cannot be asked from here',
    ],
  ]),
  ...of('cli/up/ask-connection.ts', [
    [
      'asked connections are closed',
      '      await connection.close();\n',
      '',
      CONNECTIONS,
      'is a line of the plan',
    ],
  ]),
  ...of('planner/index.ts', [
    ['two at once', 'if (underWay >= AT_ONCE)', 'if (false)', IN_THREAD, 'a third is told to ask again'],
  ]),
  ...of('store/plan-facts.ts', [
    [
      'units of every share',
      "sql`split_part(budget, ' ', 1)`",
      'sql`budget`',
      FORETOLD,
      'a budget for each site',
    ],
  ]),
  ...of('planner/foreteller.ts', [
    [
      'what is refused before anybody is asked',
      'if (refused !== undefined) return { refused, why: refused.failure.message };',
      '',
      FORETOLD,
      'the plan of ransomware@1 (ransomware, [])',
    ],
    ['what holds', '[...holds, ', '[', FORETOLD, 'a window that holds'],
    ['a budget that is used up', 'length >= limit', 'length > limit', FORETOLD, 'a budget for each site'],
    [
      'silence',
      'if (atMs < one.expiresMs) return;',
      'return;',
      FORETOLD,
      'the plan of ransomware@1 (ransomware, ["silence"])',
    ],
    [
      'silence that allows',
      "countAtExpiry(requirement, [], this.#askers) === 'silence_allows'",
      'false',
      FORETOLD,
      'what silence allows',
    ],
    [
      'who may answer',
      'countVotes(one, [vote], this.#askers) === count',
      'one.groups.some(({ roles }) => roles.some((role) => vote.roles.includes(role)))',
      FORETOLD,
      'the seat of an owner',
    ],
  ]),
  ...of('planner/explore.ts', [
    ['silence as a way', 'form.default === null ? [] : [SILENCE]', '[]', GRAPH, 'silence too'],
    [
      'the bound of the walks',
      'runs.length < MOST_RUNS',
      'runs.length < 5000',
      GRAPH,
      'more ways than are walked',
    ],
    ['a finding in the first scan', '      answer: firstScanFinds,\n', '', GRAPH, 'with its actions'],
  ]),
  ...of('planner/graph.ts', [
    ['side by side', 'event.stage === stage', 'false', GRAPH, 'side by side where it is so'],
    ['titles as text', ".replaceAll('<', '&lt;')", '', GRAPH, 'text in the pictures'],
  ]),
  ...of('workflows/kit/decide.ts', [
    ['all ways', '[...new Set([...among, given])]', '[given]', GRAPH, 'every way'],
  ]),
];
