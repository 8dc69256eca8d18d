import { writeFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { api } from '../api';
import type * as Offline from '../graph-offline';
import { say, sayJson, show, verb, type Common } from '../output';

interface GraphOptions extends Common {
  format: 'mermaid' | 'svg';
  out?: string;
}

/** `cordon playbooks` */
export function playbookCommands(program: Command): void {
  const playbooks = program.command('playbooks').description('playbooks');
  verb(playbooks, 'list', 'playbooks that can run').action(async (options: Common) => {
    const found = await api<{ items: { id: string; version: number; title: string }[] }>('GET', '/playbooks');
    show(options, found, ['playbook', 'title'], ({ id, version, title }) => [
      `${id}@${String(version)}`,
      title,
    ]);
  });
  verb(
    playbooks,
    'graph <playbook>',
    'a picture of all ways through a playbook of this folder; needs no server',
  )
    .addOption(
      new Option('--format <format>', 'for a document, or a picture by itself')
        .choices(['mermaid', 'svg'])
        .default('mermaid'),
    )
    .option('--out <file>', 'write it there')
    .action(async (playbook: string, options: GraphOptions) => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- the other verbs must not load the whole of it
      const offline = require('../graph-offline') as typeof Offline;
      const graph = await offline.graph(playbook);
      const text =
        options.json === true
          ? `${JSON.stringify(graph)}\n`
          : options.format === 'svg'
            ? offline.svgOf(graph)
            : offline.mermaidOf(graph);
      if (options.out !== undefined) {
        writeFileSync(options.out, text);
        say(`written to ${options.out}`);
      } else if (options.json === true) sayJson(graph);
      else process.stdout.write(text);
    });
}
