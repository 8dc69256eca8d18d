import type { Command, IncidentInput, RunStatus, Telling } from '../../contracts/messages';
import { matching, type Playbook } from './define-playbook';
import type { Host } from './host';
import { noteFailure } from './failure';
import { takeAdded } from './find';
import { endWatch, recur } from './phases';
import { catchUp, meetAgain, retry } from './pursue';
import { Run, RunEnded, type Ending } from './run';
import { SET_NAMES } from './scope';
import { words } from './words';

const CLOSE_AGAIN_MS = 5000;
const HOUR_MS = 3_600_000;

/** What the outside may do to a run. All of it only records; the run acts. */
export interface IncidentLife {
  newAlerts(): void;
  wake(): void;
  command(command: Command): void;
  /** Why a command cannot be obeyed; null when it can. */
  refusal(command: Command): string | null;
  status(): RunStatus;
  /** All that the run has told for the record. */
  told(): readonly Telling[];
  /** Why the playbook broke, where it did; the run then waits for a person. */
  failure(): unknown;
  /** The whole life of the incident; resolves when it is closed. */
  live(): Promise<void>;
}

function resolveItem(run: Run, command: Extract<Command, { kind: 'resolve_item' }>): void {
  const entry = run.ledger.failure(command.item);
  if (entry === undefined) return;
  const { order, planned } = entry;
  entry.resolved = true;
  if (command.resolution === 'skip') return;
  run.retries += 1;
  run.spawn(async () => {
    await retry(run, order, planned);
    run.retries -= 1;
  });
}

type Steering = Extract<Command, { kind: 'pause' | 'resume' | 'extend_watch' }>;

function steer(run: Run, command: Steering): void {
  if (command.kind === 'extend_watch') {
    if (run.watchExtension !== undefined) run.watchExtension.ms += command.hours * HOUR_MS;
  } else if (command.kind === 'pause') {
    run.paused = { by: command.by };
    run.ledger.note('paused', `paused by ${command.by}: ${command.reason}`, true);
  } else {
    run.paused = undefined;
    run.ledger.clear('paused');
  }
  run.spawn(() =>
    run.inTurn(async () => {
      await run.host.updateIncident({ incident: run.input.number, command });
      await run.flush();
    }),
  );
}

/** Why a run cannot be steered so; null when it can. */
function refusalToSteer(run: Run, command: Command): string | null {
  switch (command.kind) {
    case 'pause':
      return run.paused === undefined ? null : `it is already paused by ${run.paused.by}`;
    case 'resume':
      return run.paused === undefined ? 'it is not paused' : null;
    case 'extend_watch':
      return run.watchExtension === undefined ? `no watch is under way: the phase is ${run.phase}` : null;
    default:
      return null;
  }
}

type Targeting = Extract<Command, { kind: 'add_target' | 'remove_target' }>;

/** In their order: what rode in the start input already is not obeyed again. */
function target(run: Run, command: Targeting): void {
  if (command.kind === 'add_target') takeAdded(run, command, `added by ${command.by}: ${command.reason}`);
  else if (command.seq > run.seenTargetSeq) {
    run.seenTargetSeq = command.seq;
    run.remove(command.targets);
  }
  run.wake();
}

/** What people had added and taken out before there was a run. */
function steered(run: Run, { seq, added, removed }: NonNullable<IncidentInput['targets']>): void {
  run.remove(removed);
  for (const { scope } of added) {
    const found = { occurredAt: new Date(run.host.now()).toISOString(), scope };
    run.scope.absorb(found);
    run.additions.push(found);
  }
  run.seenTargetSeq = Math.max(run.seenTargetSeq, seq);
}

function obey(run: Run, command: Command): void {
  if (run.commands.has(command.id) || run.closed) return;
  run.commands.set(command.id, command);
  if (command.kind === 'pause' || command.kind === 'resume' || command.kind === 'extend_watch') {
    steer(run, command);
    run.wake();
    return;
  }
  if (command.kind === 'add_target' || command.kind === 'remove_target') {
    target(run, command);
    return;
  }
  run.spawn(async () => {
    await run.host.updateIncident({ incident: run.input.number, command });
  });
  const { by, reason } = command;
  if (command.kind === 'resolve_item') resolveItem(run, command);
  else if (command.kind === 'detach_alert') run.detach(command.alert, command.seq);
  else if (command.kind === 'close') run.ended ??= { verdict: run.verdict, by, reason, rollBack: false };
  else {
    run.verdict = command.verdict;
    if (command.verdict === 'false_positive')
      run.ended = { verdict: command.verdict, by, reason, rollBack: true };
  }
  run.wake();
}

function choose(run: Run, playbooks: readonly Playbook[]): Playbook | undefined {
  const [best, ...others] = matching(playbooks, run.alerts);
  const wanted = run.input.playbook;
  const chosen = wanted === undefined ? best : playbooks.find(({ ref }) => ref === wanted);
  if (chosen !== undefined) {
    run.playbook = chosen.ref;
    run.offered = [best, ...others].flatMap((one) => (one === undefined || one === chosen ? [] : [one.ref]));
  }
  return chosen;
}

