import { freemem } from 'node:os';
import {
  Worker,
  type WorkerDeploymentOptions,
  type NativeConnection,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { Versioning } from './env';
import { dataConverter } from './payload-codec';
import { STICKY_SCHEDULE_TO_START_MS } from './timeouts';

/** Measured: one waiting incident holds about this much of the worker's memory. */
const CACHED_WORKFLOW_BYTES = 360 * 1024;
const MIN_CACHED = 50;
const MAX_CACHED = 2000;
/** A task's time runs from when it is fetched: after a kill, fifty that are fetched at once would time out while they are replayed. */
const WORKFLOW_TASKS_AT_ONCE = 12;

export interface WorkerOptions {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  activities: object;
  workflowBundle: WorkflowBundleOption;
  /** Left out: a worker without a version takes every run, as long as there is no other kind. */
  versioning?: Versioning | undefined;
}

/** How many runs to keep in memory: a tenth of what is free. The others are replayed when something happens to them. */
export function cachedWorkflows(freeBytes = freemem()): number {
  return Math.max(MIN_CACHED, Math.min(MAX_CACHED, Math.floor(freeBytes / 10 / CACHED_WORKFLOW_BYTES)));
}

const deploymentOf = ({ deployment, buildId, behavior }: Versioning): WorkerDeploymentOptions => ({
  version: { deploymentName: deployment, buildId },
  useWorkerVersioning: true,
  defaultVersioningBehavior: behavior === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE',
});

/** The worker of all Cordon processes and tests; the caller runs it and shuts it down. */
export function createWorker({
  connection,
  namespace,
  taskQueue,
  activities,
  workflowBundle,
  versioning,
}: WorkerOptions): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue,
    activities,
    workflowBundle,
    ...(versioning === undefined ? {} : { workerDeploymentOptions: deploymentOf(versioning) }),
    dataConverter: dataConverter(),
    maxCachedWorkflows: cachedWorkflows(),
    maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS_AT_ONCE,
    stickyQueueScheduleToStartTimeout: STICKY_SCHEDULE_TO_START_MS,
    shutdownGraceTime: '10s',
    shutdownForceTime: '20s',
  });
}
