'use strict';

/**
 * Packages that Jest must compile although they live in node_modules: those that ship ESM only
 * (Node 20.19 requires them, Jest's own module loader can't), and PGlite, whose CommonJS build uses
 * dynamic import(), which Jest's sandbox refuses.
 */
const compiled = ['@electric-sql/pglite', 'commander', 'jose', 'kysely', 'openid-client'];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/support/obtain-temporal.ts',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/lab/'],
  modulePathIgnorePatterns: ['<rootDir>/\\.cordon/', '<rootDir>/dist/', '<rootDir>/console/'],
  transform: {
    '^.+\\.[cm]?[jt]s$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript' },
          transform: { useDefineForClassFields: true },
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${compiled.join('|')})/)`],
  // The first test of a file waits for a server and a workflow bundle; on a loaded machine that is 15 s.
  testTimeout: 30_000,
  // Each test file may start a server of its own: two at a time, whatever the number of cores.
  maxWorkers: process.env['JEST_MAX_WORKERS'] ?? 2,
};
