import { setTimeout as pause } from 'node:timers/promises';
import type { JournalEntry } from '../../contracts/journal';
import {
  hostOf,
  incidentAlert,
  isInfected,
  joiningAlert,
  NOTHING,
  percentile,
  recoveries,
  Chaos,
} from './chaos';
import { INFECTED, startChaosEstate } from './chaos-estate';
import type { Installation } from './chaos-installations';
import { SeededRandom } from './seeded-random';

/** How many rounds of kills; more than one is for a long look. */
export const ROUNDS = Number(process.env['CORDON_CHAOS_ROUNDS'] ?? 1);
const SEED = Number(process.env['CORDON_CHAOS_SEED'] ?? Date.now() % 1_000_000);
const INCIDENTS = 50;
/** So many runs at least are under way at each kill. */
const OPEN = 25;
const MORE = 20;

/** Straight to the terminal: the seed must be seen also when the test fails or hangs. */
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

export interface Outcome {
  kills: number;
  open: number;
  p50: number;
  p95: number;
  /** The same where nothing was killed: the pace of the machine. */
  pace: number;
  problems: string[];
}

/** 50 incidents a round, and one kill of each part of the installation in the middle of them; then everything is counted. */
export async function chaosRounds(
  install: (configFile: string) => Promise<Installation>,
  rounds = ROUNDS,
): Promise<Outcome> {
  const random = new SeededRandom(SEED);
  const most = rounds * INCIDENTS * 4;
  const infected = Array.from({ length: most }, (_, n) => n)
    .filter(isInfected)
    .map(hostOf);
  const estate = await startChaosEstate(random, infected);
  const installation = await install(estate.configFile);
  say(`chaos ${installation.name}: seed ${String(SEED)}, rounds ${String(rounds)}`);
  const chaos = new Chaos(installation, estate, random);
  const sending: Promise<void>[] = [];
  let sent = 0;
  const sendMore = (count: number): void => {
    for (let n = sent; n < sent + count; n += 1) {
      sending.push(chaos.send(incidentAlert(n)));
      const joining = joiningAlert(n);
      if (joining !== undefined)
        sending.push(pause(random.between(500, 15_000)).then(() => chaos.send(joining)));
    }
    sent += count;
  };
  try {
    await installation.start();
    chaos.startApproving();
    for (let round = 0; round < rounds; round += 1) {
      sendMore(INCIDENTS);
      await pause(random.between(1_000, 4_000));
      await chaos.allMoved(chaos.pretend());
      for (const target of random.shuffled(installation.targets)) {
        const open = (await chaos.incidents()).filter(({ phase }) => phase !== 'monitoring').length;
        if (open < OPEN) sendMore(MORE);
        await chaos.moment();
        await chaos.allMoved(await chaos.kill(target));
      }
      await Promise.all(sending);
      await chaos.allDone(sent);
    }
    return await count(chaos, sent);
  } finally {
    await chaos.stop();
    await Promise.allSettled(sending);
    await installation.stop();
    await estate.stop();
  }
}

