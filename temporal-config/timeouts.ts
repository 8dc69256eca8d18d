/** How long a task waits for the worker that has the run cached before any worker may have it (default 10 s). */
export const STICKY_SCHEDULE_TO_START_MS = 2_000;

/** Closed runs are kept this long in the namespace that Cordon makes. The record that stands is the journal, not Temporal's history. */
export const RETENTION_DAYS = 30;
