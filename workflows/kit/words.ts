import type { ActionCall, ActionId } from '../../contracts/actions';
import type { ScanKind } from '../../contracts/scans';
import { ask, type AnswerOf, type Fields, type Question } from './ask';
import { alerted, decide, note } from './decide';
import { seconds, type Duration } from './duration';
import { PlaybookError } from './failure';
import { widen } from './find';
import type { Additions, Finding } from './finding';
import type { Order } from './ledger';
import { collect, give, watch, type Only, type Speaker } from './phases';
import type { Run } from './run';
import type { LiveSet, Scope, SetName } from './scope';
import { waitFor, type Matcher, type WaitFor } from './wait-for';

const COLLECT_PATIENCE: Duration = '5m';
const MOST_WITHIN = 3;

type Make<T> = (target: T) => ActionCall | readonly ActionCall[];
type Phrase<O> = <T>(title: string, over: LiveSet<T>, make: Make<T>, options: O) => Promise<void>;

interface Decide {
  (title: string, fact: boolean): boolean;
  <T extends string>(title: string, fact: T, among?: readonly T[]): T;
}

/**
 * The words of a playbook. Each phase is a standing order over a live set: it resolves when every item of the targets
 * known now is settled, and it also meets what joins later, until the incident leaves recovery.
 */
export interface Words {
  readonly scope: Pick<Scope, SetName | 'firstSeen'>;
  /**
   * Evidence and findings, before anything changes: returns what was said about each target. Goes on beside the playbook after five
   * minutes, or `within`. What `found` returns of a finding joins the scope, also of targets that join later.
   */
  readonly collect: <T, A extends ActionId>(
    title: string,
    over: LiveSet<T>,
    make: (target: T) => ActionCall<A> | readonly ActionCall<A>[],
    options?: {
      readonly within?: Duration;
      readonly found?: (finding: Finding<T, A>) => Additions | undefined;
    },
  ) => Promise<readonly Finding<T, A>[]>;
  /**
   * Puts what was found into the scope: standing orders meet it, and people are asked for what is new only. Returns the keys of what
   * it is by the assets.
   */
  readonly widen: (why: string, additions: Additions) => Promise<ReadonlySet<string>>;
  /** Whether an alert of the incident is such a one; about one thing, where that is given. What joins later is seen as well. */
  readonly alerted: (what: Matcher, about?: { readonly key: string }) => boolean;
  /**
   * Takes a named branch: returns the fact, and records which way the run went. `among`: all ways there are, where the fact is a word;
   * graph and coverage know of those only.
   */
  readonly decide: Decide;
  /** Writes a sentence of the playbook's own into the journal. */
  readonly note: (text: string) => void;
  /**
   * Asks people and waits for the answer, days if need be; phases beside it go on. `about` names the matter where the same is asked
   * of several. An answer is information: it approves nothing.
   */
  readonly ask: <F extends Fields>(
    question: Question<F>,
    options?: { readonly about?: string },
  ) => Promise<AnswerOf<F>>;
  /** Waits for a time, or for an alert that joins from now on; `undefined` when none has come within the time. */
  readonly waitFor: WaitFor;
  /**
   * Lets the body of another playbook go on within this run, by `id@version`. Its orders are its own groups; the watch that it wants
   * is taken at the end, and the longest counts. With `only`, its orders are for these targets; one that an alert makes such a target
   * later meets them then.
   */
  readonly subPlaybook: (ref: `${string}@${number}`, options?: { readonly only?: Only }) => Promise<void>;
  /** What stops the damage. Each effect is leased: nobody forgets it. */
  readonly contain: Phrase<{ lease: Duration }>;
  /** What removes the cause; under the lease, where it can be taken back. With `onFind`, findings of a scan are quarantined and the host is scanned again. */
  readonly eradicate: <T>(
    title: string,
    over: LiveSet<T>,
    make: Make<T>,
    options?: { onFind?: 'quarantine'; lease: Duration },
  ) => Promise<void>;
  /** Brings back what was lost. `verify: 'first'` restores only backups that prove intact and not dirty. Waits while a containment or eradication that failed is undecided. */
  readonly recover: <T>(
    title: string,
    over: LiveSet<T>,
    make: Make<T>,
    options?: { verify: 'first' },
  ) => Promise<void>;
  /** Lifts what this run contained on the targets; hosts with `when: 'clean'` only after a clean scan, or when a lead approves. `by` names the scans that must all be clean; the antivirus when left out. */
  readonly release: <T>(
    over: LiveSet<T>,
    options?: { when: 'clean'; by?: readonly ScanKind[] },
  ) => Promise<void>;
  /** Waits. An attacker who comes back is contained, cleaned and released again, and the watch starts over, five times at most. */
  readonly watch: (duration: Duration, options: { onRecurrence: 'contain' }) => Promise<void>;
}

