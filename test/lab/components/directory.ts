import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Attribute, Change, Client, ResultCodeError } from 'ldapts';
import type { Component, Contribution, Lab } from '../component';
import type { LabProcess } from '../processes';
import type { Authority } from '../authority';

const ADDRESS = '127.0.0.2';
const NAME = 'dc1.lab.example.com';
const BASE = 'DC=lab,DC=example,DC=com';
const STAFF = `OU=Staff,${BASE}`;
const ADMIN_PASSWORD = 'Adm1n-Passw0rd!';
const SERVICE_PASSWORD = 'C0rdon-Passw0rd!';
const DISABLED = 2;
/** Right to read and write userAccountControl of the users below: schema ids of the attribute and of the class `user`. */
const DELEGATED = '(OA;CIIO;RPWP;bf967a68-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;';

/** The account that the lab's account alert is about, and its password. */
export const VICTIM = { name: 'm.okafor', password: 'Ok4for-Passw0rd!' } as const;

export interface Directory extends Contribution {
  /** Whether the account's owner can log in, tried as the owner: `yes`, or why not, in Active Directory's words. */
  logIn(name: string, password: string): Promise<string>;
}

const SMB = (folder: string, tls: Record<'ca' | 'cert' | 'key', string>): string => `[global]
  netbios name = DC1
  realm = LAB.EXAMPLE.COM
  workgroup = LAB
  server role = active directory domain controller
  server services = ldap, rpc, kdc
  interfaces = ${ADDRESS}/8
  bind interfaces only = Yes
  lock directory = ${folder}
  state directory = ${folder}/state
  cache directory = ${folder}/cache
  private dir = ${folder}/private
  pid directory = ${folder}/run
  ncalrpc dir = ${folder}/ncalrpc
  ntp signd socket directory = ${folder}/ntp_signd
  winbindd socket directory = ${folder}/winbindd
  log file = ${folder}/samba.log
  logging = file
  ldap server require strong auth = Yes
  tls enabled = Yes
  tls keyfile = ${tls.key}
  tls certfile = ${tls.cert}
  tls cafile = ${tls.ca}
`;

const url = `ldaps://${ADDRESS}`;

/** A domain controller: Samba, provisioned anew, with one account for Cordon that may do one thing. */
export class DirectoryComponent implements Component<Directory> {
  readonly name = 'Samba AD DC';
  #process: LabProcess | undefined;

  constructor(private readonly authority: Authority) {}

