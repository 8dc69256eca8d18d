import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why there is no slapd on this machine; undefined when there is one. */
export const NO_SLAPD = ['/usr/sbin/slapd', '/usr/lib/ldap/ppolicy.so', '/usr/bin/openssl']
  .filter((path) => !existsSync(path))
  .map((path) => `no ${path}; install slapd and openssl`)
  .at(0);

const SUFFIX = 'dc=example,dc=com';
export const SLAPD = {
  admin: `cn=admin,${SUFFIX}`,
  people: `ou=people,${SUFFIX}`,
  password: 'directory-pw',
  userPassword: 'user-pw',
} as const;

const person = (dn: string, uid: string) => `dn: ${dn}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
userPassword: ${SLAPD.userPassword}
`;

const LDIF = [
  `dn: ${SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n`,
  `dn: cn=default,${SUFFIX}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\npwdAttribute: userPassword\npwdLockout: TRUE\n`,
  `dn: ${SLAPD.people}\nobjectClass: organizationalUnit\nou: people\n`,
  `dn: ou=more,${SLAPD.people}\nobjectClass: organizationalUnit\nou: more\n`,
  person(`uid=a.meyer,${SLAPD.people}`, 'a.meyer'),
  person(`uid=twin,${SLAPD.people}`, 'twin'),
  person(`uid=twin,ou=more,${SLAPD.people}`, 'twin'),
].join('\n');

const conf = (folder: string) => `${['core', 'cosine', 'inetorgperson']
  .map((name) => `include /etc/ldap/schema/${name}.schema`)
  .join('\n')}
pidfile ${folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
TLSCACertificateFile ${folder}/cert.pem
TLSCertificateFile ${folder}/cert.pem
TLSCertificateKeyFile ${folder}/key.pem
security simple_bind=128
database mdb
maxsize 10485760
suffix "${SUFFIX}"
rootdn "${SLAPD.admin}"
rootpw ${SLAPD.password}
directory ${folder}/db
overlay ppolicy
ppolicy_default "cn=default,${SUFFIX}"
ppolicy_use_lockout
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}

export interface Slapd {
  ldaps: string;
  ldap: string;
  ca: string;
  stop(): Promise<void>;
}

/** Starts an OpenLDAP server of its own, with TLS and ppolicy, in a folder of its own. */
export async function startSlapd(): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-slapd-'));
  mkdirSync(join(folder, 'db'));
  const subject = ['-subj', '/CN=directory', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync(
    '/usr/bin/openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files],
    { stdio: 'ignore' },
  );
  writeFileSync(join(folder, 'slapd.conf'), conf(folder));
  writeFileSync(join(folder, 'base.ldif'), LDIF);
  execFileSync('/usr/sbin/slapadd', ['-f', join(folder, 'slapd.conf'), '-l', join(folder, 'base.ldif')], {
    stdio: 'pipe',
  });
  const [plain, tls] = [await freePort(), await freePort()];
  const urls = { ldap: `ldap://127.0.0.1:${plain}`, ldaps: `ldaps://127.0.0.1:${tls}` };
  const child = spawn(
    '/usr/sbin/slapd',
    ['-d', '0', '-f', join(folder, 'slapd.conf'), '-h', `${urls.ldap} ${urls.ldaps}`],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Its pid file is there before it listens.
  for (const port of [plain, tls])
    for (let round = 0; !(await listens(port)); round++) {
      if (round > 400 || child.exitCode !== null) throw new Error('slapd does not start');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  return {
    ...urls,
    ca: readFileSync(join(folder, 'cert.pem'), 'utf8'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
