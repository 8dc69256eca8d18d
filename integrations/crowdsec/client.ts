import { isIPv6 } from 'node:net';
import { CordonError } from '../../contracts/errors';
import type { CallContext } from '../../contracts/integration';
import { z } from 'zod';
import { HttpClient, segment, type HttpCall } from '../kit/http';
import {
  AlertList,
  Allowlisted,
  BanAlert,
  Created,
  Deleted,
  LoginReply,
  type CrowdsecConfig,
  type LapiAlert,
} from './schemas';

/** Our decisions are known by this and by the machine that made them. */
const OURS = 'cordon/';
/** The origin of decisions that people add: bouncers take them, and CrowdSec does not share them unless told to. */
const ORIGIN = 'cscli';
/** A token is renewed this long before it ends. */
const RENEW_MS = 60_000;
/** More in one page sends CrowdSec 1.4 into an endless loop when there are fewer. */
const PAGE = 100;
/** LAPI refuses a log-in whose user agent is not `name/version`. */
const USER_AGENT = { 'User-Agent': 'cordon/1' };

/** A ban in force. */
export interface Ban {
  alert: number;
  decision: number;
}

type Call<S extends z.ZodType> = Omit<HttpCall<S>, 'signal'>;

/** A CrowdSec local API, spoken to as a machine. Logs in when it must, and again when its token is refused. */
export class CrowdsecClient {
  readonly #login: HttpClient;
  readonly #http: HttpClient;
  #token: { value: string; until: number } | undefined;
  #loggingIn: Promise<string> | undefined;

