import { isIPv6 } from 'node:net';
import { CordonError } from '../../contracts/errors';
import type { BlocklistStore, CallContext } from '../../contracts/integration';
import { throwIfAborted } from '../kit/abort';

type Entry = Awaited<ReturnType<BlocklistStore['get']>>;

/** One way of writing an address: `2001:DB8:0::1` and `2001:db8::1` are the same entry. */
export function canonicalIp(ip: string): string {
  return isIPv6(ip) ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

/** A failing store is unavailable; a write whose answer is missing may have been committed. */
async function stored<T>(work: Promise<T>, maybeApplied: boolean): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new CordonError('unavailable', 'blocklist: the store does not answer', { cause, maybeApplied });
  }
}

/** One list in the store. */
export class BlocklistClient {
  constructor(
    private readonly store: BlocklistStore,
    private readonly config: { list: string; expireAfterHours?: number | undefined },
    private readonly now: () => number = Date.now,
  ) {}

  /** The entry, when it is there and has not run out. */
  async find(ip: string, { signal }: CallContext): Promise<Entry> {
    throwIfAborted(signal, `blocklist: look up ${ip}`);
    const entry = await stored(this.store.get(this.config.list, canonicalIp(ip)), false);
    const over = entry?.expiresAt != null && Date.parse(entry.expiresAt) <= this.now();
    return over ? null : entry;
  }

  /** The addresses of all entries that have not run out. */
  async addresses({ signal }: CallContext): Promise<string[]> {
    throwIfAborted(signal, 'blocklist: list the entries');
    const entries = await stored(this.store.entries(this.config.list), false);
    return entries
      .filter(({ expiresAt }) => expiresAt === null || Date.parse(expiresAt) > this.now())
      .map(({ ip }) => ip);
  }

  async put(ip: string, context: CallContext): Promise<void> {
    throwIfAborted(context.signal, `blocklist: block ${ip}`);
    // An entry that stands keeps its expiry and its reason: it may be somebody else's.
    if ((await this.find(ip, context)) !== null) return;
    const { list, expireAfterHours: hours } = this.config;
    const expiresAt = hours === undefined ? null : new Date(this.now() + hours * 3_600_000).toISOString();
    await context.fence();
    const reason = `${context.incident}: ${context.reason}`.slice(0, 500);
    await stored(this.store.put(list, canonicalIp(ip), { expiresAt, reason }), true);
  }

  async remove(ip: string, context: CallContext): Promise<void> {
    throwIfAborted(context.signal, `blocklist: unblock ${ip}`);
    await context.fence();
    await stored(this.store.remove(this.config.list, canonicalIp(ip)), true);
  }
}