/** Binds the words to a run, for its playbook or for one within that. */
export function words(run: Run, within: readonly string[] = [], only: Only = {}): Words {
  const speaker: Speaker = { run, within, only };
  return {
    scope: run.scope,
    collect: async (title, over, make, options) => {
      const found = options?.found as Order['found'];
      const order = {
        kind: 'collect',
        leaseSeconds: null,
        ...(found === undefined ? {} : { found }),
      } as const;
      const patienceMs = seconds(options?.within ?? COLLECT_PATIENCE) * 1000;
      // What was said of a target was said of what is in this set, by the actions that `make` makes.
      return (await collect(speaker, patienceMs, order, title, over, make)) as never;
    },
    widen: (why, additions) => widen(run, why, additions),
    alerted: (what, about) => alerted(run, what, about),
    decide: <T extends boolean | string>(title: string, fact: T, among?: readonly T[]): T =>
      decide(run, title, fact, among),
    note: (text) => {
      note(run, text);
    },
    ask: (question, options) => ask(run, question, options?.about ?? ''),
    waitFor: ((what) => waitFor(run, what)) as WaitFor,
    subPlaybook: (ref, options) => subPlaybook(speaker, ref, options?.only ?? {}),
    contain: (title, over, make, { lease }) =>
      give(speaker, { kind: 'contain', leaseSeconds: seconds(lease) }, title, over, make),
    eradicate: (title, over, make, options) =>
      give(
        speaker,
        {
          kind: 'eradicate',
          leaseSeconds: options === undefined ? null : seconds(options.lease),
          ...(options?.onFind === undefined ? {} : { onFind: options.onFind }),
        },
        title,
        over,
        make,
      ),
    recover: (title, over, make, options) =>
      give(
        speaker,
        { kind: 'recover', leaseSeconds: null, ...(options === undefined ? {} : { verify: options.verify }) },
        title,
        over,
        make,
      ),
    release: (over, options) =>
      give(
        speaker,
        {
          kind: 'release',
          leaseSeconds: null,
          ...(options === undefined ? {} : { when: options.when }),
          ...(options?.by === undefined ? {} : { by: options.by }),
        },
        `Release ${over.name}`,
        over,
        () => [],
      ),
    watch: async (duration) => {
      run.check();
      if (within.length === 0) await watch(run, seconds(duration));
      else run.wantedWatchSeconds = Math.max(run.wantedWatchSeconds, seconds(duration));
    },
  };
}

async function subPlaybook({ run, within, only }: Speaker, ref: string, its: Only): Promise<void> {
  run.check();
  const playbook = run.playbooks.find((one) => one.ref === ref);
  if (playbook === undefined)
    throw new PlaybookError(
      `There is no playbook ${ref}; there are ${run.playbooks.map((one) => one.ref).join(', ')}`,
    );
  if (within.length >= MOST_WITHIN)
    throw new PlaybookError(
      `${[...within, ref].join(' > ')}: that many playbooks within each other are not let`,
    );
  run.tellings.tell({ kind: 'playbook', playbook: ref });
  await playbook.run(words(run, [...within, ref], { ...only, ...its }) as never);
}
