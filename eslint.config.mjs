import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Files that may be longer than the limit, each with its reason. */
const LONG_FILES = [];

export default tseslint.config(
  {
    ignores: ['node_modules/', 'dist/', 'coverage/', '.cordon/', 'console/', '**/*.cjs', 'eslint.config.mjs'],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  prettier,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // The two bugs that hurt most here: a floating promise in a workflow, and an async update validator.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A zod schema and its type share a name, and an empty `catch` binding is how an expected refusal reads.
      '@typescript-eslint/no-redeclare': 'off',
      'no-redeclare': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // Contracts and workflows run in Temporal's sandbox. Date and Math.random are replaced there, these are not.
    files: ['workflows/**/*.ts', 'contracts/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'Workflow code has no Node: do it in an activity.' }] },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'A workflow’s settings come as input, never from process.env.' },
        { name: 'Buffer', message: 'Not in the sandbox: use Uint8Array and TextEncoder.' },
        { name: 'fetch', message: 'Workflow code has no network: do it in an activity.' },
        { name: 'WeakRef', message: 'Garbage collection is not deterministic.' },
        { name: 'FinalizationRegistry', message: 'Garbage collection is not deterministic.' },
      ],
    },
  },
  {
    files: ['workflows/playbooks/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:', message: 'Workflow code has no Node: do it in an activity.' },
            {
              regex: '^@temporalio/',
              message: 'A playbook imports the kit only: it also runs without Temporal.',
            },
          ],
        },
      ],
    },
  },
  {
    // What a person reads on a terminal.
    files: ['cli/**/*.ts', 'bench/**/*.ts', 'test/lab/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // Test doubles implement async interfaces without awaiting, and expect(spy.method) mentions methods unbound.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  ...LONG_FILES.map((file) => ({ files: [file], rules: { 'max-lines': 'off' } })),
);
