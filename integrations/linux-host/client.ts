import type { z } from 'zod';
import { CordonError, type ErrorType } from '../../contracts/errors';
import type { HostRef } from '../../contracts/values';
import { findHost } from '../kit/hosts';
import { sshExec } from '../kit/ssh';
import { AgentFailure, FileReply, IsolationReply, TriageReply, type LinuxHostConfig } from './schemas';

const FAILURES: Record<z.output<typeof AgentFailure>['error'], { type: ErrorType; maybeApplied: boolean }> = {
  invalid_input: { type: 'invalid_input', maybeApplied: false },
  not_found: { type: 'not_found', maybeApplied: false },
  rejected: { type: 'rejected', maybeApplied: false },
  exists: { type: 'rejected', maybeApplied: false },
  misconfigured: { type: 'rejected', maybeApplied: false },
  refused: { type: 'unsupported', maybeApplied: false },
  unavailable: { type: 'unavailable', maybeApplied: false },
  not_verified: { type: 'not_verified', maybeApplied: true },
  internal: { type: 'internal', maybeApplied: true },
};

function encodePath(path: string): string {
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new CordonError('invalid_input', 'expected an absolute path');
  }
  return Buffer.from(path, 'utf8').toString('base64');
}

function parseReply<S extends z.ZodType>(text: string, schema: S, what: string): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CordonError('unexpected_reply', `${what}: the agent's reply is not JSON`, { cause });
  }
  const failure = AgentFailure.safeParse(json);
  if (failure.success) {
    const { type, maybeApplied } = FAILURES[failure.data.error];
    throw new CordonError(type, `${what}: ${failure.data.message}`, { maybeApplied });
  }
  const reply = schema.safeParse(json);
  if (reply.success) return reply.data;
  throw new CordonError('unexpected_reply', `${what}: the agent's reply does not fit`, {
    cause: reply.error,
  });
}

/** Cordon's agent on each of the hosts, one method a verb. */
export class LinuxHostClient {
  constructor(private readonly config: LinuxHostConfig) {}

  get hostNames(): string[] {
    return Object.keys(this.config.hosts);
  }

  async status(host: HostRef, signal: AbortSignal) {
    return await this.#call(host, ['status'], IsolationReply, signal);
  }

  async isolate(host: HostRef, tag: string, signal: AbortSignal) {
    return await this.#call(host, ['isolate', tag], IsolationReply, signal);
  }

  /** Lifts the isolation that carries this tag; any, when there is none to go by. */
  async release(host: HostRef, tag: string | undefined, signal: AbortSignal) {
    if (tag !== undefined && !/^[A-Za-z0-9-]{1,100}$/.test(tag)) {
      throw new CordonError('invalid_input', 'the token is not one of ours');
    }
    return await this.#call(host, ['release', tag ?? 'any'], IsolationReply, signal);
  }

  async fileStatus(host: HostRef, path: string, signal: AbortSignal) {
    return await this.#call(host, ['file-status', encodePath(path)], FileReply, signal);
  }

  async quarantine(host: HostRef, path: string, sha256: string | undefined, signal: AbortSignal) {
    const words = ['quarantine', encodePath(path), ...(sha256 === undefined ? [] : [sha256])];
    return await this.#call(host, words, FileReply, signal);
  }

  async restoreFile(host: HostRef, path: string, sha256: string, signal: AbortSignal) {
    return await this.#call(host, ['restore-file', sha256, encodePath(path)], FileReply, signal);
  }

  async triage(host: HostRef, signal: AbortSignal) {
    return await this.#call(host, ['triage'], TriageReply, signal, this.config.triageTimeoutMs);
  }

  async #call<S extends z.ZodType>(
    ref: HostRef,
    words: readonly string[],
    schema: S,
    signal: AbortSignal,
    timeoutMs = this.config.callTimeoutMs,
  ): Promise<z.output<S>> {
    const { name, host } = findHost(this.config.hosts, ref);
    const what = `${words[0] ?? ''} on ${name}`;
    const { connectTimeoutMs, privateKey } = this.config;
    const target = { ...host, privateKey };
    const { stdout } = await sshExec(target, {
      command: words.join(' '),
      connectTimeoutMs,
      timeoutMs,
      signal,
      what,
      maxBytes: 200 * 1024 * 1024,
    });
    // The exit status adds nothing: the agent says in its reply whether it did it.
    return parseReply(stdout.toString('utf8'), schema, what);
  }
}
