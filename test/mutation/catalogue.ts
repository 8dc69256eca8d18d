import { ENTITIES, of, PROTECTED, type Mutant } from './mutant';

const EDR = 'test/integrations/simulated-edr.test.ts';
const MDM = 'test/integrations/simulated-mdm.test.ts';
const MANAGEMENT = 'test/integrations/simulated-management.test.ts';
const TICKETING = 'test/integrations/simulated-ticketing.test.ts';

/** What twelve playbooks act upon, and the products that pretend it. */
export const CATALOGUE: readonly Mutant[] = [
  ...of('activities/untouchable.ts', [
    ['own domains', "  'network.block_domain',\n", '', PROTECTED, '{"domain":"mail.corp.example.com"}'],
    [
      'own web addresses',
      "  'network.block_url',\n",
      '',
      PROTECTED,
      '{"url":"https://WWW.corp.example.com/a"}',
    ],
    ['own senders', "  'email.block_sender',\n", '', PROTECTED, '{"sender":"Kim@corp.example.com"}'],
    ['files of many', "  'endpoint.block_hash',\n", '', PROTECTED, '{"sha256":"bbbb'],
    ['the hash of nothing', '.sha256 === EMPTY_FILE)', ".sha256 === '')", PROTECTED, '{"sha256":"e3b0'],
    [
      'the address in a web address',
      'url === undefined ? undefined : hostOfUrl(url)',
      'undefined',
      PROTECTED,
      'http://0x7f.1/a',
    ],
  ]),
  ...of('contracts/identity.ts', [
    [
      'a domain is looked up',
      'assets.domainsLike(domainOf(domain) ?? bare(domain))',
      '[]',
      PROTECTED,
      '{"domain":"example.com"}',
    ],
    [
      'a web address is looked up',
      'assets.urlsLike(url)',
      '[]',
      PROTECTED,
      '{"url":"http://198.51.100.10/a"}',
    ],
    [
      'a sender is looked up',
      'assets.sendersLike(sender)',
      '[]',
      PROTECTED,
      '{"sender":"Kim@corp.example.com"}',
    ],
    [
      'a principal is looked up',
      'assets.principalsLike(principals)',
      '[]',
      PROTECTED,
      '{"principal":{"name":"deploy"}}',
    ],
    [
      'a bucket is looked up',
      'assets.datasetsLike({ name: bucket.name })',
      '[]',
      PROTECTED,
      '{"name":"Press-Kit"}',
    ],
    [
      'a file is looked up',
      'hashes.flatMap((hash) => assets.filesLike(hash))',
      '[]',
      PROTECTED,
      '{"sha256":"aaaa',
    ],
  ]),
  ...of('contracts/correlation.ts', [
    [
      'own domains are no indicator',
      '.filter((domain) => assets.domainsLike(domain).length === 0)',
      '',
      ENTITIES,
      'no indicator',
    ],
    [
      'own senders are no indicator',
      '(sender) => assets.sendersLike(sender).length === 0',
      '() => true',
      ENTITIES,
      'no indicator',
    ],
    [
      'the empty file is no indicator',
      '(sha256) => sha256 !== EMPTY_FILE && ',
      '(sha256) => ',
      ENTITIES,
      'no indicator',
    ],
    [
      'a domain correlates for command and control only',
      "category === 'command_and_control' ? entities.domains : []",
      'entities.domains',
      ENTITIES,
      'by what alerts come together',
    ],
    [
      'a message correlates',
      '    ...messages.map(messageKey),\n',
      '',
      ENTITIES,
      'by what alerts come together',
    ],
  ]),
  ...of('contracts/config.ts', [
    [
      'own domains',
      '[...config.assets, ...ownDomains(config)]',
      'config.assets',
      ENTITIES,
      'domains that are ours',
    ],
    [
      'a domain that is named',
      '.filter((domain) => !named.has(domain))',
      '',
      ENTITIES,
      'domains that are ours',
    ],
  ]),
  ...of('integrations/kit/simulated-product.ts', [
    [
      'fence before an effect',
      '        await context.fence();\n        const { token }',
      '        const { token }',
      MDM,
      'a fenced attempt changes nothing',
    ],
    [
      'the undo names its effect',
      'token === undefined ? {} : { id: token }',
      '{}',
      MDM,
      'a lock of somebody else',
    ],
    [
      'what is pending is not in force',
      "effect !== null && effect.state !== 'pending'",
      'effect !== null',
      MDM,
      'a device that is off',
    ],
    [
      'a key goes along',
      "delivery === 'key' ? { key: context.actionKey } : {}",
      '{}',
      TICKETING,
      'is not opened twice',
    ],
  ]),
  ...of('integrations/kit/fake-product.ts', [
    [
      'one job for a key',
      'key !== null && job.kind === kind && job.key === key',
      'false',
      MANAGEMENT,
      'one order to reimage',
    ],
    [
      'what is off waits',
      "effect.state === 'in_force' || !isOn(target)",
      "effect.state === 'in_force'",
      MDM,
      'a device that is off',
    ],
  ]),
  ...of('integrations/simulated-edr/fake.ts', [
    [
      'a changed file stays',
      "return hasChanged ? 'the file has changed' : undefined;",
      'return undefined;',
      EDR,
      'another by now is not deleted',
    ],
  ]),
];
