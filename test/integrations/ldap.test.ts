import { Client } from 'ldapts';
import { CordonError } from '../../contracts/errors';
import { Secret } from '../../contracts/secret';
import ldap, { connectDirectory } from '../../integrations/ldap';
import { escapeFilter, LdapCode, type Directory, type LdapChange } from '../../integrations/ldap/client';
import { fakeCallContext, fakeConnectTools } from '../contract/call-context';
import { contractSuite } from '../contract/contract-suite';
import { NO_SLAPD, SLAPD, startSlapd, type Slapd } from '../support/slapd';

const account = { name: 'a.meyer' };
const base = { bindDn: SLAPD.admin, password: new Secret(SLAPD.password), searchBase: SLAPD.people };
const context = fakeCallContext();

/** Active Directory as far as the adapter sees it: one attribute, and compare-and-set as the server does it. */
class FakeActiveDirectory implements Directory {
  users = new Map([['CN=Meyer', { name: 'a.meyer', uac: '512' }]]);
  modifications: LdapChange[][] = [];
  /** Runs before the next modify is applied. */
  meanwhile: (() => void) | undefined;
  failure: { search?: CordonError; modify?: CordonError; afterModify?: CordonError } = {};

  async search(filter: string) {
    if (this.failure.search !== undefined) throw this.failure.search;
    return [...this.users]
      .filter(([, { name }]) => filter.includes(`(sAMAccountName=${name})`))
      .map(([dn, { uac }]) => ({ dn, values: { useraccountcontrol: [uac] } }));
  }
  async modify(dn: string, changes: readonly LdapChange[], signal: AbortSignal) {
    if (signal.aborted) throw new CordonError('cancelled', 'cancelled');
    if (this.failure.modify !== undefined) throw this.failure.modify;
    this.meanwhile?.();
    this.meanwhile = undefined;
    this.modifications.push([...changes]);
    const user = this.users.get(dn)!;
    const removed = changes.find(({ operation }) => operation === 'delete')?.values[0];
    if (removed !== user.uac)
      throw new CordonError('rejected', 'no matching attribute value', { cause: new LdapCode(16) });
    user.uac = changes.find(({ operation }) => operation === 'add')!.values[0]!;
    if (this.failure.afterModify !== undefined) throw this.failure.afterModify;
  }
  async check() {
    await this.search('');
  }
}

const adConfig = ldap.config.parse({
  ...base,
  url: 'ldaps://dc1.example.com',
  flavour: 'active_directory',
});
const setupAd = () => {
  const directory = new FakeActiveDirectory();
  // The port has no connection to cancel: a cancelled search is told as the real one tells it.
  const search = directory.search.bind(directory);
  directory.search = (filter: string, ...rest: unknown[]) =>
    (rest[1] as AbortSignal | undefined)?.aborted === true
      ? Promise.reject(new CordonError('cancelled', 'cancelled'))
      : search(filter);
  return Promise.resolve({ directory, connection: connectDirectory(directory, adConfig) });
};
type AdWorld = Awaited<ReturnType<typeof setupAd>>;
const meyer = ({ directory }: AdWorld) => directory.users.get('CN=Meyer')!;

contractSuite<AdWorld>({
  integration: { ...ldap, id: 'ldap, Active Directory,' },
  setup: setupAd,
  teardown: () => Promise.resolve(),
  cases: {
    'identity.disable_account': {
      input: () => ({ account }),
      inForce: (world) => (Number(meyer(world).uac) & 2) !== 0,
      check: (output) => expect(output).toEqual({ account, token: '512' }),
      faults: [
        {
          name: 'the modify is refused',
          arrange: ({ directory }) =>
            void (directory.failure.modify = new CordonError('auth', 'LDAP code 50')),
          type: 'auth',
          maybeApplied: false,
        },
        {
          name: 'the reply is lost',
          arrange: ({ directory }) =>
            void (directory.failure.afterModify = new CordonError('unavailable', 'lost', {
              maybeApplied: true,
            })),
          type: 'unavailable',
          maybeApplied: true,
        },
      ],
    },
  },
});

