import { CordonError } from '../../contracts/errors';
import type { AccountRef } from '../../contracts/values';
import { segment, type HttpClient } from '../kit/http';
import { Revoked, User, UserList } from './schemas';

/** Calls of the simulated identity provider. */
export class IdentityClient {
  constructor(private readonly http: HttpClient) {}

  /** The one account that a reference means. */
  async find(account: AccountRef, signal: AbortSignal): Promise<User> {
    const login = account.upn ?? account.name;
    const { users } = await this.http.call({
      method: 'GET',
      path: '/api/v1/users',
      query: { login },
      reply: UserList,
      signal,
      what: `find ${login}`,
    });
    const [first, second] = users;
    if (first === undefined)
      throw new CordonError('not_found', `simulated identity: no account named ${login}`);
    if (second !== undefined)
      throw new CordonError('rejected', `simulated identity: more than one account is named ${login}`);
    return first;
  }

  /** Every account that is disabled. */
  async disabled(signal: AbortSignal): Promise<User[]> {
    const { users } = await this.http.call({
      method: 'GET',
      path: '/api/v1/users',
      query: { enabled: false },
      reply: UserList,
      signal,
      what: 'list the disabled accounts',
    });
    return users;
  }

  disable(user: User, comment: string, signal: AbortSignal): Promise<User> {
    return this.#change(user, 'disable', { comment }, signal);
  }

  /** Enables the account; refused when its disablement is another than the one given. */
  enable(user: User, lockId: string | undefined, signal: AbortSignal): Promise<User> {
    return this.#change(user, 'enable', lockId === undefined ? {} : { lock_id: lockId }, signal);
  }

  revokeSessions(user: User, signal: AbortSignal): Promise<{ revoked: number }> {
    return this.http.call({
      method: 'POST',
      path: `/api/v1/users/${segment(user.id)}/revoke-sessions`,
      body: {},
      reply: Revoked,
      signal,
      what: `revoke sessions of ${user.login}`,
    });
  }

  #change(user: User, verb: 'disable' | 'enable', body: object, signal: AbortSignal): Promise<User> {
    return this.http.call({
      method: 'POST',
      path: `/api/v1/users/${segment(user.id)}/${verb}`,
      body,
      reply: User,
      signal,
      what: `${verb} ${user.login}`,
    });
  }
}
