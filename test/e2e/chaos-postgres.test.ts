import { onPostgres } from '../support/chaos-installations';
import { chaosRounds, ROUNDS } from '../support/chaos-round';

test(
  'kill -9 of worker, server, Temporal, PostgreSQL and of all in the middle of 50 incidents loses and repeats nothing',
  async () => {
    const { problems, kills, open, p95, pace } = await chaosRounds(onPostgres);
    expect(problems).toEqual([]);
    expect(kills).toBe(5 * ROUNDS);
    expect(open).toBeGreaterThan(10);
    // The next step of a run comes within 10 s of the ready line, beside what a step takes on this machine without any kill.
    expect(p95 - pace).toBeLessThan(10_000);
  },
  600_000 * ROUNDS,
);
