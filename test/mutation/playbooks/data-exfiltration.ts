import { playbookMutants } from './steps';

export const DATA_EXFILTRATION = playbookMutants(
  'data-exfiltration',
  1,
  [
    "collect('Memory and logs",
    "collect(\n        'What was done",
    "contain('Block the addresses",
    "contain('Block the domains",
    "contain('Block the pages",
    "contain('Isolate",
    "contain(\n        'Stop the accounts'",
    "contain('Deactivate",
    "contain(\n        'End the sessions",
    "contain(\n        'Close the buckets",
    "collect('Disk image",
    "eradicate(\n        'Take staged",
    "eradicate('Take credentials",
    "eradicate('Ask for the data",
    "eradicate('Clean",
    'release(scope.hosts',
    'release(scope.accounts',
    "watch('30d'",
  ],
  [
    ["onFind: 'quarantine',", ''],
    ["{ when: 'clean' }", '{}'],
    ['endpoint.collectLogs({ host, ...since }),', ''],
    [', identity.revokeSessions({ account })]', ']'],
    ['keys: keys.map((id) => ({ id, principal: name })),', ''],
    ['principals: principals.map((made) => ({ name: made })),', ''],
  ],
);
