import { of, type Mutant } from './mutant';

const SESSION = 'test/server/session.test.ts';
const OWN = 'the cookie reads the API, and only from our own pages';
const CHANGE = 'a change needs the token of this log-in';

const EVENTS = 'test/server/events.test.ts';

export const CONSOLE: readonly Mutant[] = [
  ...of('server/auth/session.ts', [
    [
      'a call with a cookie from anywhere',
      '  if (session === undefined) return undefined;\n  requireOwnSite(request);',
      '  if (session === undefined) return undefined;',
      SESSION,
      OWN,
    ],
    [
      'a change with a cookie and no token of the log-in',
      "if (!sameSecret(request.get(CSRF_HEADER) ?? '', session.csrf))",
      'if (Date.now() < 0)',
      SESSION,
      CHANGE,
    ],
    [
      'a change taken for safe',
      "new Set(['GET', 'HEAD'])",
      "new Set(['GET', 'HEAD', 'PUT'])",
      SESSION,
      CHANGE,
    ],
  ]),
  ...of('server/auth/authenticate.ts', [
    [
      'a cookie that helps a token which does not hold',
      'if (authorization === undefined) {',
      'if (authorization !== undefined || request.headers.cookie !== undefined) {',
      SESSION,
      'counts for nothing beside an Authorization that does not hold',
    ],
  ]),
  ...of('server/routes/session.ts', [
    [
      'a log-in that another site sends',
      '    requireOwnSite(request);\n',
      '',
      SESSION,
      'a log-in that another site sends',
    ],
  ]),
  ...of('store/changes.ts', [
    [
      'changes read up to transactions that still run',
      'pg_snapshot_xmin(pg_current_snapshot())',
      'pg_snapshot_xmax(pg_current_snapshot())',
      EVENTS,
      'also what commits later than it began',
    ],
    [
      'an unknown position taken for a good one',
      'if (from > end) return { position: end, changes: [], lost: true };',
      'if (from > end) return { position: end, changes: [], lost: false };',
      EVENTS,
      'a position that was never given',
    ],
  ]),
  ...of('server/change-feed.ts', [
    ['no limit to the lines of a person', ' || own >= MAX_PER_PERSON', '', EVENTS, 'limited number of lines'],
  ]),
  ...of('server/routes/events.ts', [
    [
      'a line that outlives its token',
      '          response.end();\n',
      '',
      EVENTS,
      'who may no longer is cut off',
    ],
  ]),
];
