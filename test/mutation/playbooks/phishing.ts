import { playbookMutants } from './steps';

export const PHISHING = playbookMutants(
  'phishing',
  1,
  [
    "collect('Find who got it'",
    'contain(`Lock out',
    'collect(`Keep the inbox rules',
    'eradicate(\n        `Remove what was planted',
    "contain('Purge it",
    "contain('Warn those",
    "collect('Hunt",
    "collect('Triage",
    "contain(\n          'Isolate who opened it'",
    "eradicate('Clean",
    "contain('Block the sender'",
    "contain('Block its links'",
    "contain('Block its domains'",
    "contain('Block its attachment'",
    "eradicate('Ask for the page",
    'release(scope.hosts',
    "watch('7d'",
  ],
  [
    ["onFind: 'quarantine',", ''],
    ["{ when: 'clean' }", '{}'],
    ['identity.removeInboxRules({ account }),', ''],
    ['identity.revokeOauthGrants({ account }),', ''],
    ['.filter((address) => !lost.has(address))', ''],
    ["await widen('Domains of the message'", "void ((..._: unknown[]) => 0)('Domains'"],
  ],
);
