import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import Table from 'cli-table3';
import { Command } from 'commander';
import { measure } from './measure';
import { stopChildren } from './processes';
import { SHAPES, TITLE } from './shapes';
import { METRICS, summarise, type Metric, type Spread, type Summary } from './statistics';
import { ENGINES, type Round, type Size } from './types';

const FULL: Size = { rounds: 5, warmUp: 150, single: 30, burst: 200, concurrency: 20 };
const QUICK: Size = { rounds: 1, warmUp: 4, single: 5, burst: 20, concurrency: 20 };

const HEADS: Readonly<Record<Metric, string>> = {
  incidentsPerSecond: 'incidents per second',
  firstActionMs: 'to the first action, ms (median)',
  firstActionP95Ms: 'to the first action, ms (p95)',
  thirdActionMs: 'to the third action, ms (median)',
  cpuMsPerIncident: 'CPU ms per incident',
  temporalCpuMsPerIncident: '  of which the Temporal server',
};

interface Options {
  quick?: boolean;
  json?: boolean;
  rounds?: string;
  profile?: string;
}

function print(summary: Summary): void {
  const number = (value: number, digits: number): string => value.toFixed(digits);
  const cell = ({ median, min, max }: Spread, digits: number): string =>
    `${number(median, digits)}  (${number(min, digits)} – ${number(max, digits)})`;
  for (const shape of SHAPES) {
    const table = new Table({
      style: { head: [], border: [] },
      head: [TITLE[shape], 'Cordon', 'bare Temporal', 'Cordon ÷ bare', 'floor', 'floor ÷ bare'],
    });
    for (const metric of METRICS) {
      const { cordon, baseline, ratio, floor, floorRatio } = summary[shape][metric];
      const cells = [cell(cordon, 1), cell(baseline, 1), cell(ratio, 2), cell(floor, 1), cell(floorRatio, 2)];
      table.push([HEADS[metric], ...cells]);
    }
    console.log(table.toString());
  }
  console.log('Median (smallest – largest) over the rounds.');
}

async function main(options: Options): Promise<void> {
  const size = { ...(options.quick === true ? QUICK : FULL) };
  if (options.rounds !== undefined) size.rounds = Number(options.rounds);
  if (!Number.isInteger(size.rounds) || size.rounds < 1)
    throw new Error('--rounds wants a whole number from 1 on');
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const started = Date.now();
  const rounds: Round[] = [];
  for (let n = 0; n < size.rounds; n++) {
    const order = n % 2 === 0 ? ENGINES : [...ENGINES].reverse();
    const round: Partial<Round> = {};
    for (const engine of order) {
      // What is read by people while it runs goes to stderr: stdout is the result.
      const say = (line: string): void => {
        const seconds = String(Math.round((Date.now() - started) / 1000)).padStart(4);
        console.error(`${seconds} s  round ${String(n + 1)}/${String(size.rounds)}  ${engine}: ${line}`);
      };
      say('starting');
      round[engine] = await measure({ engine, size, say, profileDir: options.profile });
    }
    rounds.push(round as Round);
  }
  const summary = summarise(rounds);
  if (options.json === true) {
    const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
    console.log(JSON.stringify({ machine, size, summary, rounds }, null, 2));
  } else print(summary);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopChildren());

new Command('bench')
  .description('Cordon beside bare Temporal and beside the least a run can cost, in interleaved rounds')
  .option('--quick', 'one short round: shows that it works, not how fast')
  .option('--json', 'the result as JSON')
  .option('--rounds <n>', 'how many rounds')
  .option('--profile <folder>', "write CPU profiles of Cordon's process; slows it down")
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