  async start(lab: Lab): Promise<Directory> {
    const folder = join(lab.folder, 'dc');
    const tls = await this.authority.issue(NAME, ADDRESS);
    const ca = readFileSync(tls.ca, 'utf8');
    // The machine's own Samba, if there is one, is neither read nor written.
    for (const path of ['/etc/samba', '/var/lib/samba', '/var/cache/samba', '/run/samba', '/var/log/samba']) {
      const own = join(lab.folder, 'samba', path);
      mkdirSync(own, { recursive: true });
      mkdirSync(path, { recursive: true });
      await lab.run(['mount', '--bind', own, path]);
    }
    await lab.run([
      ...['samba-tool', 'domain', 'provision', `--targetdir=${folder}`],
      ...['--realm=LAB.EXAMPLE.COM', '--domain=LAB', '--server-role=dc', '--dns-backend=NONE'],
      ...[`--adminpass=${ADMIN_PASSWORD}`, '--host-name=dc1', `--host-ip=${ADDRESS}`],
      ...[`--option=interfaces=${ADDRESS}/8`, '--option=bind interfaces only=yes'],
    ]);
    const configFile = join(lab.folder, 'smb.conf');
    writeFileSync(configFile, SMB(folder, tls));
    for (const [path, mode] of Object.entries({
      run: 0o755,
      cache: 0o755,
      ncalrpc: 0o755,
      ntp_signd: 0o750,
      winbindd: 0o750,
    }))
      mkdirSync(join(folder, path), { recursive: true, mode });
    const started = lab.spawn('samba', [
      'samba',
      '--foreground',
      '--no-process-group',
      '--model=single',
      `--configfile=${configFile}`,
    ]);
    this.#process = started;
    const tlsOptions = { ca: [ca], servername: NAME, minVersion: 'TLSv1.2' as const };
    const bound = async <T>(
      dn: string,
      password: string,
      use: (client: Client) => Promise<T>,
    ): Promise<T> => {
      const client = new Client({ url, tlsOptions, timeout: 5000, connectTimeout: 5000 });
      try {
        await client.bind(dn, password);
        return await use(client);
      } finally {
        await client.unbind().catch(() => undefined);
      }
    };
    const asAdmin = <T>(use: (client: Client) => Promise<T>): Promise<T> =>
      bound('administrator@lab.example.com', ADMIN_PASSWORD, use);
    await lab.until('the directory to answer', async () => {
      if (started.ended() !== undefined) throw new Error(`samba ended: ${started.output()}`);
      return asAdmin(async () => true).catch(() => false);
    });
    const sid = await asAdmin(furnish);
    await lab.run([
      ...['samba-tool', 'dsacl', 'set', '-H', join(folder, 'private/sam.ldb'), `--configfile=${configFile}`],
      ...[`--objectdn=${STAFF}`, '--action=allow', `--sddl=${DELEGATED}${sid})`],
    ]);
    return {
      connections: [
        {
          id: 'directory',
          use: 'ldap',
          config: {
            url,
            ca,
            serverName: NAME,
            flavour: 'active_directory',
            bindDn: 'cordon@lab.example.com',
            password: { $env: 'LAB_DIRECTORY_PASSWORD' },
            searchBase: STAFF,
          },
        },
      ],
      assets: [
        {
          id: VICTIM.name,
          kind: 'account',
          aliases: [`${VICTIM.name}@lab.example.com`, `LAB\\${VICTIM.name}`],
        },
      ],
      logIn: (name, password) =>
        bound(`${name}@lab.example.com`, password, async () => 'yes').catch((error: unknown) => {
          if (!(error instanceof ResultCodeError)) throw error;
          return `no, ${/data \w+/.exec(error.message)?.[0] ?? `code ${String(error.code)}`}`;
        }),
      inForce: () => asAdmin(disabledOf),
    };
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/** Secrets that the connection of this component names. */
export const DIRECTORY_ENV = { LAB_DIRECTORY_PASSWORD: SERVICE_PASSWORD };

/** Makes the accounts; resolves to the SID of Cordon's. */
async function furnish(client: Client): Promise<string> {
  await client.add(STAFF, { objectClass: ['top', 'organizationalUnit'], ou: 'Staff' });
  const add = async (dn: string, name: string, password: string): Promise<void> => {
    await client.add(dn, {
      objectClass: ['top', 'person', 'organizationalPerson', 'user'],
      sAMAccountName: name,
      userPrincipalName: `${name}@lab.example.com`,
      userAccountControl: '514',
    });
    for (const [type, value] of [
      ['unicodePwd', Buffer.from(`"${password}"`, 'utf16le')],
      ['userAccountControl', '512'],
    ] as const)
      await client.modify(
        dn,
        new Change({
          operation: 'replace',
          modification: new Attribute({ type, values: [value] as string[] | Buffer[] }),
        }),
      );
  };
  await add(`CN=Mary Okafor,${STAFF}`, VICTIM.name, VICTIM.password);
  await add(`CN=cordon,CN=Users,${BASE}`, 'cordon', SERVICE_PASSWORD);
  const { searchEntries } = await client.search(BASE, {
    filter: '(sAMAccountName=cordon)',
    attributes: ['objectSid'],
    explicitBufferAttributes: ['objectSid'],
  });
  const raw = searchEntries[0]?.['objectSid'];
  if (!Buffer.isBuffer(raw)) throw new Error('the directory gave no SID');
  const parts = Array.from({ length: raw[1] ?? 0 }, (_, index) => raw.readUInt32LE(8 + 4 * index));
  return `S-1-${String(raw.readUIntBE(2, 6))}-${parts.join('-')}`;
}

async function disabledOf(client: Client): Promise<string[]> {
  const { searchEntries } = await client.search(STAFF, {
    filter: `(&(objectClass=user)(userAccountControl:1.2.840.113556.1.4.803:=${String(DISABLED)}))`,
    attributes: ['sAMAccountName'],
  });
  return searchEntries.map((entry) => `identity.disable_account account:${String(entry['sAMAccountName'])}`);
}
