import { of, RACES, type Mutant } from './mutant';

const KIT = 'test/workflows/kit.test.ts';
const RUN = 'test/workflows/incident.test.ts';
const REFUSED = 'what makes no sense is refused';

const TARGETS = 'test/workflows/targets-by-hand.test.ts';
const VOTES = 'test/activities/votes.test.ts';
const MANUAL = 'test/server/manual.test.ts';

export const STEERING: readonly Mutant[] = [
  ...of('store/correlate.ts', [
    [
      'who adds an alert by hand is not noted',
      "if (typeof asker === 'string') await noteAsker(tx, incident.number, asker, at);",
      '',
      MANUAL,
      'who adds an alert to a run that a source started asks in it',
    ],
  ]),
  ...of('store/once.ts', [
    [
      'a key that stands for another request',
      "known.content === hash ? (known.answer as unknown as A) : { kind: 'reused' }",
      'known.answer as unknown as A',
      MANUAL,
      'sent twenty times at once it is one command',
    ],
  ]),
  ...of('activities/guard.ts', [
    [
      'a target that a person took out is acted upon',
      "  const gone = removalOf(prepared, context.removed, deps.assets);\n  if (gone !== undefined) return refuse(context, prepared, 'denied', gone);\n  if (!prepared.spec.readOnly",
      '  if (!prepared.spec.readOnly',
      VOTES,
      'what a person took out is refused',
    ],
  ]),
  ...of('activities/effect.ts', [
    [
      'a fence that does not see what a person took out',
      'if (gone !== undefined) throw new CordonError(gone.type, gone.message);',
      '',
      RACES,
      'what a person takes out after its claim',
    ],
  ]),
  ...of('contracts/removed.ts', [
    [
      'another name of what was taken out',
      'names.some((one) => mayBeSameHost(one, host))',
      'names.includes(host)',
      VOTES,
      'what a person took out is refused',
    ],
  ]),
  ...of('workflows/kit/scope.ts', [
    [
      'an alert that brings back what a person took out',
      'if (key === undefined || this.isRemoved({ set: set.name, key, value })) return;',
      'if (key === undefined) return;',
      TARGETS,
      'no alert brings it back',
    ],
  ]),
  ...of('workflows/kit/find.ts', [
    [
      'a target that a person adds and nobody meets',
      'for (const key of targetKeys(scope)) run.scope.removed.delete(key);',
      'return;',
      TARGETS,
      'what is added meets every standing order',
    ],
  ]),
  ...of('store/correlate.ts', [
    [
      'an alert that brings back in SQL what a person took out',
      "    .where('person', 'is', null)\n",
      '',
      MANUAL,
      'no alert brings back what a person took out',
    ],
  ]),
  ...of('workflows/kit/run.ts', [
    [
      'a paused run that asks for waves',
      'if (this.paused !== undefined) await this.resumed();',
      '',
      KIT,
      'a paused run asks for no wave',
    ],
  ]),
  ...of('workflows/kit/life.ts', [
    [
      'a pause that holds nothing open',
      '`paused by ${command.by}: ${command.reason}`, true)',
      '`paused by ${command.by}: ${command.reason}`, false)',
      KIT,
      'a paused run whose watch ends is not closed',
    ],
    [
      'a second pause taken',
      'run.paused === undefined ? null : `it is already paused by ${run.paused.by}`',
      'null',
      RUN,
      REFUSED,
    ],
    [
      'a resume of what is not paused taken',
      "run.paused === undefined ? 'it is not paused' : null",
      'null',
      RUN,
      REFUSED,
    ],
    [
      'an extension without a watch taken',
      'run.watchExtension === undefined ? `no watch is under way: the phase is ${run.phase}` : null',
      'null',
      RUN,
      REFUSED,
    ],
    [
      'a repeated command done again',
      'run.commands.has(command.id) || run.closed',
      'run.closed',
      KIT,
      'an extended watch ends later',
    ],
  ]),
  ...of('workflows/kit/phases.ts', [
    [
      'a watch that is not extended',
      'leftMs = extension.ms;',
      'leftMs = 0;',
      KIT,
      'an extended watch ends later',
    ],
  ]),
];
