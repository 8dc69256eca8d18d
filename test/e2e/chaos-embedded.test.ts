import { embedded } from '../support/chaos-installations';
import { chaosRounds, ROUNDS } from '../support/chaos-round';

test(
  'kill -9 of the one process, of Temporal and of both in the middle of 50 incidents loses and repeats nothing',
  async () => {
    const { problems, kills, open, p95 } = await chaosRounds(embedded);
    expect(problems).toEqual([]);
    expect(kills).toBe(3 * ROUNDS);
    expect(open).toBeGreaterThan(10);
    // The next step of a run comes within 10 s of the ready line.
    expect(p95).toBeLessThan(10_000);
  },
  600_000 * ROUNDS,
);
