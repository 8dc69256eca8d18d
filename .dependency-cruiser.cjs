'use strict';

/**
 * Imports go one way. Each folder lists what it may see; everything else is refused, type imports included.
 * `contracts` is the shared language, `workflows` is pure, `integrations` and `sources` are islands,
 * `server` is a client of Temporal, and only `cli/up` (the composition root) puts everything together.
 */

/** What an allow-list must not name: dependencies of the given folder outside the given paths. */
const only = (name, comment, from, allowed, extra = {}) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, ...extra },
  to: { pathNot: allowed },
});

const npm = (...names) => `(^|/)node_modules/(${names.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-resolvable',
      comment: 'An import that resolves to nothing escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    only('contracts-see-zod-only', 'Everybody speaks this language; it depends on nobody.', '^contracts/', [
      '^contracts/',
      npm('zod'),
    ]),
    only(
      'workflows-are-pure',
      'Workflow code runs in a sandbox and is replayed: no Node, no network, no other folder but contracts. ' +
        'The bundler would take axios into a workflow without a word.',
      '^workflows/',
      [
        '^workflows/',
        '^contracts/',
        npm('@temporalio/workflow', '@temporalio/common', 'zod', '@noble/hashes'),
      ],
    ),
    only(
      'playbooks-see-the-kit-only',
      'A playbook runs on Temporal and on the virtual clock alike, so it must not know which.',
      '^workflows/playbooks/',
      ['^workflows/playbooks/', '^workflows/kit/', '^contracts/'],
    ),
    {
      name: 'playbooks-are-islands',
      comment: 'A playbook is read on its own. What two of them share belongs in the kit.',
      severity: 'error',
      from: { path: '^workflows/playbooks/(?!index\\.ts$)' },
      to: { path: '^workflows/playbooks/' },
    },
    {
      name: 'integrations-see-contracts-and-vendors',
      comment:
        'An adapter is a plain function over one product: no Temporal, no SQL, no other part of Cordon.',
      severity: 'error',
      from: { path: '^integrations/' },
      to: {
        path: [
          '^(workflows|activities|sources|channels|planner|server|store|cli|temporal-config|bench|test|console)/',
          npm('@temporalio/[^/]+', 'kysely', 'pg', '@electric-sql/pglite', 'express', 'commander'),
        ],
      },
    },
    {
      name: 'integrations-are-islands',
      comment: 'One folder a product; what two products share belongs in integrations/kit.',
      severity: 'error',
      from: { path: '^integrations/(?!kit/)([^/]+)/' },
      to: { path: '^integrations/(?!kit/)', pathNot: '^integrations/$1/' },
    },
    {
      name: 'integrations-kit-knows-no-product',
      severity: 'error',
      from: { path: '^integrations/kit/' },
      to: { path: '^integrations/(?!kit/)' },
    },
    only(
      'sources-see-contracts-only',
      'Authentication and normalisation of a source are pure functions of the raw request.',
      '^sources/',
      ['^sources/', '^contracts/', npm('zod', '@noble/hashes'), '^(node:)?(crypto|buffer)$'],
    ),
    {
      name: 'sources-are-islands',
      severity: 'error',
      from: { path: '^sources/(?!kit/|index\\.ts$)([^/]+)' },
      to: { path: '^sources/(?!kit/)', pathNot: '^sources/$1' },
    },
    only(
      'channels-see-contracts-and-kits',
      'A channel is a plain function over one product, in both directions: no SQL, no server.',
      '^channels/',
      [
        '^channels/',
        '^contracts/',
        '^integrations/kit/',
        '^integrations/smtp/(client|schemas)\\.ts$',
        '^sources/kit/authentication\\.ts$',
        npm('zod'),
        '^(node:)?(crypto|buffer)$',
      ],
    ),
    {
      name: 'channels-are-islands',
      severity: 'error',
      from: { path: '^channels/(?!kit/|index\\.ts$)([^/]+)/' },
      to: { path: '^channels/(?!kit/)', pathNot: '^channels/$1/' },
    },
    {
      name: 'activities-do-the-work',
      comment:
        'Activities reach products through integrations and state through the store; they serve no HTTP.',
      severity: 'error',
      from: { path: '^activities/' },
      to: {
        path: [
          '^(workflows|planner|channels|server|cli|temporal-config|bench|test|console)/',
          npm('@temporalio/(worker|workflow|testing)', 'express', 'commander'),
        ],
      },
    },
    {
      name: 'store-is-sql',
      comment: 'The store speaks SQL and contracts, nothing else of Cordon.',
      severity: 'error',
      from: { path: '^store/' },
      to: {
        path: [
          '^(workflows|activities|integrations|sources|channels|planner|server|cli|temporal-config|bench|test|console)/',
          npm('@temporalio/[^/]+', 'express', 'axios', 'commander'),
        ],
      },
    },
    {
      name: 'planner-reaches-nothing',
      comment: 'A plan foretells: it runs playbooks in process, reads SQL, and has nothing to act with.',
      severity: 'error',
      from: { path: '^planner/' },
      to: {
        path: [
          '^(integrations|server|cli|temporal-config|bench|test|console)/',
          npm('@temporalio/[^/]+', 'express', 'axios', 'commander', 'ssh2', 'ldapts', 'nodemailer'),
        ],
      },
    },
    {
      name: 'plan-thread-has-facts-only',
      comment: 'What runs playbook code for a plan gets data: no store, no connection.',
      severity: 'error',
      from: { path: '^planner/(thread|foretell|foreteller|seal|facts)\\.ts$' },
      to: { path: '^(store|sources)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'server-is-a-client',
      comment:
        'The HTTP process starts and wakes runs; it never runs one, and calls no vendor but the channels to people.',
      severity: 'error',
      from: { path: '^server/' },
      to: {
        path: [
          '^(activities|integrations|planner|cli|bench|test)/',
          '^temporal-config/(?!(client|env|errors)\\.ts$)',
          '^workflows/(?!index\\.ts$)',
          npm('@temporalio/(worker|activity|workflow|testing|core-bridge)'),
        ],
      },
    },
    {
      name: 'temporal-config-knows-no-domain',
      comment: 'Connection, worker and bundle factories get their activities passed in.',
      severity: 'error',
      from: { path: '^temporal-config/' },
      to: {
        path: '^(workflows|activities|integrations|planner|sources|channels|server|store|cli|bench|test|console)/',
      },
    },
    {
      name: 'cli-speaks-http',
      comment:
        'Only the composition root (cli/up) sees the parts, and what works on the code of this folder (cli/authoring); every other verb is an HTTP client.',
      severity: 'error',
      from: {
        path: '^cli/',
        pathNot:
          '^cli/(up\\.ts$|up/|doctor\\.ts$|doctor/|journal-verify\\.ts$|plan-offline\\.ts$|authoring/)',
      },
      to: {
        path: [
          '^(workflows|activities|integrations|planner|sources|channels|server|store|temporal-config|bench|test)/',
          npm('@temporalio/[^/]+', 'kysely', 'pg', '@electric-sql/pglite'),
        ],
      },
    },
    {
      name: 'shipped-code-does-not-import-tests',
      severity: 'error',
      from: { pathNot: '^(test|bench)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-dev-dependencies-in-shipped-code',
      comment: 'What runs in production is listed in dependencies.',
      severity: 'error',
      from: {
        path: '^(contracts|workflows|activities|integrations|planner|sources|channels|server|store|cli|temporal-config)/',
      },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage|\\.cordon)/' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.json', '.d.ts'],
      mainFields: ['main', 'types'],
    },
    builtInModules: { add: [] },
  },
};