describe('Active Directory', () => {
  test('disables by one modify that deletes the value read and adds the new one', async () => {
    const { directory, connection } = await setupAd();
    await connection.handlers['identity.disable_account']!.act({ account }, context, undefined);
    expect(directory.modifications).toEqual([
      [
        { operation: 'delete', attribute: 'userAccountControl', values: ['512'] },
        { operation: 'add', attribute: 'userAccountControl', values: ['514'] },
      ],
    ]);
  });

  test('reads again when the value has changed meanwhile, and keeps what others have set', async () => {
    const world = await setupAd();
    world.directory.meanwhile = () => void (meyer(world).uac = '66048');
    await world.connection.handlers['identity.disable_account']!.act({ account }, context, undefined);
    expect(meyer(world).uac).toBe('66050');
    expect(world.directory.modifications).toHaveLength(2);
  });

  test('gives up when the value changes each time', async () => {
    const world = await setupAd();
    let value = 512;
    const flip = () => {
      value += 65_536;
      meyer(world).uac = String(value);
      setImmediate(() => undefined);
    };
    const modify = world.directory.modify.bind(world.directory);
    world.directory.modify = (...args) => {
      flip();
      return modify(...args);
    };
    await expect(
      world.connection.handlers['identity.disable_account']!.act({ account }, context, undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(world.directory.modifications).toHaveLength(3);
  });

  test('the undo clears bit 2 only; flags set since are kept', async () => {
    const world = await setupAd();
    meyer(world).uac = String(512 | 2 | 65_536);
    const enable = world.connection.handlers['identity.enable_account']!;
    await enable.act({ account, token: '512' }, context, undefined);
    expect(meyer(world).uac).toBe(String(512 | 65_536));
  });

  test('an ambiguous name is rejected and nobody is touched', async () => {
    const world = await setupAd();
    world.directory.users.set('CN=Other', { name: 'a.meyer', uac: '512' });
    await expect(
      world.connection.handlers['identity.disable_account']!.act({ account }, context, undefined),
    ).rejects.toMatchObject({ type: 'rejected' });
    expect(world.directory.modifications).toEqual([]);
  });
});

test('a filter value is text, whatever it holds', () => {
  expect(escapeFilter('a*)(uid=\\\0')).toBe('a\\2a\\29\\28uid=\\5c\\00');
});

test.each([
  [{ url: 'ldap://dc1.example.com' }, false],
  [{ url: 'ldap://dc1.example.com', allowPlainToLoopback: true }, false],
  [{ url: 'ldap://127.0.0.1:389' }, false],
  [{ url: 'ldap://127.0.0.1:389', allowPlainToLoopback: true }, true],
  [{ url: 'ldap://dc1.example.com', startTls: true }, true],
  [{ url: 'ldaps://dc1.example.com' }, true],
  [{ url: 'ldaps://dc1.example.com', startTls: true }, false],
])('the config %j is allowed: %s', (over, allowed) => {
  expect(ldap.config.safeParse({ ...base, flavour: 'openldap', ...over }).success).toBe(allowed);
});

const withSlapd = NO_SLAPD === undefined ? describe : describe.skip;
withSlapd(`OpenLDAP${NO_SLAPD === undefined ? '' : ` (skipped: ${NO_SLAPD})`}`, () => {
  const configOf = (slapd: Slapd, over: object = {}) =>
    ldap.config.parse({ ...base, url: slapd.ldaps, ca: slapd.ca, flavour: 'openldap', ...over });
  const connect = (slapd: Slapd, over: object = {}) =>
    ldap.connect(configOf(slapd, over), fakeConnectTools());

  /** A login as the user would do it; the result code when it is refused. */
  const login = async (slapd: Slapd): Promise<string> => {
    const client = new Client({ url: slapd.ldaps, tlsOptions: { ca: [slapd.ca] } });
    try {
      await client.bind(`uid=a.meyer,${SLAPD.people}`, SLAPD.userPassword);
      return 'in';
    } catch (error) {
      return `refused ${String((error as { code?: unknown }).code)}`;
    } finally {
      await client.unbind();
    }
  };

  const setup = async () => {
    const slapd = await startSlapd();
    return { slapd, connection: connect(slapd) };
  };
  type World = Awaited<ReturnType<typeof setup>>;

  contractSuite<World>({
    integration: { ...ldap, id: 'ldap, OpenLDAP,' },
    setup,
    teardown: ({ slapd }) => slapd.stop(),
    cases: {
      'identity.disable_account': {
        input: () => ({ account }),
        inForce: async ({ slapd }) => (await login(slapd)) === 'refused 49',
        faults: [
          {
            name: 'the directory is down',
            arrange: ({ slapd }) => slapd.stop(),
            type: 'unavailable',
            maybeApplied: false,
          },
        ],
      },
    },
  });

  describe('one server', () => {
    let slapd: Slapd;
    beforeAll(async () => {
      slapd = await startSlapd();
    });
    afterAll(() => slapd.stop());
    const check = (over: object) => connect(slapd, over).check(AbortSignal.timeout(10_000));
    const disable = (name: string) =>
      connect(slapd).handlers['identity.disable_account']!.act({ account: { name } }, context, undefined);

    test('the user can log in before, so that a refusal means something', async () => {
      expect(await login(slapd)).toBe('in');
    });

    test('StartTLS works as LDAPS does', async () => {
      await expect(check({ url: slapd.ldap, startTls: true })).resolves.toMatchObject({ ok: true });
    });

    test('a server whose certificate is not signed by the pinned authority is refused', async () => {
      await expect(check({ ca: undefined })).rejects.toMatchObject({
        type: 'unavailable',
        maybeApplied: false,
      });
    });

    test('a wrong password, and a bind without TLS that the server refuses, are auth', async () => {
      await expect(check({ password: new Secret('wrong') })).rejects.toMatchObject({ type: 'auth' });
      await expect(check({ url: slapd.ldap, allowPlainToLoopback: true })).rejects.toMatchObject({
        type: 'auth',
      });
    });

    test('a search base that does not exist is not found', async () => {
      await expect(check({ searchBase: 'ou=nowhere,dc=example,dc=com' })).rejects.toMatchObject({
        type: 'not_found',
      });
    });

    test.each([
      ['nobody', 'not_found'],
      ['*', 'not_found'],
      ['twin', 'rejected'],
    ])('the account %s is %s', async (name, type) => {
      await expect(disable(name)).rejects.toMatchObject({ type, maybeApplied: false });
    });

    test('a user without the right is auth, and nothing changes', async () => {
      const weak = connect(slapd, {
        bindDn: `uid=twin,${SLAPD.people}`,
        password: new Secret(SLAPD.userPassword),
      });
      await expect(
        weak.handlers['identity.disable_account']!.act({ account }, context, undefined),
      ).rejects.toMatchObject({ type: 'auth', maybeApplied: false });
      expect(await login(slapd)).toBe('in');
    });
  });
});