/** Compares what was promised, what the journal says, what the leases say, and what the products counted. */
async function count(chaos: Chaos, sent: number): Promise<Outcome> {
  const problems: string[] = [];
  const timelines = await chaos.timelines();
  const entries = [...timelines.values()].flat();
  if (timelines.size !== sent)
    problems.push(`${String(timelines.size)} incidents of ${String(sent)} first alerts`);

  const joined = new Set(
    entries.filter(({ kind }) => kind === 'alert_joined').map(({ data }) => data['alert'] as string),
  );
  for (const [id, alert] of chaos.accepted)
    if (!joined.has(alert)) problems.push(`the alert ${id} was answered with 202 and is in no incident`);

  problems.push(...decisionProblems(chaos, entries), ...effectProblems(chaos, entries));

  const inForce = chaos.estate.inForce();
  const leased = await chaos.leasesInForce();
  for (const one of inForce) if (!leased.has(one)) problems.push(`in force without a lease: ${one}`);
  for (const one of leased) if (!inForce.has(one)) problems.push(`leased but not in force: ${one}`);
  if (![...inForce].some((one) => one.includes(INFECTED))) problems.push('no file is in quarantine');
  if (!leased.has('endpoint.isolate_host host:keep-ws-3'))
    problems.push('the host that is kept is not isolated');

  const report = await chaos.read<{ ok: boolean; problems: unknown[] }>('/journal/verify');
  if (!report.ok) problems.push(`the journal: ${JSON.stringify(report.problems.slice(0, 5))}`);

  const measured = recoveries(chaos.kills, timelines);
  for (const { target, at, readyAt } of chaos.kills) {
    const times = measured.filter((one) => one.target === target).map(({ ms }) => ms);
    say(
      `  ${target}: down ${String(readyAt - at)} ms, ${String(times.length)} runs of this kind measured, ` +
        `p50 ${String(percentile(times, 0.5))} ms, p95 ${String(percentile(times, 0.95))} ms`,
    );
  }
  const all = measured.filter(({ target }) => target !== NOTHING).map(({ ms }) => ms);
  const calm = measured.filter(({ target }) => target === NOTHING).map(({ ms }) => ms);
  const outcome = {
    kills: chaos.kills.filter(({ target }) => target !== NOTHING).length,
    open: all.length,
    p50: percentile(all, 0.5),
    p95: percentile(all, 0.95),
    pace: percentile(calm, 0.95),
    problems,
  };
  const { lostReplies } = chaos.estate;
  say(
    JSON.stringify({
      incidents: timelines.size,
      alerts: chaos.accepted.size,
      decisions: chaos.decided.size,
      lostReplies: lostReplies(),
      ...outcome,
    }),
  );
  return outcome;
}

/** Every decision that was answered with 202 is in the journal once, and its item was settled by it. */
function decisionProblems(chaos: Chaos, entries: readonly JournalEntry[]): string[] {
  const recorded = new Map<string, number>();
  const settled = new Map<string, unknown>();
  for (const { kind, data } of entries) {
    const decision = data['decision'] as string;
    if (kind === 'decision_recorded') recorded.set(decision, (recorded.get(decision) ?? 0) + 1);
    if (kind === 'approval_settled')
      settled.set(`${data['request'] as string} ${data['itemHash'] as string}`, data['status']);
  }
  const problems: string[] = [];
  for (const [id, { request, verdict, items }] of chaos.decided) {
    if (recorded.get(id) !== 1)
      problems.push(
        `the decision ${id} was answered with 202 and is recorded ${String(recorded.get(id) ?? 0)} times`,
      );
    const wanted = verdict === 'approve' ? 'approved' : 'denied';
    for (const item of items)
      if (settled.get(`${request} ${item}`) !== wanted)
        problems.push(
          `${verdict} of ${item} in ${request} ended as ${String(settled.get(`${request} ${item}`))}`,
        );
  }
  return problems;
}

/** All that the journal says of an effect and what takes it back, for whoever looks into a problem. */
function traceOf(name: string, entries: readonly JournalEntry[]): string {
  const [, target = name] = name.split(' ', 2);
  return entries
    .filter(({ data }) => data['target'] === target)
    .map(({ incident, seq, at, kind, data }) => JSON.stringify({ incident, seq, at, kind, ...data }))
    .join('\n')
    .slice(0, 10_000);
}

/** What the products count as applied is what the journal says that we did: nothing twice, nothing that no run knows of. */
function effectProblems(chaos: Chaos, entries: readonly JournalEntry[]): string[] {
  const problems: string[] = [];
  const done = new Map<string, number>();
  for (const { kind, data, incident } of entries) {
    if (kind !== 'action_settled') continue;
    const name = `${data['action'] as string} ${data['target'] as string}`;
    if (data['status'] === 'succeeded') done.set(name, (done.get(name) ?? 0) + 1);
    else if (data['status'] !== 'already')
      problems.push(
        `${incident}: ${name} ended as ${JSON.stringify(data['status'])}: ${JSON.stringify(data['failure'])}`,
      );
  }
  for (const [name, times] of chaos.estate.applied())
    if (times !== done.get(name))
      problems.push(
        `${name}: applied ${String(times)} times, settled ${String(done.get(name) ?? 0)} times: ${traceOf(name, entries)}`,
      );
  return problems;
}
