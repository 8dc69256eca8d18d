import { createHash } from 'node:crypto';
import type { CallContext, ConnectTools } from '../../contracts/integration';

const silent = { info: () => undefined, warn: () => undefined };

/** A call as the runner makes it, for adapters under test. The same action key each time, as in a retry. */
export function fakeCallContext(overrides: Partial<CallContext> = {}): CallContext {
  return {
    actionKey: 'a'.repeat(64),
    incident: 'INC-2026-000042',
    reason: 'ransomware on fin-ws-042',
    attempt: 1,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
    log: silent,
    putEvidence: ({ name, bytes }) =>
      Promise.resolve({
        name,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        bytes: bytes.length,
      }),
    ...overrides,
  };
}

/** What `connect` is given, for adapters under test; the block list is kept in memory. */
export function fakeConnectTools(overrides: Partial<ConnectTools> = {}): ConnectTools {
  const entries = new Map<string, { expiresAt: string | null; reason: string }>();
  const key = (list: string, ip: string): string => `${list} ${ip}`;
  return {
    connectionId: 'under-test',
    dataDir: () => {
      throw new Error('this test gave the connection no data folder');
    },
    log: silent,
    blocklist: {
      get: (list, ip) => Promise.resolve(entries.get(key(list, ip)) ?? null),
      entries: (list) =>
        Promise.resolve(
          [...entries].flatMap(([name, { expiresAt }]) => {
            const [of, ip = ''] = name.split(' ');
            return of === list ? [{ ip, expiresAt }] : [];
          }),
        ),
      put: (list, ip, entry) => Promise.resolve(void entries.set(key(list, ip), entry)),
      remove: (list, ip) => Promise.resolve(entries.delete(key(list, ip))),
    },
    ...overrides,
  };
}
