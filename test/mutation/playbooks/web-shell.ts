import { playbookMutants } from './steps';

export const WEB_SHELL = playbookMutants(
  'web-shell',
  1,
  [
    "collect('Memory and logs",
    "contain('Take it off",
    "contain('Block the sources'",
    "contain(\n        'Have the flaw shielded'",
    "collect('Hunt",
    "collect('Disk image'",
    "eradicate('Rotate",
    "eradicate('End its processes'",
    "eradicate(\n        'Take its files away'",
    "eradicate('Clean the server'",
    "eradicate('Close the flaw'",
    "collect('Look for the flaw'",
    "recover(\n          'Restore its data'",
    "recover('Set it up anew'",
    "recover('Scan what came back'",
    'release(scope.hosts',
    "watch('72h'",
  ],
  [
    ["onFind: 'quarantine',", ''],
    ["{ when: 'clean' }", '{}'],
    ["{ verify: 'first' }", '{}'],
    ["isClosed ? (await ask(back)).way : 'keep it off'", '(await ask(back)).way'],
    ["ran === 'no'", "ran !== 'yes'"],
    ['endpoint.collectLogs({ host, ...(before === undefined ? {} : { since: before }) }),', ''],
  ],
);
