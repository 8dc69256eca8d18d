import type { z } from 'zod';
import { segment, type HttpClient } from '../kit/http';
import { DatasetState, RestoreJob, Verification } from './schemas';

/** Calls of the simulated backup server. */
export class BackupClient {
  constructor(private readonly http: HttpClient) {}

  read(set: string, signal: AbortSignal): Promise<DatasetState> {
    return this.http.call({
      method: 'GET',
      path: path(set),
      reply: DatasetState,
      signal,
      what: `read dataset ${set}`,
    });
  }

  verify(
    set: string,
    before: string | undefined,
    signal: AbortSignal,
  ): Promise<z.output<typeof Verification>> {
    return this.http.call({
      method: 'POST',
      path: `${path(set)}/verify`,
      body: { before },
      reply: Verification,
      signal,
      what: `verify backup of ${set}`,
      changesNothing: true,
    });
  }

  restore(
    set: string,
    body: { reference: string; snapshot: string | undefined; before: string | undefined },
    signal: AbortSignal,
  ): Promise<RestoreJob> {
    return this.http.call({
      method: 'POST',
      path: `${path(set)}/restores`,
      body,
      reply: RestoreJob,
      signal,
      what: `restore ${set}`,
    });
  }

  job(id: string, signal: AbortSignal): Promise<RestoreJob> {
    return this.http.call({
      method: 'GET',
      path: `/api/v1/jobs/${segment(id)}`,
      reply: RestoreJob,
      signal,
      what: 'read a restore job',
    });
  }

  /** Puts back what a restore replaced. */
  revert(set: string, restore: string, signal: AbortSignal): Promise<DatasetState> {
    return this.http.call({
      method: 'DELETE',
      path: `${path(set)}/restores/${segment(restore)}`,
      reply: DatasetState,
      signal,
      what: `revert restore of ${set}`,
    });
  }
}

const path = (set: string): string => `/api/v1/datasets/${segment(set)}`;
