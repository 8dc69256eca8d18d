import { Attribute, Change, Client, ResultCodeError } from 'ldapts';
import { CordonError, type ErrorType } from '../../contracts/errors';
import { abortError, throwIfAborted } from '../kit/abort';
import type { LdapConfig } from './schemas';

export interface LdapEntry {
  dn: string;
  /** Values by attribute name in lower case. */
  values: Record<string, string[]>;
}

export interface LdapChange {
  operation: 'add' | 'delete' | 'replace';
  attribute: string;
  values: readonly string[];
}

/** What the adapter needs of a directory. */
export interface Directory {
  /** At most two entries: more than one is ambiguous already. */
  search(filter: string, attributes: readonly string[], signal: AbortSignal): Promise<LdapEntry[]>;
  /** All changes in one operation, or none. */
  modify(dn: string, changes: readonly LdapChange[], signal: AbortSignal): Promise<void>;
  /** Binds, and reads the search base. */
  check(signal: AbortSignal): Promise<void>;
}

/** The value in a filter as text only, RFC 4515. */
export function escapeFilter(value: string): string {
  // eslint-disable-next-line no-control-regex -- NUL is one of the characters that RFC 4515 escapes
  return value.replace(/[\u0000()*\\]/g, (char) => `\\${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Result codes of a compare-and-set that lost: the value to delete is gone (16), or another one is there (20). */
export const CHANGED_MEANWHILE: ReadonlySet<number | undefined> = new Set([16, 20]);

const TYPES: Record<number, ErrorType> = {
  3: 'timeout',
  7: 'auth',
  8: 'auth',
  13: 'auth',
  32: 'not_found',
  48: 'auth',
  49: 'auth',
  50: 'auth',
  51: 'unavailable',
  52: 'unavailable',
};

/** The error of a refused or broken operation. The server's text stays behind but for the code. */
export function ldapError(error: unknown, what: string, sent: boolean): CordonError {
  if (error instanceof CordonError) return error;
  if (error instanceof ResultCodeError) {
    const cause = new LdapCode(error.code);
    const message = `${what}: LDAP code ${error.code}`;
    return new CordonError(TYPES[error.code] ?? 'rejected', message, { cause, maybeApplied: false });
  }
  const code = (error as { code?: unknown } | null)?.code;
  const text = error instanceof Error ? error.message : '';
  const name = typeof code === 'string' ? code : 'connection lost';
  if (/timed? ?out/i.test(text))
    return new CordonError('timeout', `${what}: no answer`, { maybeApplied: sent });
  return new CordonError('unavailable', `${what}: ${name}`, { maybeApplied: sent });
}

/** An LDAP result code as the cause of an error. */
export class LdapCode extends Error {
  override readonly name = 'LdapCode';
  constructor(readonly code: number) {
    super(`LDAP result code ${code}`);
  }
}

/** The LDAP result code behind an error, when there is one. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof CordonError && error.cause instanceof LdapCode ? error.cause.code : undefined;
}

/**
 * The directory itself. Each operation has a connection of its own: a kept one that the server has closed
 * would be opened again by the library without a bind, and reads would then come back empty.
 */
export class LdapDirectory implements Directory {
  constructor(private readonly config: LdapConfig) {}

  search(filter: string, attributes: readonly string[], signal: AbortSignal): Promise<LdapEntry[]> {
    return this.#session('ldap: search', { signal, writes: false }, async (client) => {
      const options = { scope: 'sub' as const, filter, attributes: [...attributes] };
      const { searchEntries } = await client.search(this.config.searchBase, options);
      return searchEntries.slice(0, 2).map(({ dn, ...rest }) => ({
        dn,
        values: Object.fromEntries(
          Object.entries(rest).map(([name, value]) => [name.toLowerCase(), [value].flat().map(String)]),
        ),
      }));
    });
  }

  modify(dn: string, changes: readonly LdapChange[], signal: AbortSignal): Promise<void> {
    return this.#session('ldap: modify', { signal, writes: true }, (client) =>
      client.modify(
        dn,
        changes.map(
          ({ operation, attribute, values }) =>
            new Change({
              operation,
              modification: new Attribute({ type: attribute, values: [...values] }),
            }),
        ),
      ),
    );
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#session('ldap: check', { signal, writes: false }, (client) =>
      client.search(this.config.searchBase, { scope: 'base', attributes: ['1.1'] }),
    );
  }

  async #session<T>(
    what: string,
    { signal, writes }: { signal: AbortSignal; writes: boolean },
    use: (client: Client) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal, what);
    const { url, startTls, ca, serverName, bindDn, password, timeoutMs } = this.config;
    const tlsOptions = {
      minVersion: 'TLSv1.2' as const,
      ...(ca === undefined ? {} : { ca: [ca] }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    const client = new Client({
      url,
      timeout: timeoutMs,
      connectTimeout: timeoutMs,
      ...(url.startsWith('ldaps:') ? { tlsOptions } : {}),
    });
    let sent = false;
    const work = async (): Promise<T> => {
      // On a socket that is open already, Node checks the certificate against `host`, which defaults to localhost.
      if (startTls) await client.startTLS({ host: new URL(url).hostname, ...tlsOptions });
      await client.bind(bindDn, password.reveal());
      throwIfAborted(signal, what);
      sent = writes;
      return await use(client);
    };
    let onAbort: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(abortError(signal, what, sent));
      signal.addEventListener('abort', onAbort, { once: true });
      const late = () =>
        reject(new CordonError('timeout', `${what}: no answer in ${timeoutMs} ms`, { maybeApplied: sent }));
      timer = setTimeout(late, timeoutMs);
    });
    try {
      return await Promise.race([work(), givenUp]);
    } catch (error) {
      throw ldapError(error, what, sent);
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
      // Closing can't fail what is done; a dead connection refuses the goodbye.
      client.unbind().catch(() => undefined);
    }
  }
}