  constructor(
    private readonly config: CrowdsecConfig,
    private readonly now: () => number = Date.now,
  ) {
    const options = {
      baseUrl: config.url,
      timeoutMs: config.timeoutMs,
      product: 'crowdsec',
      ca: config.ca,
    };
    this.#login = new HttpClient({ ...options, headers: () => USER_AGENT });
    this.#http = new HttpClient({
      ...options,
      headers: async () => ({ ...USER_AGENT, Authorization: `Bearer ${await this.#bearer()}` }),
    });
  }

  /** Reads one alert at most; fails when the address, the account or the product is not right. */
  async check(signal: AbortSignal): Promise<void> {
    const query = { limit: 1, include_capi: false };
    await this.#call({ method: 'GET', path: '/v1/alerts', query, reply: AlertList, what: 'check' }, signal);
  }

  /** Our bans of this address in force. */
  async bansOf(ip: string, signal: AbortSignal): Promise<Ban[]> {
    // Only decisions that were added by hand, as ours are: during an attack CrowdSec's own would fill the page.
    const query = { ip: canonicalIp(ip), has_active_decision: true, origin: ORIGIN, limit: PAGE };
    const call = { method: 'GET', path: '/v1/alerts', query, what: `read the bans of ${ip}` } as const;
    const alerts = await this.#call({ ...call, reply: z.array(BanAlert).nullable() }, signal);
    return (alerts ?? []).flatMap((alert) => this.#ourBans(alert, ip));
  }

  /** Every address that a ban of ours is in force for. Throws `unsupported` when there may be more than one page of them. */
  async banned(signal: AbortSignal): Promise<string[]> {
    const query = { has_active_decision: true, origin: ORIGIN, limit: PAGE };
    const call = { method: 'GET', path: '/v1/alerts', query, what: 'list our bans' } as const;
    const alerts = (await this.#call({ ...call, reply: z.array(BanAlert).nullable() }, signal)) ?? [];
    if (alerts.length >= PAGE)
      throw new CordonError('unsupported', `crowdsec: more than ${String(PAGE)} bans cannot be listed`);
    const values = alerts.flatMap(({ decisions }) => (decisions ?? []).map(({ value }) => value));
    return [...new Set(values.map(canonicalIp))].filter((ip) =>
      alerts.some((alert) => this.#ourBans(alert, ip).length > 0),
    );
  }

  /** The ban of this address that this alert made, while it is in force. */
  async banBy(alert: number, ip: string, signal: AbortSignal): Promise<Ban[]> {
    const path = `/v1/alerts/${String(alert)}`;
    const call = { method: 'GET', path, reply: BanAlert, what: `read the ban of ${ip}` } as const;
    const found = await orNothing(this.#call(call, signal));
    return found === undefined ? [] : this.#ourBans(found, ip);
  }

  /** Whether an alert was made by a ban of ours. */
  isOurs({ machine_id: machine, scenario }: LapiAlert): boolean {
    return machine === this.config.machineId && scenario.startsWith(OURS);
  }

  /** Adds a ban and returns the id of its alert. An address on an allowlist of CrowdSec is refused. */
  async ban(ip: string, context: CallContext): Promise<number> {
    if (await this.#isAllowlisted(ip, context.signal))
      throw new CordonError('rejected', `crowdsec: block ${ip}: it is on an allowlist of CrowdSec`);
    const what = `block ${ip}`;
    const body = [this.#banAlert(canonicalIp(ip), context.incident)];
    const ids = await this.#write(
      { method: 'POST', path: '/v1/alerts', body, reply: Created, what },
      context,
    );
    const [id] = ids;
    if (id === undefined) throw new CordonError('rejected', `crowdsec: ${what}: it was dropped`);
    return Number(id);
  }

  /** Ends one decision. */
  async lift(ip: string, decision: number, context: CallContext): Promise<void> {
    const path = `/v1/decisions/${String(decision)}`;
    await this.#write({ method: 'DELETE', path, reply: Deleted, what: `unblock ${ip}` }, context);
  }

  /** The newest alerts, as they came; without those of community blocklists. */
  async newest(signal: AbortSignal): Promise<unknown[]> {
    const list = (filter: Record<string, boolean>) =>
      this.#call(
        {
          method: 'GET',
          path: '/v1/alerts',
          query: { limit: PAGE, ...filter },
          reply: AlertList,
          what: 'list alerts',
        },
        signal,
      );
    // 1.4 takes "without the community" as "with decisions of its own", so alerts without any need a second list. That one
    // first: an alert is stored before its decisions are, and would be in neither the other way round.
    const bare = await list({ has_active_decision: false });
    const decided = await list({ include_capi: false });
    return [...(bare ?? []), ...(decided ?? [])];
  }

  /** One alert as it came; undefined when there is none with this id. */
  async alert(id: number, signal: AbortSignal): Promise<unknown> {
    const path = `/v1/alerts/${String(id)}`;
    const what = `read alert ${String(id)}`;
    return orNothing(this.#call({ method: 'GET', path, reply: z.unknown(), what }, signal));
  }

  async close(): Promise<void> {
    await Promise.all([this.#login.close(), this.#http.close()]);
  }

  async #isAllowlisted(ip: string, signal: AbortSignal): Promise<boolean> {
    const path = `/v1/allowlists/check/${segment(canonicalIp(ip))}`;
    const what = `look ${ip} up in the allowlists`;
    // Versions before 1.6.9 know no allowlists.
    const found = await orNothing(this.#call({ method: 'GET', path, reply: Allowlisted, what }, signal));
    return found?.allowlisted === true;
  }

  #ourBans(alert: BanAlert, ip: string): Ban[] {
    if (alert.machine_id !== this.config.machineId) return [];
    return (alert.decisions ?? [])
      .filter(
        ({ type, scope, value, scenario, simulated, duration }) =>
          type === 'ban' &&
          scope.toLowerCase() === 'ip' &&
          canonicalIp(value) === canonicalIp(ip) &&
          scenario.startsWith(OURS) &&
          !simulated &&
          remainingMs(duration) > 0,
      )
      .map(({ id }) => ({ alert: alert.id, decision: id }));
  }

  /** As `cscli decisions add` writes it. */
  #banAlert(ip: string, incident: string): object {
    const at = new Date(this.now()).toISOString();
    const scenario = `${OURS}${incident}`;
    const source = { scope: 'Ip', value: ip };
    return {
      scenario,
      scenario_hash: '',
      scenario_version: '',
      message: `Blocked by Cordon for ${incident}`,
      events_count: 1,
      start_at: at,
      stop_at: at,
      capacity: 0,
      leakspeed: '0',
      simulated: false,
      events: [],
      source: { ...source, ip },
      decisions: [
        { ...source, origin: ORIGIN, type: 'ban', duration: `${String(this.config.banHours)}h`, scenario },
      ],
    };
  }

  #write<S extends z.ZodType>(call: Call<S>, context: CallContext): Promise<z.output<S>> {
    return this.#call(call, context.signal, () => context.fence());
  }

  /** Calls; when a token that worked is refused, once more with a new one. A refused call has done nothing. */
  async #call<S extends z.ZodType>(
    call: Call<S>,
    signal: AbortSignal,
    before: () => Promise<void> = () => Promise.resolve(),
  ): Promise<z.output<S>> {
    const kept = this.#token;
    await before();
    try {
      return await this.#http.call({ ...call, signal });
    } catch (error) {
      if (kept === undefined || !(error instanceof CordonError) || error.type !== 'auth') throw error;
      if (this.#token === kept) this.#token = undefined;
      await before();
      return this.#http.call({ ...call, signal });
    }
  }

  async #bearer(): Promise<string> {
    if (this.#token !== undefined && this.#token.until > this.now()) return this.#token.value;
    // One log-in for all who wait. It has its own time limit: one caller who gives up does not fail the others.
    this.#loggingIn ??= this.#logIn().finally(() => {
      this.#loggingIn = undefined;
    });
    return this.#loggingIn;
  }

  async #logIn(): Promise<string> {
    const { machineId, password, timeoutMs } = this.config;
    const { token, expire } = await this.#login.call({
      method: 'POST',
      path: '/v1/watchers/login',
      body: { machine_id: machineId, password: password.reveal() },
      reply: LoginReply,
      signal: AbortSignal.timeout(timeoutMs),
      what: `log in as ${machineId}`,
      changesNothing: true,
    });
    const until = Date.parse(expire) - RENEW_MS;
    this.#token = { value: token, until: Number.isNaN(until) ? this.now() + RENEW_MS : until };
    return token;
  }
}

/** Undefined where the product answers that there is no such thing. */
async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CordonError && error.type === 'not_found') return undefined;
    throw error;
  }
}

/** One way of writing an address: `2001:DB8:0::1` and `2001:db8::1` are the same. */
export function canonicalIp(ip: string): string {
  return isIPv6(ip) ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** Milliseconds of a duration in Go's notation (`3h59m58s`, `-1m0s`). Throws when it is none. */
export function remainingMs(text: string): number {
  const parts = /^([-+]?)((?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+)$/.exec(text);
  if (parts === null) throw new CordonError('unexpected_reply', 'crowdsec: a duration cannot be read');
  let sum = 0;
  for (const [, number, unit] of (parts[2] ?? '').matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g))
    sum += Number(number) * (UNITS_MS[unit ?? ''] ?? 0);
  return parts[1] === '-' ? -sum : sum;
}
