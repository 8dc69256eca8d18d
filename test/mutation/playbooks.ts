import type { Mutant } from './mutant';
import { DATA_EXFILTRATION } from './playbooks/data-exfiltration';
import { PHISHING } from './playbooks/phishing';
import { WEB_SHELL } from './playbooks/web-shell';
import { BRUTE_FORCE } from './playbooks/brute-force';
import { INSIDER } from './playbooks/insider';
import { LOST_DEVICE } from './playbooks/lost-device';

/** Playbooks whose mutants stand in files of their own. */
const OTHERS = [PHISHING, DATA_EXFILTRATION, WEB_SHELL, BRUTE_FORCE, LOST_DEVICE, INSIDER];

const STEPS = 'test/playbooks/steps.test.ts';
const gone = '(async (..._: unknown[]) => undefined)(';

/** The words of one playbook that do something, each as it stands in the file up to what makes it unique. */
const STEPS_OF = {
  ransomware: [
    "collect('Triage",
    "contain('Cut the hosts off'",
    'contain(\n        ',
    "contain('Block the attacker'",
    "eradicate('Clean",
    'recover(\n',
    'release(scope.hosts',
    'release(scope.accounts',
    "watch('72h'",
  ],
  'malware-on-endpoint': [
    "collect('Triage",
    "contain('Isolate",
    "contain('Block",
    "eradicate('Scan",
    'release(scope.hosts',
    "watch('72h'",
  ],
  'account-compromise': [
    "collect('Triage",
    "contain('Stop",
    "contain('Block",
    "contain('End",
    "eradicate('Scan",
    'release(scope.accounts',
    "watch('30d'",
  ],
} as const;

const fails = (name: string): string => `${name.replaceAll('-', '_')}@1, step by step`;
const file = (name: string): string => `workflows/playbooks/${name}.ts`;

const options: Mutant[] = (
  [
    ['ransomware', "{ when: 'clean' }", '{}'],
    ['ransomware', "{ verify: 'first' }", '{}'],
    ['ransomware', "onFind: 'quarantine',", ''],
    ['ransomware', 'identity.revokeSessions({ account })', ''],
    ['ransomware', '...(before === undefined ? {} : { before })', ''],
    ['malware-on-endpoint', "{ when: 'clean' }", '{}'],
    ['malware-on-endpoint', "onFind: 'quarantine',", ''],
    ['account-compromise', "onFind: 'quarantine',", ''],
  ] as const
).map(([name, find, replace]) => ({
  what: `${name} without ${find}`,
  file: file(name),
  find,
  replace,
  test: STEPS,
  fails: fails(name),
}));

/** How many steps the table takes out of each playbook; `mutants.test.ts` holds that it is all of them. */
export const STEP_COUNT: Readonly<Record<string, number>> = Object.fromEntries([
  ...Object.entries(STEPS_OF).map(([name, steps]): [string, number] => [name, steps.length]),
  ...OTHERS.map(({ name, steps }): [string, number] => [name, steps]),
]);

export const PLAYBOOKS: readonly Mutant[] = [
  ...Object.entries(STEPS_OF).flatMap(([name, steps]) =>
    steps.map((find) => ({
      what: `${name} without ${find.trim()}`,
      file: file(name),
      find,
      replace: find.replace(/^\w+\(/, gone),
      test: STEPS,
      fails: fails(name),
    })),
  ),
  ...options,
  ...OTHERS.flatMap(({ mutants }) => mutants),
];

const inverse = (folder: string, id: string): Mutant => ({
  what: `no ${id}`,
  file: `contracts/actions/${folder}.ts`,
  find: `inverse: '${id}',`,
  replace: 'inverse: null,',
  test: 'test/contracts/actions.test.ts',
  fails: 'what takes an action back',
});

export const INVERSES: readonly Mutant[] = [
  inverse('endpoint', 'endpoint.release_host'),
  inverse('endpoint', 'endpoint.restore_file'),
  inverse('identity', 'identity.enable_account'),
  inverse('network', 'network.unblock_ip'),
  inverse('data', 'data.revert_restore'),
  inverse('process', 'endpoint.resume_process'),
  inverse('process', 'endpoint.unblock_hash'),
  inverse('endpoint', 'endpoint.unlock_device'),
  inverse('identity', 'identity.restore_privileges'),
  inverse('identity', 'identity.restore_inbox_rules'),
  inverse('network', 'network.unblock_domain'),
  inverse('network', 'network.unblock_url'),
  inverse('network', 'network.unsegment_host'),
  inverse('traffic', 'network.lift_rate_limit'),
  inverse('traffic', 'network.restore_traffic'),
  inverse('email', 'email.restore_message'),
  inverse('email', 'email.unblock_sender'),
  inverse('cloud', 'cloud.activate_key'),
  inverse('cloud', 'cloud.lift_deny'),
  inverse('cloud', 'cloud.allow_public_access'),
];
