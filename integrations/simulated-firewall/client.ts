import type { HttpClient } from '../kit/http';
import { segment } from '../kit/http';
import { Block, BlockList } from './schemas';

/** Calls of the simulated firewall. */
export class FirewallClient {
  constructor(private readonly http: HttpClient) {}

  block(ip: string, comment: string, signal: AbortSignal): Promise<Block> {
    const what = `block ${ip}`;
    return this.http.call({ method: 'PUT', path: path(ip), body: { comment }, reply: Block, signal, what });
  }

  /** Lifts the block, and only the one with this rule when it is given. */
  unblock(ip: string, rule: string | undefined, signal: AbortSignal): Promise<Block> {
    const query = rule === undefined ? {} : { rule_id: rule };
    const what = `unblock ${ip}`;
    return this.http.call({ method: 'DELETE', path: path(ip), query, reply: Block, signal, what });
  }

  /** Every address that is blocked. */
  async blocked(signal: AbortSignal): Promise<string[]> {
    const call = {
      method: 'GET',
      path: '/api/v1/blocks',
      reply: BlockList,
      what: 'list the blocks',
    } as const;
    return (await this.http.call({ ...call, signal })).blocks.map(({ ip }) => ip);
  }

  read(ip: string, signal: AbortSignal): Promise<Block> {
    return this.http.call({ method: 'GET', path: path(ip), reply: Block, signal, what: `read ${ip}` });
  }
}

const path = (ip: string): string => `/api/v1/blocks/${segment(ip)}`;
