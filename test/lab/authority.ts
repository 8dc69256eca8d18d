import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './processes';

export interface Issued {
  ca: string;
  cert: string;
  key: string;
}

/** The lab's own certificate authority; what it issues are files. */
export class Authority {
  #made: Promise<void> | undefined;
  constructor(private readonly folder: string) {}

  async issue(name: string, address: string): Promise<Issued> {
    await (this.#made ??= this.#make());
    const file = (suffix: string): string => join(this.folder, `${name}.${suffix}`);
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      file('key'),
      '-out',
      file('csr'),
      '-subj',
      `/CN=${name}`,
    );
    writeFileSync(file('ext'), `subjectAltName=DNS:${name},IP:${address}\n`);
    await openssl(
      ...[
        'x509',
        '-req',
        '-in',
        file('csr'),
        '-CA',
        this.#ca('pem'),
        '-CAkey',
        this.#ca('key'),
        '-CAcreateserial',
      ],
      ...['-days', '2', '-out', file('pem'), '-extfile', file('ext')],
    );
    await run(['chmod', '600', file('key')]);
    return { ca: this.#ca('pem'), cert: file('pem'), key: file('key') };
  }

  #ca(suffix: string): string {
    return join(this.folder, `ca.${suffix}`);
  }

  async #make(): Promise<void> {
    await openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        this.#ca('key'),
        '-out',
        this.#ca('pem'),
      ],
      ...['-days', '2', '-subj', '/CN=Cordon lab CA', '-addext', 'basicConstraints=critical,CA:TRUE'],
    );
  }
}

const openssl = (...args: string[]): Promise<string> => run(['openssl', ...args]);
