import { onPostgres } from '../support/chaos-installations';
import { chaosRounds, ROUNDS } from '../support/chaos-round';

test(
  'kill -9 of worker, server, Temporal, PostgreSQL and of all in the middle of 50 incidents loses and repeats nothing',
  async () => {
    const { problems, kills, open, p95 } = await chaosRounds(onPostgres);
    expect(problems).toEqual([]);
    expect(kills).toBe(5 * ROUNDS);
    expect(open).toBeGreaterThan(10);
    // The next step of a run comes within 10 s of the ready line.
    expect(p95).toBeLessThan(10_000);
  },
  600_000 * ROUNDS,
);