/** Analysis until an alert brings a playbook, or a person ends it. */
async function playbookFor(run: Run, playbooks: readonly Playbook[]): Promise<Playbook> {
  for (;;) {
    const chosen = choose(run, playbooks);
    if (chosen !== undefined) {
      run.ledger.clear('playbook');
      return chosen;
    }
    const wanted = run.input.playbook;
    run.ledger.note(
      'playbook',
      wanted === undefined ? 'no playbook answers these alerts' : `no playbook ${wanted}`,
      true,
    );
    run.enter('analysis');
    await run.flush();
    const seen = run.seenAlertSeq;
    await run.until(() => run.seenAlertSeq > seen);
  }
}

async function firstLife(run: Run, playbooks: readonly Playbook[]): Promise<void> {
  const playbook = await playbookFor(run, playbooks);
  for (const name of SET_NAMES) for (const { key } of run.scope[name].targets()) run.caughtUp.add(key);
  await playbook.run(words(run));
  await endWatch(run);
}

/**
 * A playbook that breaks must not take its run along: what is in force stays, standing orders go on, and a person is told where it
 * broke. It ends by a RunEnded.
 */
async function orHold(run: Run, doWork: () => Promise<void>): Promise<void> {
  let work = doWork;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (error instanceof RunEnded || run.host.isEnd(error) || !run.recover()) throw error;
      noteFailure(run, error);
      work = async () => {
        await run.flush();
        await run.until(() => false);
      };
    }
  }
}

/** Does the work and the waiting for people; says how it ended. */
async function work(run: Run, doWork: () => Promise<void>): Promise<Ending> {
  const byItself = (): Ending => ({
    verdict: run.verdict,
    by: 'cordon',
    reason: 'the playbook has ended',
    rollBack: false,
  });
  try {
    await orHold(run, doWork);
    await run.until(() => !run.busy);
    run.standing = false;
    run.enter('post_incident');
    await run.flush();
    await run.until(() => (!run.ledger.needsPerson() && !run.busy) || run.hits.length > 0);
  } catch (error) {
    // A person has ended it: what is in force stays in force, unless the verdict says otherwise.
    if (!(error instanceof RunEnded)) throw error;
  }
  run.standing = false;
  await run.quiet();
  return run.ended ?? byItself();
}

/** Closes; false when alerts joined that the run has not seen, which must then be answered. */
async function close(run: Run, ending: Ending): Promise<boolean> {
  const incident = run.input.number;
  if (ending.rollBack) {
    const { failed } = await run.host.rollBack({ incident, by: ending.by, reason: ending.reason });
    if (failed > 0)
      run.ledger.note(
        'rollback',
        `${failed} containment(s) could not be lifted yet: they are tried again`,
        false,
      );
  }
  await run.flush();
  const { verdict, reason } = ending;
  const answer = await run.host.updateIncident({
    incident,
    close: {
      verdict,
      reason,
      seenAlertSeq: run.seenAlertSeq,
      ...(run.seenTargetSeq === 0 ? {} : { seenTargetSeq: run.seenTargetSeq }),
    },
  });
  if (answer.closed || !answer.moreAlerts) return true;
  run.ended = undefined;
  run.newAlerts();
  await run.quiet();
  if (run.hits.length === 0) await run.host.sleep(CLOSE_AGAIN_MS);
  return false;
}

/** Makes the life of an incident on a host. */
export function incidentLife(host: Host, input: IncidentInput, playbooks: readonly Playbook[]): IncidentLife {
  const run = new Run(host, input, playbooks);
  if (input.targets !== undefined) steered(run, input.targets);
  const live = async (): Promise<void> => {
    run.absorb(input.alerts);
    if (input.alerts.length === 50) run.newAlerts();
    run.onTouched = (touched) => meetAgain(run, touched);
    run.startPump((late) => run.spawn(() => catchUp(run, late)));
    let ending = await work(run, () => firstLife(run, playbooks));
    for (;;) {
      if ((run.ended !== undefined || run.hits.length === 0) && (await close(run, ending))) break;
      ending = await work(run, () => (run.playbook === null ? firstLife(run, playbooks) : recur(run)));
    }
    run.closed = true;
  };
  return {
    newAlerts: () => run.newAlerts(),
    wake: () => run.wake(),
    command: (command) => obey(run, command),
    refusal: (command) => {
      if (run.closed) return 'the incident is closed';
      if (run.commands.has(command.id)) return null;
      const unknown = command.kind === 'resolve_item' && run.ledger.failure(command.item) === undefined;
      return unknown ? `no failed item ${command.item}` : refusalToSteer(run, command);
    },
    status: () => run.status(),
    told: () => run.tellings.all,
    failure: () => run.failure?.error,
    live,
  };
}
