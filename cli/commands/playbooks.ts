import { writeFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { api } from '../api';
import type * as Coverage from '../authoring/coverage';
import type * as Diff from '../authoring/diff';
import type * as Graph from '../authoring/graph';
import type * as Scaffold from '../authoring/scaffold';
import { say, sayJson, show, verb, type Common } from '../output';

/* eslint-disable @typescript-eslint/no-require-imports -- the other verbs must not load all playbooks */
const authoring = {
  graph: () => require('../authoring/graph') as typeof Graph,
  coverage: () => require('../authoring/coverage') as typeof Coverage,
  diff: () => require('../authoring/diff') as typeof Diff,
  scaffold: () => require('../authoring/scaffold') as typeof Scaffold,
};
/* eslint-enable @typescript-eslint/no-require-imports */

interface GraphOptions extends Common {
  format: 'mermaid' | 'svg';
  out?: string;
}

async function graph(playbook: string, { json, format, out }: GraphOptions): Promise<void> {
  const kit = authoring.graph();
  const made = await kit.graph(playbook);
  if (json === true && out === undefined) {
    sayJson(made);
    return;
  }
  const text =
    json === true ? `${JSON.stringify(made)}\n` : format === 'svg' ? kit.svgOf(made) : kit.mermaidOf(made);
  if (out === undefined) process.stdout.write(text);
  else {
    writeFileSync(out, text);
    say(`written to ${out}`);
  }
}

async function test(
  playbook: string,
  { coverage = false, json }: Common & { coverage?: boolean },
): Promise<void> {
  const result = await authoring.coverage().runTests(playbook, coverage);
  const { passed, never } = result;
  if (json === true) sayJson(result);
  else if (never?.length === 0) say('Every way of every decision and question was taken.');
  else for (const way of never ?? []) say(`never taken: ${way}`);
  if (!passed || (never !== undefined && never.length > 0)) process.exitCode = 1;
}

/** `cordon playbooks` */
export function playbookCommands(program: Command): void {
  const playbooks = program.command('playbooks').alias('playbook').description('playbooks');
  verb(playbooks, 'list', 'playbooks that can run').action(async (options: Common) => {
    const found = await api<{ items: { id: string; version: number; title: string }[] }>('GET', '/playbooks');
    show(options, found, ['playbook', 'title'], ({ id, version, title }) => [
      `${id}@${String(version)}`,
      title,
    ]);
  });
  verb(playbooks, 'new <id>', 'a new playbook with its test, registered; for who writes one in this folder')
    .requiredOption('--title <title>', 'what people call it')
    .requiredOption('--answers <what...>', 'ATT&CK techniques and alert categories that start it')
    .action((id: string, { json, title, answers }: Common & { title: string; answers: string[] }) => {
      const files = authoring.scaffold().scaffold({ id, title, answers });
      if (json === true) sayJson({ files });
      else {
        for (const file of files) say(`written: ${file}`);
        say(`Next: npx cordon playbooks test ${id} --coverage`);
      }
    });
  verb(playbooks, 'test <playbook>', 'runs the tests of a playbook of this folder')
    .option('--coverage', 'and names each way of its decisions and questions that no test took')
    .action(test);
  verb(playbooks, 'graph <playbook>', 'a picture of all ways through a playbook of this folder')
    .addOption(
      new Option('--format <format>', 'for a document, or a picture by itself')
        .choices(['mermaid', 'svg'])
        .default('mermaid'),
    )
    .option('--out <file>', 'write it there')
    .action(graph);
  verb(playbooks, 'diff <one> <other>', 'what two versions of a playbook do differently').action(
    async (one: string, other: string, { json }: Common) => {
      const changes = await authoring.diff().diff(one, other);
      if (json === true) sayJson(changes);
      else if (changes.every(({ sign }) => sign === ' ')) say('They do the same.');
      else for (const { sign, text } of changes) say(`${sign} ${text}`);
    },
  );
}
