import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(__dirname, '..');
const text = readFileSync(join(ROOT, 'docs/authoring.md'), 'utf8');
const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code);

test('the examples of the authors’ page compile as playbooks', () => {
  expect(blocks.length).toBeGreaterThan(1);
  const files = new Map(
    blocks.map((code, index) => [join(ROOT, `workflows/playbooks/example-${String(index)}.ts`), code]),
  );
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.json'),
    { noEmit: true },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (problem) => {
        throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, '\n'));
      },
    },
  );
  if (config === undefined) throw new Error('there is no tsconfig.json');
  const host = ts.createCompilerHost(config.options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.getSourceFile = (name, options, ...rest) => {
    const code = files.get(name);
    return code === undefined
      ? getSourceFile.call(host, name, options, ...rest)
      : ts.createSourceFile(name, code, options);
  };
  const program = ts.createProgram([...files.keys()], config.options, host);
  const problems = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return source === undefined ? [`${name} is not there`] : program.getSemanticDiagnostics(source).map(said);
  });
  expect(problems).toEqual([]);
}, 120_000);

const said = ({ file, start, messageText }: ts.Diagnostic): string => {
  const line =
    file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
  return `line ${String(line)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
};
