import { DRILL, DRILL_SERVER, LOAD_DRILLS, SCHEDULES, of, type Mutant } from './mutant';

/** What keeps a drill from anything real, and what is real from a drill. */
export const DRILLS: readonly Mutant[] = [
  ...of('activities/prepare.ts', [
    ['a stand-in in drills', "mode === 'drill'", 'false', DRILL, 'an effect is pretended'],
  ]),
  ...of('activities/connections.ts', [
    [
      'the stand-in again for the undo',
      '    if (real !== id) {',
      '    if (real !== id && entry === undefined) {',
      DRILL,
      'its release takes nothing of the live one back',
    ],
    [
      'the stand-in of what is gone',
      'entry === undefined ? [] : this.#routeOf(entry, action).tags',
      'this.#routeOf(entry as Entry, action).tags',
      DRILL,
      'also when the connection is gone',
    ],
  ]),
  ...of('activities/run-wave.ts', [
    [
      'the mode from SQL',
      'incident.mode as Mode',
      '((input as unknown as { mode?: Mode }).mode ?? (incident.mode as Mode))',
      DRILL,
      'what a run says of its mode',
    ],
    [
      'its own kind of lease when an attempt is repeated',
      "    .where('connection', mode === 'drill' ? 'like' : 'not like', drillConnection('%'))\n",
      '',
      DRILL,
      'also when an attempt is repeated',
    ],
    [
      'a hold of the other kind',
      "isDrillConnection(released.connection) !== (mode === 'drill')",
      'false',
      DRILL,
      'nobody could have given it',
    ],
  ]),
  ...of('activities/audit.ts', [
    [
      'audits of what is real',
      "      .where('connection', 'not like', drillConnection('%'))\n",
      '',
      DRILL,
      'release, rollback, what lapses and audit',
    ],
  ]),
  ...of('activities/progress.ts', [
    ['the mark', "incident.mode === 'drill' ?", "incident.mode === 'never' ?", DRILL, 'keeps its mark'],
  ]),
  ...of('activities/incident.ts', [
    [
      'the end of what was pretended',
      "if (incident.mode === 'drill') entries",
      "if (incident.mode === 'never') entries",
      DRILL,
      'what it pretended ends with it',
    ],
  ]),
  ...of('contracts/budgets.ts', [
    ['limits of their own', 'share: isDrill ?', 'share: false ?', DRILL, 'nothing of the live budget'],
  ]),
  ...of('store/drills.ts', [
    [
      'another drill that holds it',
      'if (isLast) await markReleased',
      'await markReleased',
      DRILL,
      'except what another drill holds',
    ],
    [
      'alerts of their own',
      'alertKey: `${source}:${id}`, source }',
      'source }',
      DRILL_SERVER,
      'an alert with the same key',
    ],
    [
      'another request with the key',
      'canonicalHash(raw) !== canonicalHash(asked)',
      'false',
      DRILL_SERVER,
      'the same key',
    ],
  ]),
  ...of('store/lease-changes.ts', [
    [
      'holds stay on their side',
      "isDrillConnection(lease.connection) !== (incident.mode === 'drill')",
      'false',
      DRILL,
      'no hold goes from one to the other',
    ],
  ]),
  ...of('store/detach.ts', [
    [
      'no way out by detaching',
      "if (incident.mode === 'drill')",
      "if (incident.mode === 'never')",
      DRILL_SERVER,
      'cannot be detached',
    ],
  ]),
  ...of('store/correlate.ts', [
    [
      'known by no entity',
      '({ row, keys: [] })',
      '({ row, keys: correlationKeys(row.data, options.assets) })',
      DRILL_SERVER,
      'no entity of it is known',
    ],
    ['live ones only', "    .where('mode', '=', 'live')\n", '', DRILL_SERVER, 'by mistake'],
  ]),
  ...of('server/ended-runs.ts', [
    [
      'no way out by its end',
      "    if (incident.mode === 'drill') return;\n",
      '',
      DRILL_SERVER,
      'nothing of it is correlated anew',
    ],
  ]),
  ...of('activities/start-drill.ts', [
    ['none while one is open', 'if (open !== undefined)', 'if (false)', SCHEDULES, 'skips while it is open'],
  ]),
  ...of('cli/up/schedules.ts', [
    [
      'a schedule goes with its configuration',
      ' || id.startsWith(DRILL_PREFIX)',
      '',
      SCHEDULES,
      'goes when it left the configuration',
    ],
    ['the zone of the cron line', ', timezone: zone', '', SCHEDULES, 'goes when it left the configuration'],
  ]),
  ...of('contracts/cron.ts', [
    ['a time that there is', 'low >= min && high <= max', 'true', LOAD_DRILLS, 'a bad cron line'],
  ]),
  ...of('cli/up/check-drills.ts', [
    [
      'an alert that fits',
      '      alertsOf({ alert, source }, sources, SOURCES, Date.now());\n',
      '',
      LOAD_DRILLS,
      'an alert that does not fit',
    ],
  ]),
];
